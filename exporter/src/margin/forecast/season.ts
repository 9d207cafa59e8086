import { type Days, HOURS_A_DAY } from './days.ts'
import { median } from './quantile.ts'

/** Weeks that weekdays and hours are looked at in. */
const WEEKS = 8
/** A weekday never counts as less than this share of a mean day, so that one call on a quiet Sunday is no explosion. */
const LEAST_FACTOR = 0.01
/** Days of a weekday are few: the mean of all days counts in the shape of its hours like so many more. */
const ALL_DAYS_COUNT = 8

/** Which weekday (0 … 6) the day at an index is. */
export type WeekdayAt = (index: number) => number

/**
 * What each weekday costs beside the mean day of its week, by the days before `end`: the median over eight weeks, so that an
 * outage or one dear day moves nothing. The mean of the seven is 1.
 */
export function weekdayFactors(totals: readonly number[], end: number, weekdayAt: WeekdayAt): number[] {
  const found = Array.from({ length: 7 }, (): number[] => [])
  for (let from = end - 7; from >= Math.max(0, end - 7 * WEEKS); from -= 7) {
    const week = totals.slice(from, from + 7)
    const mean = week.reduce((sum, total) => sum + total, 0) / 7
    if (mean <= 0) continue
    for (const [i, total] of week.entries()) found[weekdayAt(from + i)]?.push(total / mean)
  }
  const factors = found.map((list) => (list.length === 0 ? 1 : median(list)))
  const mean = factors.reduce((sum, factor) => sum + factor, 0) / 7
  return factors.map((factor) => (mean > 0 ? Math.max(LEAST_FACTOR, factor / mean) : 1))
}

/** Of each weekday, the share of its spend that falls into each hour, by the days before `end`. Shares of a day add up to 1. */
export function hourShares(days: Days, end: number, weekdayAt: WeekdayAt): Float64Array[] {
  const all = new Float64Array(HOURS_A_DAY)
  const own = Array.from({ length: 7 }, () => ({ sums: new Float64Array(HOURS_A_DAY), days: 0 }))
  let count = 0
  for (let i = Math.max(0, end - 7 * WEEKS); i < end; i++) {
    const total = days.totals[i] ?? 0
    const weekday = own[weekdayAt(i)]
    if (total <= 0 || weekday === undefined) continue
    weekday.days++
    count++
    days.hours[i]?.forEach((cost, hour) => {
      all[hour] = (all[hour] ?? 0) + cost / total
      weekday.sums[hour] = (weekday.sums[hour] ?? 0) + cost / total
    })
  }
  return own.map(({ sums, days: n }) =>
    sums.map((sum, hour) =>
      count === 0 ? 1 / HOURS_A_DAY : (sum + (ALL_DAYS_COUNT * (all[hour] ?? 0)) / count) / (n + ALL_DAYS_COUNT),
    ),
  )
}
