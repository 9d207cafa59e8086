import { isTreeMap, type Tree } from './document.ts'
import { RESERVED } from './names.ts'
import { didYouMean } from './nearest.ts'
import { AUTO } from './policy.ts'
import { found, type Issue } from './problem.ts'
import { list, map, text } from './tree.ts'

/** What of `gateway` no single value shows: names that must exist, and fallbacks that lead back to where they began. */
export function gatewayIssues(tree: Tree): Issue[] {
  if (!isTreeMap(tree) || !isTreeMap(tree.gateway)) return []
  return [...someModel(tree), ...modelNames(tree), ...fallbacksExist(tree), ...fallbacksFit(tree), ...circles(tree)]
}

const EXAMPLE = `gpt-4o: { model: openai/gpt-4o, api_key: "\${OPENAI_API_KEY}" }`

function someModel(tree: Tree): Issue[] {
  const { models } = map(tree, 'gateway')
  if (!isTreeMap(models) || Object.keys(models).length > 0) return []
  return [{ path: ['gateway', 'models'], message: `no model, expected at least one, e.g. ${EXAMPLE}` }]
}

const NAME = /^\w[\w.:@/-]{0,127}$/
const KEPT = [AUTO, ...RESERVED]

function modelNames(tree: Tree): Issue[] {
  return Object.keys(map(tree, 'gateway', 'models')).flatMap((name): Issue[] => {
    const expected = !NAME.test(name)
      ? 'a name of at most 128 letters, digits and _ . : @ / -'
      : KEPT.includes(name)
        ? 'another name: this word has a meaning of its own'
        : null
    if (expected === null) return []
    return [{ path: ['gateway', 'models', name], at: 'key', message: `${found(name)}, expected ${expected}` }]
  })
}

function fallbacksExist(tree: Tree): Issue[] {
  const models = Object.keys(map(tree, 'gateway', 'models'))
  const unknown = (name: string) =>
    `${found(name)}, expected one of gateway.models (${models.join(', ')})${didYouMean(name, models)}`
  return Object.keys(map(tree, 'gateway', 'fallbacks')).flatMap((from): Issue[] => {
    const targets = list(tree, 'gateway', 'fallbacks', from)
    const own: Issue[] = models.includes(from)
      ? []
      : [{ path: ['gateway', 'fallbacks', from], at: 'key', message: unknown(from) }]
    const theirs = targets.flatMap((to, i): Issue[] => {
      const path = ['gateway', 'fallbacks', from, i]
      if (typeof to !== 'string' || to.includes('${')) return []
      if (!models.includes(to)) return [{ path, message: unknown(to) }]
      return targets.indexOf(to) < i ? [{ path, message: `${found(to)} a second time; it has failed by then` }] : []
    })
    return [...own, ...theirs]
  })
}

function fallbacksFit(tree: Tree): Issue[] {
  const mode = (name: string) => text(map(tree, 'gateway', 'models', name), 'mode')
  return Object.keys(map(tree, 'gateway', 'fallbacks')).flatMap((from) =>
    list(tree, 'gateway', 'fallbacks', from).flatMap((to, i): Issue[] => {
      const [own, its] = [mode(from), typeof to === 'string' ? mode(to) : null]
      if (own === null || its === null || own === its) return []
      const message = `${found(to)}, which is of the mode ${its}, expected a model of the mode ${own}, as ${from} is`
      return [{ path: ['gateway', 'fallbacks', from, i], message }]
    }),
  )
}

/** A fallback may have fallbacks of its own; LiteLLM follows them, and would follow a circle until it gives up. */
function circles(tree: Tree): Issue[] {
  const next = (name: string) => list(tree, 'gateway', 'fallbacks', name).filter((to) => typeof to === 'string')
  const order = Object.keys(map(tree, 'gateway', 'fallbacks'))
  return order.flatMap((from, place) =>
    next(from).flatMap((to, i): Issue[] => {
      const back = wayBack(to, from, next)
      // A circle is told where it begins in the file, once.
      if (back === null || back.some((name) => order.indexOf(name) < place)) return []
      const message = `a circle: ${[from, ...back].join(' → ')}; expected fallbacks that lead on and never back`
      return [{ path: ['gateway', 'fallbacks', from, i], message }]
    }),
  )
}

/** The shortest way from one name to another, both included; null when there is none. */
function wayBack(from: string, to: string, next: (name: string) => readonly string[]): string[] | null {
  const before = new Map<string, string | null>([[from, null]])
  for (const name of before.keys()) {
    if (name === to) {
      const way: string[] = []
      for (let at: string | null = name; at !== null; at = before.get(at) ?? null) way.unshift(at)
      return way
    }
    for (const one of next(name)) if (!before.has(one)) before.set(one, name)
  }
  return null
}
