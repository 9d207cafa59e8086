/** Share of the traffic by hour of the day (UTC): offices in Europe, then in America, and nights that are never empty. */
const HOURS = [
  0.34, 0.28, 0.25, 0.24, 0.28, 0.42, 0.72, 1.1, 1.5, 1.72, 1.7, 1.52, 1.4, 1.62, 1.84, 1.9, 1.78, 1.56, 1.3, 1.08, 0.9,
  0.74, 0.56, 0.43,
]
/** Share by day of the week, Sunday first. */
const DAYS = [0.36, 1.18, 1.26, 1.27, 1.22, 1.06, 0.44]

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const HOUR_MEAN = mean(HOURS)
const DAY_MEAN = mean(DAYS)

/**
 * How busy it is at a moment, relative to the mean of a week (UTC). Continuous within a day: between two full hours it
 * moves in a straight line.
 */
export function busyness(time: number): number {
  const day = Math.floor(time / DAY)
  const hours = (time - day * DAY) / HOUR
  const hour = Math.floor(hours)
  const from = HOURS[hour] ?? 0
  const to = HOURS[(hour + 1) % 24] ?? 0
  // 1970-01-01 was a Thursday.
  const weekday = (((day + 4) % 7) + 7) % 7
  return ((from + (to - from) * (hours - hour)) / HOUR_MEAN) * ((DAYS[weekday] ?? 0) / DAY_MEAN)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
