export const GRANULARITIES = ['minute', 'hour', 'day', 'week', 'month'] as const
export type Granularity = (typeof GRANULARITIES)[number]

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const WEEK = 7 * DAY
/** The first Monday of the epoch. */
const MONDAY = 4 * DAY

/** What `auto` stands for in a window of this length. */
export function autoGranularity(ms: number): Granularity {
  if (ms < 2 * HOUR) return 'minute'
  if (ms < 72 * HOUR) return 'hour'
  if (ms < 60 * DAY) return 'day'
  return ms < 365 * DAY ? 'week' : 'month'
}

/** Start of the bucket of a moment, in UTC; weeks begin on Monday. */
export function bucketOf(ms: number, granularity: Granularity): number {
  if (granularity === 'minute') return ms - (ms % MINUTE)
  if (granularity === 'hour') return ms - (ms % HOUR)
  if (granularity === 'day') return ms - (ms % DAY)
  if (granularity === 'week') return ms - ((((ms - MONDAY) % WEEK) + WEEK) % WEEK)
  const date = new Date(ms)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)
}

export function nextBucket(bucket: number, granularity: Granularity): number {
  if (granularity === 'minute') return bucket + MINUTE
  if (granularity === 'hour') return bucket + HOUR
  if (granularity === 'day') return bucket + DAY
  if (granularity === 'week') return bucket + WEEK
  const date = new Date(bucket)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1)
}

/** As it is written: with a time for minutes and hours, a day alone for the rest. */
export function bucketText(bucket: number, granularity: Granularity): string {
  const text = new Date(bucket).toISOString()
  return granularity === 'minute' || granularity === 'hour' ? `${text.slice(0, 19)}Z` : text.slice(0, 10)
}
