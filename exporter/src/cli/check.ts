import { usd } from '@marginwatch/pricing'
import { createCalendar, dayText } from '../calendar.ts'
import type { Env } from '../policy/kinds.ts'
import { judge, lookAt } from '../policy/look.ts'
import type { FieldRef, Policy } from '../policy/policy.ts'
import { formatHint, formatProblem } from '../policy/problem.ts'
import type { RosterReading } from '../policy/roster-file.ts'
import { priceAt } from '../policy/tiers.ts'
import { durationText } from '../policy/units.ts'
import { readLook } from '../roster/file.ts'
import { budgetSummary } from './budget-summary.ts'

export interface CheckOptions {
  /** The policy file; it must exist. */
  readonly path: string
  /** Where the keys that the file names are looked up. */
  readonly env: Env
  readonly now: () => number
  /** Takes one line, without its end. */
  readonly out: (line: string) => void
}

/**
 * `marginwatch check`: prints every problem of the policy file and of its file of customers, one a line, and returns 1; of good
 * files a summary and hints at what the policy says to no effect, and returns 0. Prints no key.
 */
export async function runCheck({ path, env, now, out }: CheckOptions): Promise<0 | 1> {
  const reading = judge(await lookAt(path), { path, env }, { mustExist: true })
  if (reading.problems) {
    for (const problem of reading.problems) out(formatProblem(problem))
    return 1
  }
  const { policy, hints } = reading
  const { file } = policy.roster
  const roster = file === null ? null : readLook(await lookAt(file), file, policy)
  for (const problem of roster?.problems ?? []) out(formatProblem(problem))
  if (roster !== null && roster.problems.length > 0) return 1
  for (const line of [`${path}: good`, ...summary(policy, roster, now()), ...hints.map(formatHint)]) out(line)
  return 0
}

/** What the policy says, in a few lines. */
function summary(policy: Policy, file: RosterReading | null, now: number): string[] {
  const { host, port } = policy.server
  const retention = policy.ledger.retentionMs
  return [
    `tiers: ${tiers(policy, now)}`,
    `customers: ${customers(policy)}`,
    `roster: ${roster(policy, file, now)}`,
    `litellm: ${litellm(policy)}`,
    ...containers(policy),
    `langfuse: ${langfuse(policy)}`,
    ...budgetSummary(policy),
    `margin: ${margin(policy)}`,
    `gateway: ${gateway(policy)}`,
    `customer of a call: ${policy.attribution.customer.map(placeText).join(', then ') || 'not looked for'}`,
    `prices: ${policy.prices.profile === 'development' ? 'development, everything costs nothing' : 'production'}, ${count(policy.prices.overrides.length, 'override')}`,
    `listens on: ${host.includes(':') ? `[${host}]` : host}:${port}, ${keys(policy)}`,
    `ledger: events kept ${retention === null ? 'forever' : `for ${durationText(retention)}`}; days begin in ${policy.timezone}`,
  ]
}

function tiers(policy: Policy, now: number): string {
  const each = Object.entries(policy.tiers).map(([name, tier]) => {
    const price = priceAt(tier, now)
    return price === null ? `${name} without a price yet` : `${name} $${usd(price)}`
  })
  return each.length === 0 ? 'none, so no margin can be told' : `${each.join(', ')} a customer and month`
}

/** Where else customers come from, and from when on a change of them counts. */
function roster({ roster, timezone }: Policy, file: RosterReading | null, now: number): string {
  const calendar = createCalendar(timezone)
  const named = file === null ? 0 : new Set(file.entries.map(({ id }) => id)).size
  const from = [
    ...(roster.file === null ? [] : [`${count(named, 'customer')} of ${roster.file}`]),
    ...(roster.litellm ? ["LiteLLM's customers"] : []),
    ...(roster.traffic ? ['customers found in traffic'] : []),
  ]
  const since = dayText(calendar.monthOf(calendar.day(now)))
  return `${from.join(', ') || 'nobody else'}; months that are over do not move: a change counts from ${since} on`
}

function customers({ customers, apiKeys }: Policy): string {
  const named = new Set(customers.map(({ id }) => id)).size
  return `${named} named here, ${count(Object.keys(apiKeys).length, 'API key')} with an owner`
}

function litellm({ sources }: Policy): string {
  const { push, poll } = sources.litellm
  const polled = poll ? `asked at ${poll.url} every ${durationText(poll.everyMs)}` : null
  return [push ? 'taken by push' : null, polled].filter((way) => way !== null).join(', ') || 'not used'
}

function margin({ margin: { allocate, keep } }: Policy): string {
  const apart = keep.length === 0 ? '' : `, but for ${keep.join(', ')}`
  return `infrastructure is divided among customers by ${allocate.replace('_', ' ')}${apart}`
}

/** Nothing of a file that speaks of no containers. */
function containers({ sources, rates, timezone }: Policy): string[] {
  const { docker } = sources
  const dated = rates.containers.flatMap(({ from }) =>
    from === null ? [] : [dayText(createCalendar(timezone).day(from))],
  )
  const priced =
    rates.containers.length === 0
      ? 'without rates'
      : `at ${count(rates.containers.length, 'rate')}${dated.length === 0 ? '' : `, from ${dated.sort().join(', ')} on`}`
  if (docker === null) return rates.containers.length === 0 ? [] : [`containers: not read, ${priced}`]
  const whose = docker.project === null ? 'all of them' : `those of ${docker.project}`
  return [`containers: ${whose}, asked at ${docker.url} every ${durationText(docker.everyMs)}, ${priced}`]
}

function langfuse({ sources }: Policy): string {
  const each = sources.langfuse.map(
    ({ name, url, everyMs, role, adminKey, events }) =>
      `${name} asked at ${url} every ${durationText(everyMs)}, ${ROLES[role]}${adminKey === null ? '' : ', with its queues'}` +
      (events ? ', with events written onto its traces' : ''),
  )
  return each.join('; ') || 'not used'
}

const ROLES = { reconcile: 'to reconcile', spend: 'as spend where the gateway knows nothing' } as const

/** What LiteLLM's configuration will say, once it is generated. */
function gateway({ gateway }: Policy): string {
  if (gateway === null) return 'not described here, so marginwatch generate writes nothing'
  const { models, fallbacks, retries, timeoutMs, cache, cacheTtlMs, langfuse, prometheus } = gateway
  const embedding = Object.values(models).filter(({ mode }) => mode !== 'chat').length
  const others = embedding === 0 ? '' : ` (${embedding} not for chat)`
  const chains = Object.entries(fallbacks).map(([from, to]) => [from, ...to].join(' → '))
  return [
    `${count(Object.keys(models).length, 'model')}${others}`,
    `a try takes ${durationText(timeoutMs)} at most and is repeated ${retries === 1 ? 'once' : `${retries} times`}`,
    chains.length === 0 ? 'no fallbacks' : `fallbacks ${chains.join(', ')}`,
    cache === 'off'
      ? 'no cache'
      : `answers kept for ${durationText(cacheTtlMs)} in ${cache === 'redis' ? 'Redis' : 'memory'}`,
    langfuse ? `traces to ${langfuse.host}` : 'no traces',
    ...(prometheus ? ["LiteLLM's own metrics"] : []),
  ].join('; ')
}

function keys({ server }: Policy): string {
  const set = Object.entries(server.keys).flatMap(([role, key]) => (key === null ? [] : [role]))
  return set.length === 0 ? 'open to this machine, without keys' : `with a key for ${set.join(', ')}`
}

function placeText({ in: where, name }: FieldRef): string {
  return where === 'field' ? name : `${where}.${name}`
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}
