import type { Nano } from '../../usage.ts'
import type { SourceState } from '../health/readings.ts'
import type { BudgetsModel } from './budget-model.ts'
import type { MarginModel, ReconciliationModel } from './margin-model.ts'
import type { QualityModel } from './quality-model.ts'

/**
 * All that the page shows, read from memory. Null means "not known", is drawn as a dash and never as zero; lists come in the
 * order in which they are drawn. Sums are net, and day, week and month are cut in `timezone` by the call's start.
 */
export interface PageModel {
  /** The numbers are replayed traffic, nobody's bill. */
  readonly demo: boolean
  /** Epoch milliseconds. */
  readonly now: number
  /** IANA name. */
  readonly timezone: string
  readonly spend: Spend
  /** In an order that stays the same (the policy's): a tier's colour follows from its place. */
  readonly byTier: readonly TierRow[]
  /** Dearest first. */
  readonly byModel: readonly ModelRow[]
  /** Oldest first, today last, days without calls included; the last 30 are drawn. */
  readonly days: readonly Day[]
  /** The dearest of this month, dearest first; ten are drawn. */
  readonly topCustomers: readonly CustomerRow[]
  /** The dearest of today, dearest first; ten are drawn. */
  readonly topSessions: readonly SessionRow[]
  /** Calls of this month that no price is known for, and how many models they name. */
  readonly unpriced: { readonly models: number; readonly calls: number }
  readonly margin: MarginModel
  readonly budgets: BudgetsModel
  readonly reconciliation: ReconciliationModel
  /** Absent where no trace store is asked. */
  readonly quality?: QualityModel
  /** Absent where nobody keeps a roster. */
  readonly roster?: RosterModel
  readonly sources: readonly SourceState[]
  readonly ledger: { readonly seq: number; readonly writable: boolean; readonly reason: string | null }
  /** Where the gateway posts to; shown while nothing has arrived yet. */
  readonly intake: {
    /** For example `http://127.0.0.1:9464/v1/sources/litellm`. */
    readonly url: string
    /** Whether an ingest key must be sent. */
    readonly keyed: boolean
  }
}

/** How it is known who the customers are. */
export interface RosterModel {
  /** Customers of this month, and how many of them only their calls speak of. */
  readonly customers: number
  readonly assumed: number
  /** Further ones that their calls spoke of, since the start: too many. */
  readonly leftOut: number
  /** What is wrong with the files, or does not count, in sentences. */
  readonly notes: readonly string[]
}

export interface Spend {
  readonly today: Nano | null
  readonly week: Nano | null
  readonly month: Nano | null
  readonly todayCalls: number | null
  readonly monthCalls: number | null
  /** All of yesterday. */
  readonly yesterday?: Nano | null
  /** All of last month. */
  readonly lastMonth?: Nano | null
}

export interface TierRow {
  /** Null = calls whose tier nobody knows. */
  readonly tier: string | null
  readonly today: Nano | null
  readonly month: Nano | null
  /** This month. */
  readonly calls: number | null
  /** With calls this month. */
  readonly customers: number | null
}

export interface ModelRow {
  readonly model: string | null
  readonly provider: string | null
  /** Null when none of its calls has a price. */
  readonly month: Nano | null
  /** Of this month's spend, 0 to 1. */
  readonly share: number | null
  /** This month. */
  readonly calls: number | null
  readonly tokens: number | null
}

export interface Day {
  /** `YYYY-MM-DD` in the model's zone. */
  readonly date: string
  readonly cost: ReadonlyMap<string | null, Nano>
}

export interface CustomerRow {
  readonly customer: string
  readonly tier: string | null
  readonly month: Nano
  /** This month. */
  readonly calls: number | null
  /** What it pays for the whole month. */
  readonly price?: Nano | null
}

export interface SessionRow {
  readonly session: string
  readonly customer: string
  readonly cost: Nano
  readonly calls: number
  /** Start of its first and its latest call, epoch milliseconds. */
  readonly start: number
  readonly last: number
}
