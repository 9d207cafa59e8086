import type { Nano } from '../../usage.ts'

/** What the page shows of the running month's margin. Null is not known, and drawn as such. */
export interface MarginModel {
  /** Absent while neither plans nor customers are known. */
  readonly total: MarginRow | null
  /** Furthest below its target first. */
  readonly tiers: readonly TierMarginRow[]
  /** Customers that cost more than they have paid so far, the worst first; ten are drawn. */
  readonly losing: readonly CustomerMarginRow[]
  /** How many there are. */
  readonly losers: number
  /** Customers of the month so far; one that changed its tier stands under both, and is one here. */
  readonly customers: number
  readonly infra: {
    readonly total: Nano
    /** What belongs to no customer. */
    readonly unallocated: Nano
    /** Why the cost of infrastructure is not, or not wholly, known; null when it is. */
    readonly unknown: string | null
  }
  /** Of the month's spend; null while too little is known, and then why. */
  readonly forecast: MonthForecast | null
  /** Of the month's margin; null also while infrastructure is not all known. */
  readonly forecastMargin: MonthForecast | null
  readonly noForecast: string | null
}

export interface MonthForecast {
  readonly low: Nano
  readonly expected: Nano
  readonly high: Nano
}

/** Sums of the month so far. */
export interface MarginRow {
  /** Of what customers pay, the part that the days gone by have earned. */
  readonly revenue: Nano
  /** What they pay for the whole month. */
  readonly revenueMonth: Nano
  readonly modelCost: Nano
  /** Null where it is not known: the margin is then the one before infrastructure. */
  readonly infraCost: Nano | null
  readonly margin: Nano
  /** Of the revenue; null without revenue. */
  readonly ratio: number | null
}

export interface TierMarginRow extends MarginRow {
  /** Null = calls whose tier nobody knows. */
  readonly tier: string | null
  readonly target: number | null
  readonly customers: number
  readonly losing: number
  readonly trial: number
}

export interface CustomerMarginRow {
  readonly customer: string
  readonly tier: string | null
  readonly revenue: Nano
  readonly cost: Nano
  readonly margin: Nano
}

/** A trace store beside the ledger, over some days. */
export interface ReconciliationModel {
  /** First and last day, `YYYY-MM-DD`; null while nothing was compared. */
  readonly days: { readonly first: string; readonly last: string } | null
  /** Largest difference first; those without one are summed up in `agreeing`. */
  readonly rows: readonly ReconciliationRow[]
  readonly agreeing: number
}

export interface ReconciliationRow {
  readonly day: string
  readonly model: string | null
  readonly here: Nano
  readonly there: Nano
  /** Calls that only the trace store has, only the ledger has, that cost or count something else, or lie in another day. */
  readonly missingHere: number
  readonly missingThere: number
  readonly price: number
  readonly tokens: number
  readonly dayBoundary: number
}

export const NO_MARGIN: MarginModel = {
  total: null,
  tiers: [],
  losing: [],
  losers: 0,
  customers: 0,
  infra: { total: 0n, unallocated: 0n, unknown: null },
  forecast: null,
  forecastMargin: null,
  noForecast: null,
}

export const NOTHING_COMPARED: ReconciliationModel = { days: null, rows: [], agreeing: 0 }
