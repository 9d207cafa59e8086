import { isTreeMap, type Tree } from './document.ts'
import { didYouMean } from './nearest.ts'
import { AUTO } from './policy.ts'
import { found } from './problem.ts'
import { map, text } from './tree.ts'

/** Public name → mode; null when the file describes no gateway. */
export type Models = ReadonlyMap<string, string | null> | null

export function gatewayModels(tree: Tree): Models {
  if (!isTreeMap(tree) || !isTreeMap(tree.gateway)) return null
  const models = map(tree, 'gateway', 'models')
  return new Map(Object.keys(models).map((name) => [name, text(map(models, name), 'mode')]))
}

export function unknownModel(name: string, models: NonNullable<Models>): string {
  const known = [...models.keys()]
  return `${found(name)}, expected one of gateway.models (${known.join(', ')})${didYouMean(name, known)}`
}

export const NO_MODEL = `found "${AUTO}", expected a model: calls ask for ${AUTO} when the routes are to choose one`

export function otherMode(name: string, mode: string, { expected, as }: { expected: string; as: string }): string {
  return `${found(name)}, which is of the mode ${mode}, expected a model of the mode ${expected}, as ${as} is`
}
