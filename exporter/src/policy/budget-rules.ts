import { isTreeMap, type Tree } from './document.ts'
import { NONE } from './kinds.ts'
import { isName, RESERVED } from './names.ts'
import { MESSAGE_PLACES, placeProblem, SPEND_PLACES } from './placeholders.ts'
import { found, type Issue, type Path } from './problem.ts'
import { thresholdIssues } from './threshold-rules.ts'
import { list, map, text } from './tree.ts'

/** What of `budgets` no single value shows: names that must exist, things said twice, thresholds without sense. */
export function budgetIssues(tree: Tree): Issue[] {
  return [
    ...ladders(tree).flatMap(({ path, pausable }) => thresholdIssues(tree, path, pausable)),
    ...namesOf(tree, 'customers', 'a customer'),
    ...namesOf(tree, 'agents', 'an agent'),
    ...agentsHaveLadder(tree),
    ...periodsOnce(tree),
    ...spendIssues(tree),
    ...messageIssues(tree),
    ...backstopHasWay(tree),
  ]
}

/** Where the file has thresholds; only an agent can be paused. */
function ladders(tree: Tree): { path: Path; pausable: boolean }[] {
  const own = ['customer', 'tenant_day', 'unknown_customers'].map((scope): Path => ['budgets', scope])
  const tiers = Object.keys(map(tree, 'budgets', 'tiers')).map((tier): Path => ['budgets', 'tiers', tier])
  const total = list(tree, 'budgets', 'total').map((_, i): Path => ['budgets', 'total', i])
  const others = [...own, ...tiers, ...total].map((path) => ({ path, pausable: false }))
  return [{ path: ['budgets', 'agent'], pausable: true }, ...others]
}

function namesOf(tree: Tree, of: 'customers' | 'agents', what: string): Issue[] {
  return Object.keys(map(tree, 'budgets', of)).flatMap((name): Issue[] => {
    const expected = RESERVED.includes(name)
      ? 'another name: this word stands for calls without one'
      : isName(name)
        ? null
        : `the name of ${what}, at most 256 characters`
    if (expected === null) return []
    return [{ path: ['budgets', of, name], at: 'key', message: `${found(name)}, expected ${expected}` }]
  })
}

function agentsHaveLadder(tree: Tree): Issue[] {
  const { agent } = map(tree, 'budgets')
  if (agent !== NONE || Object.keys(map(tree, 'budgets', 'agents')).length === 0) return []
  const message = `found limits of single agents beside agent: ${NONE}, which takes the limits of all; expected agent to be a block`
  return [{ path: ['budgets', 'agents'], at: 'key', message }]
}

function periodsOnce(tree: Tree): Issue[] {
  const message = (period: string, first: number) =>
    `${found(period)}, as entry [${first}] has; remove one: the lower limit would be the only one that counts`
  return twice(list(tree, 'budgets', 'total'), (entry) => text(entry, 'period')).map(({ i, key, first }) => ({
    path: ['budgets', 'total', i, 'period'],
    message: message(key, first),
  }))
}

function spendIssues(tree: Tree): Issue[] {
  const entries = list(tree, 'budgets', 'spend')
  const names = twice(entries, (entry) => text(entry, 'name')).map(
    ({ i, key, first }): Issue => ({
      path: ['budgets', 'spend', i, 'name'],
      message: `${found(key)}, as entry [${first}] is named; expected a name of its own: notices are told apart by it`,
    }),
  )
  return [...names, ...entries.flatMap((entry, i) => texts(entry, ['budgets', 'spend', i, 'message'], SPEND_PLACES))]
}

function messageIssues(tree: Tree): Issue[] {
  const entries = list(tree, 'budgets', 'messages')
  const identity = (entry: Tree) =>
    isTreeMap(entry)
      ? JSON.stringify([text(entry, 'for'), text(entry, 'tier'), text(entry, 'language')?.toLowerCase()])
      : null
  const again = twice(entries, identity).map(
    ({ i, first }): Issue => ({
      path: ['budgets', 'messages', i],
      message: `the same for, tier and language as entry [${first}]; remove one`,
    }),
  )
  return [...again, ...entries.flatMap((entry, i) => texts(entry, ['budgets', 'messages', i, 'text'], MESSAGE_PLACES))]
}

function texts(entry: Tree, path: Path, places: readonly string[]): Issue[] {
  const written = text(entry, String(path.at(-1)))
  // A `${…}` is the schema's to refuse.
  if (written === null || written.includes('${')) return []
  const message = placeProblem(written, places)
  return message === null ? [] : [{ path, message }]
}

function backstopHasWay(tree: Tree): Issue[] {
  if (!isTreeMap(map(tree, 'budgets').backstop ?? null) || isTreeMap(map(tree, 'sources', 'litellm').poll ?? null))
    return []
  const message =
    "nothing to write to, expected sources.litellm.poll beside it: LiteLLM's own budgets are written to its address and with its key"
  return [{ path: ['budgets', 'backstop'], at: 'key', message }]
}

/** Entries that are the same as an earlier one by their key; null = has none. */
function twice(entries: readonly Tree[], keyOf: (entry: Tree) => string | null) {
  const seen = new Map<string, number>()
  return entries.flatMap((entry, i) => {
    const key = keyOf(entry)
    const first = key === null ? undefined : seen.get(key)
    if (key !== null && first === undefined) seen.set(key, i)
    return key === null || first === undefined ? [] : [{ i, key, first }]
  })
}
