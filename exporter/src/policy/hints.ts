import type { Nano } from '@marginwatch/pricing'
import { METERS } from '../usage.ts'
import type {
  BudgetPeriod,
  BudgetPolicy,
  ContainerRate,
  LimitedLadder,
  Policy,
  SpendPeriod,
  SpendThreshold,
} from './policy.ts'
import type { Issue, Path } from './problem.ts'
import { RATE_KEYS } from './rate-rules.ts'
import { dollarsText, percentText } from './units.ts'

/** A sum that calls stop at, and what of the file says so. */
interface Cap {
  readonly at: Nano
  readonly from: string
}

/** What a good policy says to no effect: thresholds that a lower limit, where calls stop, keeps from being reached. */
export function unreachable(policy: Policy): Issue[] {
  const { budgets } = policy
  return [...spendHints(policy), ...warnHint(budgets), ...ladders(budgets).flatMap(beyondStop)]
}

/** Containers that are metered without anything to say what they, or a part of what they use, cost. */
export function withoutRates({ sources, rates }: Policy): Issue[] {
  if (sources.docker === null) return []
  if (rates.containers.length > 0) return rates.containers.flatMap(unrated)
  const message =
    'what the containers cost stays unknown: there are no rates.containers, so no margin has infrastructure in it'
  return [{ path: ['sources', 'docker'], message }]
}

function unrated(rate: ContainerRate, i: number): Issue[] {
  const missing = METERS.filter((meter) => rate[meter] === null).map((meter) => RATE_KEYS[meter])
  if (missing.length === 0) return []
  const message = `without ${missing.join(' and ')} a part of what containers use has no known cost, so no margin has infrastructure in it; 0 says that it costs nothing`
  return [{ path: ['rates', 'containers', i], message }]
}

/** Events on traces that the gateway writes elsewhere, so that none lies beside its call. */
export function eventsElsewhere({ sources, gateway }: Policy): Issue[] {
  const traced = gateway?.langfuse?.host
  if (traced === undefined) return []
  return sources.langfuse.flatMap((project, i): Issue[] => {
    if (!project.events || sameAddress(project.url, traced)) return []
    const message = `LiteLLM writes its traces to ${traced} (gateway.langfuse), so these events lie beside none of its calls`
    return [{ path: ['sources', 'langfuse', i, 'events'], message }]
  })
}

function sameAddress(a: string, b: string): boolean {
  return new URL(a).origin === new URL(b).origin
}

function spendHints(policy: Policy): Issue[] {
  return policy.budgets.spend.flatMap((spend, i): Issue[] => {
    const caps = capsOn(spend.period, policy).filter(({ at }) => at < spend.usd)
    const [cap] = caps.sort((a, b) => (a.at < b.at ? -1 : 1))
    if (cap === undefined) return []
    return [{ path: ['budgets', 'spend', i], message: `${told(spend)} is never reached: ${cap.from}` }]
  })
}

function told({ name, usd }: SpendThreshold): string {
  return `${name} at ${dollarsText(usd)}`
}

function capsOn(period: SpendPeriod, { budgets, tiers }: Policy): Cap[] {
  if (period === 'conversation') {
    const { limit } = budgets.session
    return limit === null ? [] : [{ at: limit, from: `budgets.session stops a conversation at ${dollarsText(limit)}` }]
  }
  if (period === 'tenant-day') return [...customerCaps(budgets, tiers), ...totalCaps(budgets, 'day')]
  return totalCaps(budgets, period)
}

/** How many periods of a budget, at most, a period of a threshold has a part in. */
const PARTS: Readonly<Record<BudgetPeriod, Readonly<Record<BudgetPeriod, bigint>>>> = {
  day: { day: 1n, week: 1n, month: 1n },
  week: { day: 7n, week: 1n, month: 2n },
  month: { day: 31n, week: 6n, month: 1n },
}

function totalCaps({ global }: BudgetPolicy, period: BudgetPeriod): Cap[] {
  return global.flatMap((ladder, i) => {
    const stop = stopOf(ladder)
    if (stop === null) return []
    const from = `budgets.total[${i}] stops all calls of a ${ladder.period} at ${dollarsText(stop)}`
    return [{ at: stop * PARTS[period][ladder.period], from }]
  })
}

/** Each customer's day has the cap of tenant_day; that of a month holds for all only when nobody is without. */
function customerCaps(budgets: BudgetPolicy, tiers: Policy['tiers']): Cap[] {
  const { tenantDay, unknownCustomers, customer } = budgets
  const day = tenantDay && stopOf(tenantDay)
  const ofDay = day === null ? [] : [{ at: day, from: `budgets.tenant_day stops a customer at ${dollarsText(day)}` }]
  const limits = [...Object.values(tiers).map(({ budget }) => budget), ...Object.values(budgets.customers)]
  const stops = limits.map((limit) => (limit === null ? null : stopOf({ ...customer, limit })))
  const all = [...stops, unknownCustomers && stopOf(unknownCustomers)]
  if (all.some((stop) => stop === null)) return ofDay
  const most = all.reduce<Nano>((a, b) => (b !== null && b > a ? b : a), 0n)
  return [...ofDay, { at: most, from: `no customer's ${customer.period} goes beyond ${dollarsText(most)}` }]
}

/** Where calls stop, with the grace and what may come from the period before; null = nowhere. */
function stopOf({ limit, thresholds, grace, carryOver }: LimitedLadder): Nano | null {
  const stop = thresholds.find(({ do: action }) => action === 'block' || action === 'pause')
  if (stop === undefined) return null
  return (limit * BigInt(10_000 + carryOver) * BigInt(stop.at + grace)) / 100_000_000n
}

function warnHint({ session }: BudgetPolicy): Issue[] {
  const { limit, warn } = session
  if (limit === null || warn === null || warn <= limit) return []
  const message = `a warning at ${dollarsText(warn)} is never given: the session stops at ${dollarsText(limit)}`
  return [{ path: ['budgets', 'session', 'warn_usd'], message }]
}

interface Placed {
  readonly path: Path
  readonly ladder: Pick<LimitedLadder, 'thresholds' | 'grace'>
}

function ladders({ customer, tenantDay, agent, tiers, global, unknownCustomers }: BudgetPolicy): Placed[] {
  const some = (key: string, ladder: LimitedLadder | null) => (ladder ? [{ path: ['budgets', key], ladder }] : [])
  return [
    { path: ['budgets', 'customer'], ladder: customer },
    ...some('tenant_day', tenantDay),
    ...some('agent', agent),
    ...Object.entries(tiers).map(([tier, ladder]) => ({ path: ['budgets', 'tiers', tier], ladder })),
    ...global.map((ladder, i) => ({ path: ['budgets', 'total', i], ladder })),
    ...some('unknown_customers', unknownCustomers),
  ]
}

function beyondStop({ path, ladder: { thresholds, grace } }: Placed): Issue[] {
  const stop = thresholds.find(({ do: action }) => action === 'block' || action === 'pause')
  if (stop === undefined) return []
  return thresholds.flatMap(({ at }, i): Issue[] => {
    if (at <= stop.at + grace) return []
    const message = `${percentText(at)} is never reached: calls stop at ${percentText(stop.at + grace)}`
    return [{ path: [...path, 'thresholds', i], message }]
  })
}
