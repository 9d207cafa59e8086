import { isTreeMap, type Tree, type TreeMap } from './document.ts'
import type { Path } from './problem.ts'
import { readDate, readDuration } from './units.ts'

// What stands at a place of the tree, for rules that look across it: nothing where the shape is wrong, which is the schema's to say.

function at(tree: Tree | undefined, ...path: Path): Tree | undefined {
  let value = tree
  for (const step of path)
    value = isTreeMap(value) ? value[step] : Array.isArray(value) && typeof step === 'number' ? value[step] : undefined
  return value
}

export function map(tree: Tree, ...path: Path): TreeMap {
  const value = at(tree, ...path)
  return isTreeMap(value) ? value : {}
}

export function list(tree: Tree, ...path: Path): Tree[] {
  const value = at(tree, ...path)
  return Array.isArray(value) ? value : []
}

export function text(tree: Tree | undefined, key: string): string | null {
  const value = at(tree, key)
  return typeof value === 'string' ? value : null
}

export function date(tree: Tree, key: string): string | null {
  return readDate(text(tree, key) ?? '') ?? null
}

export function span(tree: Tree, ...path: Path): { text: string; ms: number } | null {
  const value = at(tree, ...path)
  const ms = typeof value === 'string' ? readDuration(value) : undefined
  return ms === undefined ? null : { text: String(value), ms }
}
