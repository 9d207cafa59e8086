import type { Nano, RosterOrigin } from '../usage.ts'

/** A stretch of time, epoch milliseconds, `to` not in it, in which a customer has one plan at one price. */
export interface Segment {
  readonly from: number
  readonly to: number
  readonly tier: string
  /** Price a month instead of the plan's; null = the plan's. */
  readonly price: Nano | null
  /** It pays nothing for now. */
  readonly trial: boolean
  /** How it is known. */
  readonly origin: RosterOrigin
}

/** A stretch of time in which a plan has one price a month; null = it has none. */
export interface PlanSegment {
  readonly from: number
  readonly to: number
  readonly price: Nano | null
}

/** What margin needs to know of who the customers are and what they pay: the roster, as asked for [from, to), epoch milliseconds. */
export interface Timeline {
  /** Those that are customers at some moment of it, each once. */
  customers(from: number, to: number): Iterable<string>
  /** In order, without overlaps; where there is none it is no customer. */
  segments(customer: string, from: number, to: number): readonly Segment[]
  planSegments(tier: string, from: number, to: number): readonly PlanSegment[]
}
