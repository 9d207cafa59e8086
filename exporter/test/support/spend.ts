import type { Calendar } from '../../src/calendar.ts'
import type { SpendHistory } from '../../src/margin/forecast/days.ts'

const HOUR = 3_600_000
const USD = 1_000_000_000

/** Dollars of one hour by the number of its day and its place in it. */
export type HourUsd = (day: number, hour: number) => number

/** A history of whole local days `[first, end)`, and of the hours of a day that is not over. */
export function spendOf(
  calendar: Calendar,
  days: { first: number; end: number; hours?: number },
  usd: HourUsd,
): SpendHistory {
  const { first, end, hours = 0 } = days
  const from = calendar.dayStart(first)
  const to = calendar.dayStart(end) + hours * HOUR
  const rows = []
  for (let hour = from; hour < to; hour += HOUR) {
    const day = calendar.day(hour)
    const dollars = usd(day, (hour - calendar.dayStart(day)) / HOUR)
    if (dollars !== 0) rows.push({ hour, cost: BigInt(Math.round(dollars * USD)) })
  }
  return { hours: rows, from, to }
}

/** Net spend from a day on. */
export function spentSince({ hours }: SpendHistory, from: number): bigint {
  return hours.reduce((sum, { hour, cost }) => (hour >= from ? sum + cost : sum), 0n)
}
