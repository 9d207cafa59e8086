import { type Nano, UNATTRIBUTED } from '../usage.ts'
import type { Use } from './month-use.ts'
import type { Revenue } from './revenue.ts'

/** The plan of calls that came without one, as everywhere in the house. */
export const NO_TIER = UNATTRIBUTED

/** Money in nano-dollars. Where infrastructure is not known, what rests on it is null. */
export interface Figures {
  readonly revenueAccrued: Nano
  readonly revenueMonth: Nano
  readonly calls: number
  readonly tokens: number
  readonly modelCost: Nano
  /** Calls whose cost nobody knows: it is in no sum. */
  readonly unpricedCalls: number
  readonly infraCost: Nano | null
  /** Accrued revenue − model cost. */
  readonly marginBeforeInfra: Nano
  /** Accrued revenue − model cost − infrastructure. */
  readonly margin: Nano | null
}

/** In millionths, never rounded up. */
export interface Ratios {
  /** Margin ÷ accrued revenue, of the margin before infrastructure where that is all there is; null without revenue. */
  readonly ratio: bigint | null
  /** The ratio leaves infrastructure out because that is not known. */
  readonly partial: boolean
  /** Accrued revenue ÷ model cost; null without cost. */
  readonly returnOnSpend: bigint | null
}

/**
 * How a customer does on a plan: it earns while its margin (before infrastructure, where that is not known) is not below 0.
 * `coming`: it has the plan only later in the month and has used nothing yet; `nobody`: the calls whose customer nobody knows.
 */
export type CustomerState = 'earning' | 'losing' | 'trial' | 'coming' | 'nobody'

/** A customer under one plan: one that changed its plan in the month stands there once for each. */
export interface CustomerMargin extends Figures {
  readonly customer: string
  readonly tier: string
  readonly state: CustomerState
  /** It is known only from its calls. */
  readonly assumed: boolean
  /** A part of its time has no known price: its revenue is too low by that. */
  readonly unpriced: boolean
}

export interface TierMargin extends Figures, Ratios {
  readonly tier: string
  /** Those of the month so far, each earning, losing or on trial. */
  readonly customers: number
  readonly earning: number
  readonly losing: number
  readonly trial: number
  /** How many of them are known only from their calls. */
  readonly assumed: number
  /** Customers a part of whose time has no known price. */
  readonly unpricedCustomers: number
  /** What the ratio should be, in hundredths of a percent; null = nobody said. */
  readonly target: number | null
}

/** Of what a customer used and what it pays under a plan; null = nothing. */
export function customerMargin(
  customer: string,
  tier: string,
  use: Use | null,
  revenue: Revenue | null,
  infraKnown: boolean,
): CustomerMargin {
  const revenueAccrued = revenue?.accrued ?? 0n
  const modelCost = use?.cost ?? 0n
  const infraCost = infraKnown ? (use?.infra ?? 0n) : null
  const marginBeforeInfra = revenueAccrued - modelCost
  const margin = infraCost === null ? null : marginBeforeInfra - infraCost
  return {
    customer,
    tier,
    state: stateOf(customer, use, revenue, margin ?? marginBeforeInfra),
    assumed: revenue?.begun === true && revenue.assumed,
    unpriced: revenue?.unpriced ?? false,
    revenueAccrued,
    revenueMonth: revenue?.month ?? 0n,
    calls: use?.calls ?? 0,
    tokens: use?.tokens ?? 0,
    modelCost,
    unpricedCalls: use?.unpriced ?? 0,
    infraCost,
    marginBeforeInfra,
    margin,
  }
}

function stateOf(customer: string, use: Use | null, revenue: Revenue | null, margin: Nano): CustomerState {
  if (customer === UNATTRIBUTED) return 'nobody'
  if (revenue?.begun && revenue.trial) return 'trial'
  if (!revenue?.begun && use === null) return 'coming'
  return margin < 0n ? 'losing' : 'earning'
}

/** Sums of customers; the infrastructure as far as it is known. */
export interface Summed {
  revenueAccrued: Nano
  revenueMonth: Nano
  calls: number
  tokens: number
  modelCost: Nano
  unpricedCalls: number
  infraCost: Nano
}

export interface TierSum extends Summed {
  earning: number
  losing: number
  trial: number
  assumed: number
  unpricedCustomers: number
}

export function createTierSum(): TierSum {
  return {
    ...{ revenueAccrued: 0n, revenueMonth: 0n, calls: 0, tokens: 0, modelCost: 0n, unpricedCalls: 0, infraCost: 0n },
    ...{ earning: 0, losing: 0, trial: 0, assumed: 0, unpricedCustomers: 0 },
  }
}

/** Adds a customer; its share of the infrastructure by itself, for where that is not known as a whole it is not in the figures. */
export function addCustomer(sum: TierSum, one: CustomerMargin, infra: Nano): void {
  sum.revenueAccrued += one.revenueAccrued
  sum.revenueMonth += one.revenueMonth
  sum.calls += one.calls
  sum.tokens += one.tokens
  sum.modelCost += one.modelCost
  sum.unpricedCalls += one.unpricedCalls
  sum.infraCost += infra
  if (one.state === 'earning' || one.state === 'losing' || one.state === 'trial') sum[one.state]++
  if (one.assumed) sum.assumed++
  if (one.unpriced) sum.unpricedCustomers++
}

/** The sums of tiers as one. */
export function together(sums: readonly TierSum[]): TierSum {
  const all = createTierSum()
  for (const sum of sums) {
    all.revenueAccrued += sum.revenueAccrued
    all.revenueMonth += sum.revenueMonth
    all.calls += sum.calls
    all.tokens += sum.tokens
    all.modelCost += sum.modelCost
    all.unpricedCalls += sum.unpricedCalls
    all.infraCost += sum.infraCost
  }
  return all
}

export function tierMargin(tier: string, sum: TierSum, target: number | null, infraKnown: boolean): TierMargin {
  const { earning, losing, trial, assumed, unpricedCustomers } = sum
  const customers = { customers: earning + losing + trial, earning, losing, trial, assumed, unpricedCustomers }
  return { tier, ...customers, ...figuresOf(sum, infraKnown), ...ratiosOf(sum, infraKnown), target }
}

export function figuresOf(sum: Summed, infraKnown: boolean): Figures {
  const { revenueAccrued, revenueMonth, calls, tokens, modelCost, unpricedCalls } = sum
  const infraCost = infraKnown ? sum.infraCost : null
  const marginBeforeInfra = revenueAccrued - modelCost
  const margin = infraCost === null ? null : marginBeforeInfra - infraCost
  return { revenueAccrued, revenueMonth, calls, tokens, modelCost, unpricedCalls, infraCost, marginBeforeInfra, margin }
}

export function ratiosOf(sum: Summed, infraKnown: boolean): Ratios {
  const { margin, marginBeforeInfra, revenueAccrued, modelCost } = figuresOf(sum, infraKnown)
  return {
    ratio: millionths(margin ?? marginBeforeInfra, revenueAccrued),
    partial: !infraKnown,
    returnOnSpend: millionths(revenueAccrued, modelCost),
  }
}

const MILLION = 1_000_000n

/** Rounded down, so that a target that is just missed does not look met; null where there is nothing to divide by. */
export function millionths(part: Nano, whole: Nano): bigint | null {
  if (whole <= 0n) return null
  const quotient = (part * MILLION) / whole
  return part < 0n && quotient * whole !== part * MILLION ? quotient - 1n : quotient
}
