import type { Nano } from '../usage.ts'
import {
  addCustomer,
  type CustomerMargin,
  createTierSum,
  customerMargin,
  type Figures,
  figuresOf,
  NO_TIER,
  type Ratios,
  ratiosOf,
  type TierMargin,
  tierMargin,
  together,
} from './figures.ts'
import type { MonthDays } from './month-days.ts'
import type { Use, UseSums } from './month-use.ts'
import { type Revenue, revenueReader } from './revenue.ts'
import type { Timeline } from './timeline.ts'

/** A local month as of a moment. */
export interface MonthMargin {
  /** First local day of the month, the month as epoch milliseconds (`to` not in it), and as of when the figures are. */
  readonly month: number
  readonly from: number
  readonly to: number
  readonly at: number
  /** The policy's plans in its order, then others by name, calls without a plan last. */
  readonly tiers: readonly TierMargin[]
  /** In no particular order; `worst` picks. */
  readonly customers: readonly CustomerMargin[]
  /** All tiers together, and the infrastructure that is no customer's. */
  readonly whole: Figures & Ratios
  readonly infra: {
    /** What is known of it, divided among customers or not. */
    readonly total: Nano
    readonly allocated: Nano
    readonly unallocated: Nano
    /** Why the total is not all of it, in a sentence; null = it is. */
    readonly unknown: string | null
  }
  /** Customers known only from their calls, of all that were customers in the month so far. */
  readonly assumed: { readonly customers: number; readonly of: number }
}

export interface MonthInput {
  readonly days: MonthDays
  /** As of when, epoch milliseconds; taken to lie within the month. */
  readonly at: number
  readonly timeline: Timeline
  readonly use: UseSums
  /** The policy's plans with their targets in hundredths of a percent, in its order. */
  readonly targets: ReadonlyMap<string, number | null>
  /** What of the infrastructure is not metered, in a sentence; null = nothing. */
  readonly missing: string | null
}

/**
 * Revenue minus model cost minus infrastructure, by customer and by tier. The sums of the customers are those of the tiers, and
 * with the infrastructure that is no customer's they are the whole. Prices come from the roster, costs from the ledger, each
 * under the plan that was stamped on the call when it was accepted.
 */
export function monthMargin(input: MonthInput): MonthMargin {
  const { days, at, use, targets, missing } = input
  const until = Math.min(Math.max(at, days.from), days.to)
  const unknown = unknownInfra(missing, use)
  const known = unknown === null
  const sums = new Map([...targets.keys()].map((tier) => [tier, createTierSum()]))
  const customers: CustomerMargin[] = []
  const assumed = eachLine(input, until, (customer, tier, used, paid) => {
    let sum = sums.get(tier)
    if (!sum) {
      sum = createTierSum()
      sums.set(tier, sum)
    }
    const one = customerMargin(customer, tier, used, paid, known)
    customers.push(one)
    addCustomer(sum, one, used?.infra ?? 0n)
  })
  const whole = { ...together([...sums.values()]), infraCost: use.infra }
  return {
    month: days.month,
    from: days.from,
    to: days.to,
    at: until,
    tiers: inOrder(sums, targets).map(([tier, sum]) => tierMargin(tier, sum, targets.get(tier) ?? null, known)),
    customers,
    whole: { ...figuresOf(whole, known), ...ratiosOf(whole, known) },
    infra: { total: use.infra, allocated: use.allocated, unallocated: use.infra - use.allocated, unknown },
    assumed,
  }
}

/** The customers with the least margin, the worst first, equal ones by name; those that are none yet left out. */
export function worst(customers: readonly CustomerMargin[], most: number): CustomerMargin[] {
  const value = ({ margin, marginBeforeInfra }: CustomerMargin) => margin ?? marginBeforeInfra
  const before = (a: CustomerMargin, b: CustomerMargin): boolean => {
    const [x, y] = [value(a), value(b)]
    if (x !== y) return x < y
    return a.customer === b.customer ? a.tier < b.tier : a.customer < b.customer
  }
  // A few of very many: each is put in its place among those, instead of all being put in order.
  const found: CustomerMargin[] = []
  for (const one of customers) {
    const last = found.at(-1)
    if (one.state === 'coming' || (found.length === most && (last === undefined || !before(one, last)))) continue
    let [low, high] = [0, found.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (before(one, found[middle] as CustomerMargin)) high = middle
      else low = middle + 1
    }
    found.splice(low, 0, one)
    if (found.length > most) found.pop()
  }
  return found
}

/** Each customer under each plan, from both sides: what it used, and what it pays. */
function eachLine(
  { timeline, use, days }: MonthInput,
  until: number,
  onLine: (customer: string, tier: string, used: Use | null, paid: Revenue | null) => void,
): MonthMargin['assumed'] {
  const assumed = { customers: 0, of: 0 }
  const revenueOf = revenueReader(timeline, days, until)
  const one = (customer: string, uses: readonly Use[]) => {
    const plans = revenueOf(customer)
    for (const used of uses) {
      const tier = used.tier || NO_TIER
      const paid = plans.find((plan) => plan.tier === tier) ?? null
      if (paid !== null || isSomething(used)) onLine(customer, tier, isSomething(used) ? used : null, paid)
    }
    for (const paid of plans) if (!uses.some(({ tier }) => tier === paid.tier)) onLine(customer, paid.tier, null, paid)
    if (!plans.some(({ begun }) => begun)) return
    assumed.of++
    if (plans.some((plan) => plan.begun && plan.assumed)) assumed.customers++
  }
  for (const [customer, uses] of use.uses) one(customer, uses)
  for (const customer of timeline.customers(days.from, days.to)) if (!use.uses.has(customer)) one(customer, [])
  return assumed
}

/** What was moved to another name leaves nothing behind. */
function isSomething({ calls, tokens, cost, unpriced, infra }: Use): boolean {
  return calls !== 0 || tokens !== 0 || cost !== 0n || unpriced !== 0 || infra !== 0n
}

function unknownInfra(missing: string | null, { unknown, unknownOf }: UseSums): string | null {
  const amounts = `${unknown} metered ${unknown === 1 ? 'amount has' : 'amounts have'} no known cost (${unknownOf.join(', ')})`
  return [missing, unknown === 0 ? null : amounts].filter((reason) => reason !== null).join('; ') || null
}

function inOrder<T>(sums: ReadonlyMap<string, T>, targets: ReadonlyMap<string, unknown>): [string, T][] {
  const place = (tier: string) => (targets.has(tier) ? 0 : tier === NO_TIER ? 2 : 1)
  return [...sums].sort(([a], [b]) => place(a) - place(b) || (place(a) === 1 ? (a < b ? -1 : 1) : 0))
}
