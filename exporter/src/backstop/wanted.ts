import { rosterOf } from '../attribution/roster.ts'
import { createCalendar } from '../calendar.ts'
import type { BasisPoints, BudgetPeriod, Ladder, Policy } from '../policy/policy.ts'
import type { Nano } from '../usage.ts'
import { customerBudget, DURATIONS, type Duration, tierBudget } from './names.ts'

export interface WantedBudget {
  readonly id: string
  readonly limit: Nano
}

export interface WantedCustomer {
  /** Null = none of ours. */
  readonly budget: string | null
  /** The policy speaks of this very customer: its budget is ours to decide, whoever gave it another. */
  readonly named: boolean
}

/** How LiteLLM's budgets should be. */
export interface Wanted {
  readonly budgets: ReadonlyMap<string, WantedBudget>
  /** By the name that the policy knows them by. */
  readonly customers: ReadonlyMap<string, WantedCustomer>
  /** The running period; null when nothing of ours should be in LiteLLM at all. */
  readonly period: { readonly duration: Duration; readonly end: number } | null
  /** Why that is so though the policy has a backstop, in a sentence; else null. */
  readonly note: string | null
}

export interface WantedOptions {
  readonly policy: Policy
  /** Each customer that is known besides those of the policy, with its tier now; null = not known. */
  readonly known: ReadonlyMap<string, string | null>
  readonly now: number
}

const WHOLE: BasisPoints = 10_000
const NOTHING: Wanted = Object.freeze({ budgets: new Map(), customers: new Map(), period: null, note: null })

/** LiteLLM's budgets as they follow from the policy, with each customer's tier at `now`. Pure. */
export function wantedOf({ policy, known, now }: WantedOptions): Wanted {
  const { backstop, customer: ladder } = policy.budgets
  if (backstop === null) return NOTHING
  const note = hindrance(policy)
  if (note !== null) return { ...NOTHING, note }
  const share = stopOf(ladder)
  const duration = DURATIONS[ladder.period]
  const limitOf = (limit: Nano) => (share === null ? null : above(limit, [WHOLE + backstop.above, ...share]))
  const budgets = new Map<string, WantedBudget>()
  const add = (id: string, limit: Nano | null): string | null => {
    const ours = limit === null ? null : limitOf(limit)
    if (ours === null) return null
    budgets.set(id, { id, limit: ours })
    return id
  }
  const ofTier = new Map(
    Object.entries(policy.tiers).map(([name, tier]) => [name, add(tierBudget(duration, name), tier.budget)]),
  )
  const ofCustomer = new Map(
    Object.entries(policy.budgets.customers).map(([id, limit]) => [id, add(customerBudget(duration, id), limit)]),
  )
  const tierAt = rosterOf(policy.customers)
  const named = new Set([...policy.customers.map(({ id }) => id), ...ofCustomer.keys()])
  const customers = new Map<string, WantedCustomer>()
  for (const id of new Set([...named, ...known.keys()])) {
    const tier = tierAt(id, now) ?? known.get(id) ?? null
    const budget = ofCustomer.has(id) ? ofCustomer.get(id) : tier === null ? null : ofTier.get(tier)
    customers.set(id, { budget: budget ?? null, named: named.has(id) })
  }
  return { budgets, customers, period: { duration, end: periodEnd(policy.timezone, ladder.period, now) }, note: null }
}

function hindrance({ prices, attribution }: Policy): string | null {
  if (prices.profile === 'development')
    return 'No budgets are written to LiteLLM: here every call is free (prices.profile is development), there it is not.'
  if (!attribution.customer.some((ref) => ref.in === 'field' && ref.name === 'end_user'))
    return "No budgets are written to LiteLLM: by attribution.customer no customer is one that LiteLLM knows, its field 'end_user' is not among the places."
  return null
}

/**
 * Where our own limit stops calls at the latest, as shares of the limit to be multiplied: the first threshold that blocks, with
 * its grace, of a limit to which everything was carried over that can be. Null when no threshold stops anything.
 */
function stopOf({ thresholds, grace, carryOver }: Ladder): BasisPoints[] | null {
  const stops = thresholds.filter((one) => one.do === 'block' || one.do === 'pause').map(({ at }) => at)
  return stops.length === 0 ? null : [Math.min(...stops) + grace, WHOLE + carryOver]
}

/** The product, rounded up. */
function above(limit: Nano, shares: readonly BasisPoints[]): Nano {
  const whole = BigInt(WHOLE) ** BigInt(shares.length)
  const product = shares.reduce((value, share) => value * BigInt(share), limit)
  return (product + whole - 1n) / whole
}

/** When the period that runs at a moment ends, epoch milliseconds. */
function periodEnd(zone: string, period: BudgetPeriod, now: number): number {
  const calendar = createCalendar(zone)
  const day = calendar.day(now)
  const next = { day: day + 1, week: calendar.weekOf(day) + 7, month: calendar.nextMonth(day) }[period]
  return calendar.dayStart(next)
}
