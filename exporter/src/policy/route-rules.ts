import { OTHERWISE } from './budgets.ts'
import { isTreeMap, type Tree } from './document.ts'
import { gatewayModels, type Models, NO_MODEL, otherMode, unknownModel } from './gateway-models.ts'
import { isName } from './names.ts'
import { AUTO } from './policy.ts'
import { found, type Issue, type Path } from './problem.ts'
import { list, text } from './tree.ts'
import { readDollars } from './units.ts'

/** What of `routes` no single value shows: the route for all others, models that must exist, bands that run backwards. */
export function routeIssues(tree: Tree): Issue[] {
  if (!isTreeMap(tree) || !isTreeMap(tree.routes)) return []
  const { routes } = tree
  const gateway = gatewayModels(tree)
  const issues: Issue[] = []
  if (routes[OTHERWISE] == null) {
    const message = `no route ${OTHERWISE}, expected one for all other calls that ask for ${AUTO}, e.g. ${OTHERWISE}: { model: gpt-4o-mini }`
    issues.push({ path: ['routes'], at: 'key', message })
  }
  const usual = gateway?.get(text(routes[OTHERWISE], 'model') ?? '') ?? null
  for (const name of Object.keys(routes)) {
    if (!isName(name)) {
      const message = `${found(name)}, expected a query type of at most 256 characters`
      issues.push({ path: ['routes', name], at: 'key', message })
    }
    issues.push(...routeModel(name, text(routes[name], 'model'), gateway, usual), ...band(tree, name))
  }
  return issues
}

function routeModel(name: string, model: string | null, gateway: Models, usual: string | null): Issue[] {
  // A `${…}` and a `*` are the schema's to refuse.
  if (model === null || /\$\{|\*/.test(model)) return []
  const mode = gateway?.get(model)
  const message =
    gateway === null
      ? model === AUTO
        ? NO_MODEL
        : null
      : mode === undefined
        ? unknownModel(model, gateway)
        : mode !== null && usual !== null && mode !== usual
          ? otherMode(model, mode, { expected: usual, as: `the route ${OTHERWISE}` })
          : null
  return message === null ? [] : [{ path: ['routes', name, 'model'], message }]
}

function band(tree: Tree, name: string): Issue[] {
  const path: Path = ['routes', name, 'expect_usd']
  const amounts = list(tree, ...path)
  if (amounts.length === 0) return []
  if (amounts.length !== 2) {
    const message = `found ${amounts.length === 1 ? 'one amount' : `${amounts.length} amounts`}, expected the least and the most, e.g. [0.001, 0.005]`
    return [{ path, message }]
  }
  const [least, most] = amounts.map((amount) => (typeof amount === 'string' ? readDollars(amount) : undefined))
  if (least == null || most == null || least <= most) return []
  return [
    { path: [...path, 1], message: `${found(amounts[1])}, expected at least what stands before it (${amounts[0]})` },
  ]
}
