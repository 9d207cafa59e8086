import type { Calendar } from '../../calendar.ts'
import type { Nano } from '../../usage.ts'

/** Net spend of one hour. */
export interface HourSpend {
  /** First moment of the hour, epoch milliseconds. */
  readonly hour: number
  readonly cost: Nano
}

/** What was spent by the hour, and for which time that is known. */
export interface SpendHistory {
  /** In any order, each hour once. Within the covered time an hour without a row is an hour without spend. */
  readonly hours: readonly HourSpend[]
  /** The time that the ledger covers, epoch milliseconds, `[from, to)`; outside of it nothing is known. */
  readonly from: number
  readonly to: number
}

/** Whole local days of a history, one after the other, as floating-point nano-dollars. */
export interface Days {
  /** Number of the first day; the others follow without a gap. */
  readonly first: number
  readonly totals: readonly number[]
  /** Of each day its hours, counted from its first moment; the last one takes what a day of 25 hours has more. */
  readonly hours: readonly Float64Array[]
}

export const HOUR = 3_600_000
export const HOURS_A_DAY = 24

/**
 * Cuts a history into local days. Only days that are covered from their first moment to their last one count, so that half a
 * day is never taken for a quiet one. An hour belongs to the day in which its middle lies; less than nothing counts as nothing.
 */
export function daysOf(history: SpendHistory, calendar: Calendar): Days {
  const { first, end } = wholeDays(history, calendar)
  const count = Math.max(0, end - first)
  const hours = Array.from({ length: count }, () => new Float64Array(HOURS_A_DAY))
  const starts = Array.from({ length: count }, (_, index) => calendar.dayStart(first + index))
  for (const { hour, cost } of history.hours) {
    const middle = hour + HOUR / 2
    const index = calendar.day(middle) - first
    const own = hours[index]
    if (own === undefined || cost <= 0n) continue
    const slot = slotOf(middle, starts[index] ?? 0)
    own[slot] = (own[slot] ?? 0) + Number(cost)
  }
  return { first, totals: hours.map((own) => own.reduce((sum, cost) => sum + cost, 0)), hours }
}

/** The first whole day of a history, and the first day that is not whole any more. */
export function wholeDays({ from, to }: SpendHistory, calendar: Calendar): { first: number; end: number } {
  const day = calendar.day(from)
  return { first: calendar.dayStart(day) === from ? day : day + 1, end: calendar.day(to) }
}

/** Which hour of its day a moment lies in, 0 … 23. */
export function slotOf(moment: number, dayStart: number): number {
  return Math.min(HOURS_A_DAY - 1, Math.max(0, Math.floor((moment - dayStart) / HOUR)))
}

/** 0 = Monday. */
export function weekdayOf(calendar: Calendar, day: number): number {
  return day - calendar.weekOf(day)
}
