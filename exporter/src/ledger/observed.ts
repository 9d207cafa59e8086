import type { Usage } from '../usage.ts'

/** cost in nano-dollars, duration and ttft in milliseconds, context in millionths of the model's window. */
export type HistogramValue = 'cost' | 'duration' | 'ttft' | 'context'

/** A distribution that folds show: of what, and where its buckets end (in the value's own unit, rising). */
export interface HistogramSpec {
  readonly family: string
  readonly of: HistogramValue
  readonly bounds: readonly number[]
}

interface Rule {
  /** What is observed of an event, null for nothing. */
  readonly of: (event: Usage) => bigint | number | null
  /** The same in SQL, over an event `e` and its names `n`. */
  readonly sql: string
  readonly when: string
}

const MILLIONTHS = 1_000_000
const CONTEXT = 'e.input::BIGINT + e.cache_read + e.cache_write_5m + e.cache_write_1h + e.input_audio + e.input_image'

/** Each distribution's rule, in both languages side by side; the property test of the house holds them together. */
export const OBSERVED: Readonly<Record<HistogramValue, Rule>> = {
  cost: {
    of: (event) => (event.status === 'success' && event.basis !== 'cached' ? event.cost : null),
    sql: 'e.cost',
    when: `n.status = 'success' AND n.basis NOT IN ('cached', 'unpriced')`,
  },
  duration: {
    of: (event) => (finished(event) ? event.durationMs : null),
    sql: 'e.duration_ms',
    when: `n.status IN ('success', 'failed') AND e.duration_ms >= 0`,
  },
  ttft: {
    of: (event) => (event.status === 'success' ? event.ttftMs : null),
    sql: 'e.ttft_ms',
    when: `n.status = 'success' AND e.ttft_ms >= 0`,
  },
  context: {
    of: (event) =>
      event.status === 'success' && event.contextWindow
        ? Math.floor((contextTokens(event) * MILLIONTHS) / event.contextWindow)
        : null,
    sql: `(${CONTEXT}) * ${MILLIONTHS} // n.context_window::BIGINT`,
    when: `n.status = 'success' AND n.context_window NOT IN ('', '0')`,
  },
}

/** Observations by model, provider and bucket (0 = up to the first bound, last = beyond the last). */
export function bucketSql(spec: HistogramSpec, value: string): string {
  const cases = spec.bounds.map((bound, index) => `WHEN ${value} <= ${bound} THEN ${index}`).join(' ')
  return `CASE ${cases} ELSE ${spec.bounds.length} END`
}

/** The bucket of a value by the same rule. */
export function bucketOf(spec: HistogramSpec, value: bigint | number): number {
  const { bounds } = spec
  let index = 0
  while (index < bounds.length && value > (bounds[index] as number)) index++
  return index
}

function finished(event: Usage): boolean {
  return event.status === 'success' || event.status === 'failed'
}

/** At most six thousand million, so a million times it is still exact. */
function contextTokens({ tokens }: Usage): number {
  return (
    (tokens.input ?? 0) +
    (tokens.cache_read ?? 0) +
    (tokens.cache_write_5m ?? 0) +
    (tokens.cache_write_1h ?? 0) +
    (tokens.input_audio ?? 0) +
    (tokens.input_image ?? 0)
  )
}
