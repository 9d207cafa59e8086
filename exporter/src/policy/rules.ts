import { TOKEN_CLASSES } from '../usage.ts'
import { budgetIssues } from './budget-rules.ts'
import { degradeIssues } from './degrade-rules.ts'
import { isTreeMap, type Tree } from './document.ts'
import { exposed } from './exposure.ts'
import { gatewayIssues } from './gateway-rules.ts'
import { host as hostKind, Refusal } from './kinds.ts'
import { langfuseIssues } from './langfuse-rules.ts'
import { isName, RESERVED } from './names.ts'
import { didYouMean } from './nearest.ts'
import { found, type Issue, type Path } from './problem.ts'
import { priceKey } from './schema.ts'
import { rateIssues } from './rate-rules.ts'
import { routeIssues } from './route-rules.ts'
import { date, list, map, span, text } from './tree.ts'

/**
 * What no single value shows: names that must exist, dates that contradict each other, things said twice. The rules read
 * the tree and not the checked values, so that they also speak when something else in the file is wrong; whatever has the
 * wrong shape is left to the schema.
 */
export function crossFieldIssues(tree: Tree): Issue[] {
  return [
    ...names(tree),
    ...tiersExist(tree),
    ...priceDates(tree),
    ...customerDates(tree),
    ...datedEntries(tree, ['prices', 'overrides'], ['model', 'provider'], 'model and provider'),
    ...rateIssues(tree),
    ...saysSomething(tree),
    ...placesOnce(tree),
    ...keptOnce(tree),
    ...windows(tree),
    ...budgetIssues(tree),
    ...degradeIssues(tree),
    ...routeIssues(tree),
    ...gatewayIssues(tree),
    ...langfuseIssues(tree),
    ...exposure(tree),
  ]
}

const TIER_NAME = /^[A-Za-z][\w.-]{0,63}$/

function names(tree: Tree): Issue[] {
  const issues: Issue[] = []
  for (const name of Object.keys(map(tree, 'tiers'))) {
    const expected = !TIER_NAME.test(name)
      ? 'a tier name of at most 64 letters, digits, _, - and ., with a letter first'
      : RESERVED.includes(name)
        ? 'another tier name: this word stands for calls without one'
        : null
    if (expected) issues.push({ path: ['tiers', name], at: 'key', message: `${found(name)}, expected ${expected}` })
  }
  for (const alias of Object.keys(map(tree, 'api_keys'))) {
    if (isName(alias)) continue
    const message = `${found(alias)}, expected the alias of a key of at most 256 characters`
    issues.push({ path: ['api_keys', alias], at: 'key', message })
  }
  list(tree, 'customers').forEach((entry, i) => {
    const id = text(entry, 'id')
    if (id === null || !RESERVED.includes(id)) return
    issues.push({
      path: ['customers', i, 'id'],
      message: `${found(id)}, expected another name: this word stands for calls without one`,
    })
  })
  return issues
}

function tiersExist(tree: Tree): Issue[] {
  const tiers = Object.keys(map(tree, 'tiers'))
  const unknown = (tier: string) => {
    const known = tiers.length === 0 ? 'but the policy names no tiers' : `expected one of the tiers ${tiers.join(', ')}`
    return `${found(tier)}, ${known}${didYouMean(tier, tiers)}`
  }
  const users: [Path, Tree | undefined][] = [
    ...list(tree, 'customers').map((entry, i): [Path, Tree] => [['customers', i], entry]),
    ...Object.entries(map(tree, 'api_keys')).map(([alias, owner]): [Path, Tree] => [['api_keys', alias], owner]),
    ...list(tree, 'budgets', 'messages').map((entry, i): [Path, Tree] => [['budgets', 'messages', i], entry]),
  ]
  const limited = Object.keys(map(tree, 'budgets', 'tiers')).filter((tier) => !tiers.includes(tier))
  const ofUsers = users.flatMap(([path, entry]): Issue[] => {
    const tier = text(entry, 'tier')
    // A `${…}` is the schema's to refuse.
    if (tier === null || tier.includes('${') || tiers.includes(tier)) return []
    return [{ path: [...path, 'tier'], message: unknown(tier) }]
  })
  return [
    ...ofUsers,
    ...limited.map((tier): Issue => ({ path: ['budgets', 'tiers', tier], at: 'key', message: unknown(tier) })),
  ]
}

/** What is wrong with the names and dates of `customers`, for those who have such entries from elsewhere. `nameOf` names one. */
export function customerIssues(tree: Tree, nameOf: (index: number) => string): Issue[] {
  const ofCustomers = (issue: Issue) => issue.path[0] === 'customers'
  return [...names(tree).filter(ofCustomers), ...tiersExist(tree).filter(ofCustomers), ...customerDates(tree, nameOf)]
}

function customerDates(tree: Tree, nameOf?: (index: number) => string): Issue[] {
  const trials = list(tree, 'customers').flatMap((entry, i): Issue[] => {
    const [from, to, until] = [date(entry, 'from'), date(entry, 'to'), date(entry, 'trial_until')]
    const expected =
      until === null
        ? null
        : from !== null && until <= from
          ? `a day after from (${from}); it is the first day that is paid for`
          : to !== null && until > to
            ? `a day not after to (${to})`
            : null
    return expected === null
      ? []
      : [{ path: ['customers', i, 'trial_until'], message: `${found(until)}, expected ${expected}` }]
  })
  return [...datedEntries(tree, ['customers'], ['id'], 'customer', nameOf), ...trials]
}

