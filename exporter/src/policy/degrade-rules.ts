import type { Tree } from './document.ts'
import { gatewayModels, type Models, NO_MODEL, otherMode, unknownModel } from './gateway-models.ts'
import { isName } from './names.ts'
import { fits, ruleFor } from './pattern.ts'
import { AUTO, type DegradeRule } from './policy.ts'
import { found, type Issue } from './problem.ts'
import { map } from './tree.ts'

/** What of `degrade` no single value shows: models that must exist, of one mode, and maps that lead back. */
export function degradeIssues(tree: Tree): Issue[] {
  const gateway = gatewayModels(tree)
  const rules = degradeRules(tree)
  return [
    ...degradeNames(tree, gateway),
    ...rules.flatMap((rule) => targetIssue(rule, rules, gateway)),
    ...circles(rules),
  ]
}

/** Those that can be read; a `${…}` and a `*` are the schema's to refuse. */
function degradeRules(tree: Tree): DegradeRule[] {
  return Object.entries(map(tree, 'degrade')).flatMap(([from, to]) =>
    typeof to === 'string' && to !== '' && !/\$\{|\*/.test(to) ? [{ from, to }] : [],
  )
}

function degradeNames(tree: Tree, gateway: Models): Issue[] {
  return Object.keys(map(tree, 'degrade')).flatMap((from): Issue[] => {
    const message = nameProblem(from, gateway)
    return message === null ? [] : [{ path: ['degrade', from], at: 'key', message }]
  })
}

function nameProblem(from: string, gateway: Models): string | null {
  if (!isName(from)) return `${found(from)}, expected a model name or a pattern with *, at most 256 characters`
  if (gateway === null) return from === AUTO ? NO_MODEL : null
  if (!from.includes('*')) return gateway.has(from) ? null : unknownModel(from, gateway)
  if ([...gateway.keys()].some((name) => fits(from, name))) return null
  return `${found(from)}, which fits none of gateway.models (${[...gateway.keys()].join(', ')})`
}

function targetIssue({ from, to }: DegradeRule, rules: readonly DegradeRule[], gateway: Models): Issue[] {
  const issue = (message: string): Issue[] => [{ path: ['degrade', from], message }]
  if (gateway === null) return to === AUTO ? issue(NO_MODEL) : []
  const mode = gateway.get(to)
  if (mode === undefined) return issue(unknownModel(to, gateway))
  for (const [name, own] of gateway) {
    if (ruleFor(rules, name)?.from !== from || own === null || mode === null || own === mode) continue
    return issue(otherMode(to, mode, { expected: own, as: name }))
  }
  return []
}

/**
 * A map that leads back names no cheaper model. A pattern that its own target fits is none: `gpt-*: gpt-4o-mini` leaves
 * gpt-4o-mini as it is.
 */
function circles(rules: readonly DegradeRule[]): Issue[] {
  return rules.flatMap((rule, place): Issue[] => {
    const way = wayBack(rule, rules)
    // A circle is told where it begins in the file, once.
    if (way === null || way.some((name) => rules.findIndex(({ from }) => fits(from, name)) < place)) return []
    const message = `a circle: ${[way.at(-1), ...way].join(' → ')}; expected cheaper models, which lead on and never back`
    return [{ path: ['degrade', rule.from], message }]
  })
}

/** From a rule's target on, the models that lead back to the rule; null when they do not. */
function wayBack(rule: DegradeRule, rules: readonly DegradeRule[]): string[] | null {
  const way: string[] = []
  for (let at = rule.to; !way.includes(at); ) {
    way.push(at)
    const next = ruleFor(rules, at)
    if (next === null || (next.to === at && next.from !== at)) return null
    if (next === rule) return way
    at = next.to
  }
  return null
}
