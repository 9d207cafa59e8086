import type { LangfuseClient, LangfuseSlice } from '../../clients/langfuse.ts'
import { firstDay, type Progress } from './progress.ts'

const DAY = 86_400_000
/** Days that are read again in one look. */
const MOST_DAYS = 3

export interface CompletenessTools {
  readonly client: LangfuseClient
  /** Reads a slice again; resolves with the number of its rows when they are durable. */
  readonly reread: (slice: LangfuseSlice) => Promise<number>
  readonly signal: AbortSignal
}

/** A day of which Langfuse counts more rows than it gives. */
export interface Gap {
  readonly day: string
  readonly there: number
  readonly here: number
}

export interface Completeness {
  readonly days: Progress['days']
  readonly gaps: readonly Gap[]
}

/**
 * Holds the rows that were read against Langfuse's own count of each day, by its metrics: rows that came very late are found by
 * it. A day with fewer here is read again, a few days a look; where Langfuse still counts more than it gives, that is named, and
 * the day is read again only when its count changes. `before` are the gaps that were named last. Rejects like the reading.
 */
export async function checkDays(
  progress: Progress,
  before: readonly Gap[],
  { client, reread, signal }: CompletenessTools,
): Promise<Completeness> {
  const from = Math.max(progress.since, Date.parse(firstDay(progress.watermark)))
  if (from >= progress.watermark) return { days: progress.days, gaps: [] }
  // A window of the metrics holds both of its ends.
  const counted = countsOf(await client.metrics(questionOf({ from, to: progress.watermark - 1 }), signal))
  const days: Record<string, number> = { ...progress.days }
  const gaps: Gap[] = []
  let reads = 0
  for (const [day, there] of counted) {
    if (there <= (days[day] ?? 0)) continue
    const named = before.find((gap) => gap.day === day && gap.there === there)
    if (named === undefined && reads++ < MOST_DAYS) {
      const begins = Date.parse(day)
      const slice = { from: Math.max(begins, from), to: Math.min(begins + DAY, progress.watermark) }
      days[day] = Math.max(days[day] ?? 0, await reread(slice))
    }
    const here = days[day] ?? 0
    // One that is not read again yet is no gap yet.
    if (there > here && (named !== undefined || reads <= MOST_DAYS)) gaps.push({ day, there, here })
  }
  return { days, gaps }
}

/** The smallest question to the metrics, by which servers that have them are known. */
export function questionOf({ from, to }: LangfuseSlice): object {
  return {
    view: 'observations',
    metrics: [{ measure: 'count', aggregation: 'count' }],
    dimensions: [],
    filters: [],
    timeDimension: { granularity: 'day' },
    fromTimestamp: new Date(from).toISOString(),
    toTimestamp: new Date(Math.max(to, from + 1)).toISOString(),
    // With it days without rows are left out.
    orderBy: [{ field: 'time_dimension', direction: 'asc' }],
    config: { row_limit: 100 },
  }
}

/** Counts come as numbers, or as texts from older databases. */
function countsOf(rows: readonly Readonly<Record<string, unknown>>[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { time_dimension: day, count_count: count } of rows) {
    const n = Number(count)
    if (typeof day === 'string' && Number.isSafeInteger(n)) counts.set(day.slice(0, 10), n)
  }
  return counts
}

/** The gaps in a sentence; null when there is none. */
export function gapsText(gaps: readonly Gap[]): string | null {
  const [first] = gaps
  if (first === undefined) return null
  const others = gaps.length === 1 ? '' : `, and of ${gaps.length - 1} other day${gaps.length === 2 ? '' : 's'}`
  return `Langfuse counts ${first.there} observations of ${first.day}, but gives ${first.here} of them${others}.`
}
