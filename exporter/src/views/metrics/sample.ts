import type { Metric } from '../../catalogue.ts'

/** A trace that stands as an example in a bucket or counter. */
export interface Exemplar {
  readonly trace: string
  /** Exact decimal text in the metric's unit. */
  readonly value: string
  /** Epoch milliseconds. */
  readonly at: number
}

/**
 * One series of a counter or gauge. Collectors keep the object of a series from scrape to scrape and change `value`, so that
 * the writer may keep what it has once rendered of the name and labels.
 */
export interface Sample {
  /** Values in the order of the metric's `labels`. */
  readonly labels: readonly string[]
  /** Exact decimal text. */
  value: string
  /** When the series began, epoch milliseconds; exposed as `_created`. */
  readonly created?: number
  exemplar?: Exemplar
}

/** One series of a histogram. Kept like a Sample. */
export interface HistogramSample {
  readonly labels: readonly string[]
  /** Observations per bucket, not cumulative, one more than the metric has bounds (+Inf last). */
  readonly counts: readonly number[]
  /** Sum of observations as exact decimal text. */
  sum: string
  readonly created?: number
  /** By bucket, where one is known. */
  readonly exemplars?: readonly (Exemplar | undefined)[]
}

export type Family =
  | { readonly metric: Metric & { readonly type: 'counter' | 'gauge' }; readonly samples: Iterable<Sample> }
  | { readonly metric: Metric & { readonly type: 'histogram' }; readonly samples: Iterable<HistogramSample> }

/** Reads memory only: a scrape never waits. One that throws costs its own families, never the scrape. */
export interface Collector {
  readonly name: string
  collect(): Iterable<Family>
}
