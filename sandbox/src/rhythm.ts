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

/** Hours at the mean of the week in which as much happens as from one moment to another: the sum of `busyness` over that time. */
export function busyHours(from: number, to: number): number {
  return sinceMonday(to) - sinceMonday(from)
}

const WEEK = 7 * DAY
/** 1970-01-05, the first Monday. */
const MONDAY = 4 * DAY

/** Sums up to each full hour of a week. */
const UP_TO = new Float64Array(7 * 24 + 1)
for (let hour = 0; hour < 7 * 24; hour++) UP_TO[hour + 1] = (UP_TO[hour] ?? 0) + withinHour(MONDAY + hour * HOUR, HOUR)

function sinceMonday(time: number): number {
  const weeks = Math.floor((time - MONDAY) / WEEK)
  const rest = time - MONDAY - weeks * WEEK
  const hour = Math.floor(rest / HOUR)
  return weeks * (UP_TO[168] ?? 0) + (UP_TO[hour] ?? 0) + withinHour(MONDAY + hour * HOUR, rest - hour * HOUR)
}

/** From a full hour on; within it `busyness` is a straight line, so that its middle is its mean. */
function withinHour(start: number, ms: number): number {
  return (busyness(start + ms / 2) * ms) / HOUR
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