/** Of the prices of a plan no two begin on the same day. */
function priceDates(tree: Tree): Issue[] {
  return Object.keys(map(tree, 'tiers')).flatMap((tier) => {
    const first = new Map<string | null, number>()
    return list(tree, 'tiers', tier, 'price_usd').flatMap((entry, i): Issue[] => {
      const from = date(entry, 'from')
      if (!isTreeMap(entry) || (from === null && text(entry, 'from') !== null)) return []
      const earlier = first.get(from)
      if (earlier === undefined) first.set(from, i)
      if (earlier === undefined) return []
      const message = `the same from as entry [${earlier}]; remove one, or give it a from of its own`
      return [{ path: ['tiers', tier, 'price_usd', i], message }]
    })
  })
}

/** Entries with dates: no range ends before it begins, and of one thing no two begin on the same day. */
function datedEntries(
  tree: Tree,
  where: Path,
  identity: readonly string[],
  what: string,
  nameOf = (index: number) => `entry [${index}]`,
): Issue[] {
  const issues: Issue[] = []
  const first = new Map<string, number>()
  list(tree, ...where).forEach((entry, i) => {
    const [from, to] = [date(entry, 'from'), date(entry, 'to')]
    if (from && to && to <= from) {
      issues.push({
        path: [...where, i, 'to'],
        message: `${found(to)}, expected a day after from (${from}); to is the first day on which the entry no longer holds`,
      })
    }
    // Without its name, or with a date that is none, an entry cannot be told from another.
    if (text(entry, identity[0] ?? '') === null || (from === null && text(entry, 'from') !== null)) return
    const key = JSON.stringify([...identity.map((name) => text(entry, name)), from])
    const earlier = first.get(key)
    if (earlier === undefined) first.set(key, i)
    else
      issues.push({
        path: [...where, i],
        message: `the same ${what} with the same from as ${nameOf(earlier)}; remove one, or give it a from of its own`,
      })
  })
  return issues
}

function saysSomething(tree: Tree): Issue[] {
  const issues: Issue[] = []
  const prices = TOKEN_CLASSES.map(priceKey)
  list(tree, 'prices', 'overrides').forEach((entry, i) => {
    if (!isTreeMap(entry) || prices.some((key) => entry[key] != null)) return
    const message = `no price, expected at least one of ${prices.join(', ')}`
    issues.push({ path: ['prices', 'overrides', i], message })
  })
  for (const [alias, owner] of Object.entries(map(tree, 'api_keys'))) {
    if (!isTreeMap(owner) || Object.values(owner).some((value) => value != null)) continue
    const message = 'says nothing about its owner, expected at least one of customer, tier, user, agent, environment'
    issues.push({ path: ['api_keys', alias], at: 'key', message })
  }
  return issues
}

function placesOnce(tree: Tree): Issue[] {
  return Object.keys(map(tree, 'attribution')).flatMap((attribute) => {
    const places = list(tree, 'attribution', attribute)
    return places.flatMap((place, i) =>
      typeof place === 'string' && places.indexOf(place) < i
        ? [
            {
              path: ['attribution', attribute, i],
              message: `${found(place)} a second time; the first look finds all there is`,
            },
          ]
        : [],
    )
  })
}

function keptOnce(tree: Tree): Issue[] {
  const services = list(tree, 'margin', 'keep')
  return services.flatMap((service, i): Issue[] =>
    typeof service === 'string' && services.indexOf(service) < i
      ? [{ path: ['margin', 'keep', i], message: `${found(service)} a second time; once is enough` }]
      : [],
  )
}

/** An event that is reported again after its first report can no longer be found would be counted twice. */
function windows(tree: Tree): Issue[] {
  const issues: Issue[] = []
  const [window, retention] = [span(tree, 'ledger', 'dedupe_window'), span(tree, 'ledger', 'retention')]
  if (window && retention && retention.ms < window.ms) {
    const message = `${found(retention.text)}, expected at least ledger.dedupe_window (${window.text}): a second report of an event that is already folded would be counted again`
    issues.push({ path: ['ledger', 'retention'], message })
  }
  const lag = span(tree, 'sources', 'litellm', 'poll', 'lag')
  const every = span(tree, 'sources', 'litellm', 'poll', 'every')
  if (window && lag && every && window.ms < lag.ms + every.ms) {
    const message = `${found(window.text)}, expected at least sources.litellm.poll.lag (${lag.text}) and every (${every.text}) together: a call that is polled twice would be counted twice`
    issues.push({ path: ['ledger', 'dedupe_window'], message })
  }
  return issues
}

function exposure(tree: Tree): Issue[] {
  const host = text(map(tree, 'server'), 'host')
  if (host === null || hostKind.read(host) instanceof Refusal) return []
  const keys = map(tree, 'server', 'keys')
  const push = text(map(tree, 'sources', 'litellm'), 'push') !== 'false'
  const message = exposed({ host, push, reader: keys.reader != null, ingest: keys.ingest != null })
  return message === null ? [] : [{ path: ['server', 'host'], message }]
}
