import type { AppOptions } from '../app.ts'
import type { Calendar } from '../calendar.ts'
import { WORST_CUSTOMERS } from '../catalogue.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { CustomerMargin, Figures, Ratios, TierMargin } from '../margin/figures.ts'
import { openMargin, type MarginRules, type OpenMargin } from '../margin/fold.ts'
import { missingInfra } from '../margin/infra.ts'
import { type MonthMargin, worst } from '../margin/month.ts'
import { marginLedger } from '../margin/rows.ts'
import type { Timeline } from '../margin/timeline.ts'
import type { Policy } from '../policy/policy.ts'
import { targetAt } from '../policy/tiers.ts'
import { type Nano, UNATTRIBUTED } from '../usage.ts'
import { marginCollector } from '../views/metrics/margin.ts'
import type { Collector } from '../views/metrics/sample.ts'
import { type CustomerMarginRow, type MarginModel, type MarginRow, NO_MARGIN } from '../views/page/margin-model.ts'

export interface StartMargin {
  readonly options: Pick<AppOptions, 'policy' | 'now'>
  readonly ledger: Ledger
  readonly calendar: Calendar
  readonly timeline: Timeline
  /** The first back-fill runs: half a month is not a month. */
  readonly catchingUp: () => boolean
  /** When containers were last read, epoch milliseconds; null = not since the start. */
  readonly containersReadAt: () => number | null
  /** Until when their use was known at the start, epoch milliseconds; null = none of it is. */
  readonly containersKnownUntil: number | null
}

/** The running month's margin, and what the views show of it. */
export interface RunningMargin {
  /** Null while it cannot be said. */
  month(): MonthMargin | null
  readonly collector: Collector
  /** For the page, without what is foretold. */
  state(): MarginModel
  close(): Promise<void>
}

/** Customers that lose money, as many as the page draws. */
const LOSERS = 10

/** Reads the ledger. Rejects when it cannot be read. */
export async function startMargin(deps: StartMargin): Promise<RunningMargin> {
  const { options, ledger, calendar, timeline, catchingUp } = deps
  const { now } = options
  const rules = rulesOf(options.policy.current, calendar, now)
  // What is metered is asked for while the margin itself is being opened.
  let opened: OpenMargin | null = null
  const startedAt = now()
  const gaps = (from: number) =>
    meteringGaps({ ...deps, startedAt, meteredSince: opened?.meteredSince() ?? null }, from)
  const margin = await openMargin(marginLedger(ledger), {
    calendar,
    now,
    timeline: () => timeline,
    policy: rules,
    missing: (from, to) => missing(options.policy.current(), gaps(from), from, to),
  })
  opened = margin
  const month = () => (catchingUp() ? null : margin.month())
  return {
    month,
    collector: marginCollector({
      margin() {
        const found = month()
        if (found === null) return null
        const { tiers, infra, customers } = found
        return { tiers, infra, worst: worst(customers, WORST_CUSTOMERS) }
      },
      infra: () => (catchingUp() ? null : margin.infraTotals()),
    }),
    state() {
      const found = month()
      // Of calls alone there is no margin to tell: they are in the other tables.
      const plans = Object.keys(options.policy.current().tiers).length > 0
      return found === null || !(plans || found.assumed.of > 0) ? NO_MARGIN : pageModel(found)
    },
    close: margin.close,
  }
}

/** What of the policy the margin goes by: the same object until the policy changes, or the day, with which dated prices do. */
function rulesOf(policy: () => Policy, calendar: Calendar, now: () => number): () => MarginRules {
  let made: { readonly policy: Policy; readonly day: number; readonly rules: MarginRules } | null = null
  return () => {
    const current = policy()
    const day = calendar.day(now())
    if (made?.policy === current && made.day === day) return made.rules
    const targets = Object.keys(current.tiers).map((name) => [name, { target: targetAt(current, name, now()) }])
    made = { policy: current, day, rules: { margin: current.margin, tiers: Object.fromEntries(targets) } }
    return made.rules
  }
}

/** After so many of its turns without an answer, what the source does not tell is missing. */
const TURNS = 5

/** What of the infrastructure in [from, to) nobody has metered. */
function missing({ sources, rates }: Policy, gaps: readonly Gap[], from: number, to: number): string | null {
  return missingInfra({ metered: sources.docker !== null, rated: rates.containers.length > 0, gaps }, from, to)
}

interface Gap {
  readonly from: number
  /** Null = still so. */
  readonly to: number | null
}

/** Before anything was metered, and since containers were last read. What nobody saw in between has entries without a cost. */
function meteringGaps(
  {
    options,
    containersReadAt,
    containersKnownUntil,
    startedAt,
    meteredSince,
  }: StartMargin & { readonly startedAt: number; readonly meteredSince: number | null },
  from: number,
): Gap[] {
  const { docker } = options.policy.current().sources
  const read = containersReadAt()
  const away = docker !== null && options.now() - (read ?? startedAt) > TURNS * docker.everyMs + docker.timeoutMs
  return [
    ...(meteredSince === null || meteredSince > from ? [{ from, to: meteredSince }] : []),
    ...(away ? [{ from: read ?? containersKnownUntil ?? startedAt, to: null }] : []),
  ]
}

const COUNTED: ReadonlySet<string> = new Set(['earning', 'losing', 'trial'])

function pageModel({ tiers, whole, customers, infra }: MonthMargin): MarginModel {
  const losing = customers.filter(({ state }) => state === 'losing')
  return {
    ...NO_MARGIN,
    total: rowOf(whole),
    tiers: tiers
      .filter((tier) => tier.customers > 0 || tier.calls > 0)
      .map(tierRow)
      .sort((a, b) => shortOf(a) - shortOf(b)),
    losing: worst(losing, LOSERS).map(customerRow),
    losers: losing.length,
    customers: new Set(customers.filter(({ state }) => COUNTED.has(state)).map(({ customer }) => customer)).size,
    infra: { total: infra.total, unallocated: infra.unallocated, unknown: infra.unknown },
  }
}

function rowOf(figures: Figures & Ratios): MarginRow {
  const { revenueAccrued, revenueMonth, modelCost, infraCost, marginBeforeInfra, margin, ratio } = figures
  return {
    revenue: revenueAccrued,
    revenueMonth,
    modelCost,
    infraCost,
    margin: margin ?? marginBeforeInfra,
    ratio: ratio === null ? null : Number(ratio) / 1e6,
  }
}

function tierRow(tier: TierMargin): MarginModel['tiers'][number] {
  return {
    ...rowOf(tier),
    tier: tier.tier === UNATTRIBUTED ? null : tier.tier,
    target: tier.target === null ? null : tier.target / 10_000,
    customers: tier.customers,
    losing: tier.losing,
    trial: tier.trial,
  }
}

/** How far a tier is above its target; those without revenue or target come last. */
function shortOf({ ratio, target }: MarginModel['tiers'][number]): number {
  return ratio === null || target === null ? Number.MAX_VALUE : ratio - target
}

function customerRow(one: CustomerMargin): CustomerMarginRow {
  const infra: Nano = one.infraCost ?? 0n
  return {
    customer: one.customer,
    tier: one.tier === UNATTRIBUTED ? null : one.tier,
    revenue: one.revenueAccrued,
    cost: one.modelCost + infra,
    margin: one.margin ?? one.marginBeforeInfra,
  }
}
