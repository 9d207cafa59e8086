import type { Metric } from '../../catalogue.ts'
import { decimalText } from './decimal.ts'
import type { Exemplar, Family, HistogramSample } from './sample.ts'

export type HistogramMetric = Metric & { readonly type: 'histogram'; readonly buckets: readonly string[] }

export interface HistogramOptions {
  /** Values in the order of the metric's labels; none by default. */
  readonly labels?: readonly string[]
  /** Decimals of what is observed: 3 for milliseconds of a metric in seconds, 9 for nano-dollars of one in dollars. */
  readonly places: number
  /** When the series began, epoch milliseconds. */
  readonly created?: number
  /** Where to go on from: observations per bucket (+Inf last) and their sum in the observed unit. */
  readonly start?: { readonly counts: readonly number[]; readonly sum: bigint }
}

export interface Histogram {
  /** The one series; the same object for ever, always up to date. */
  readonly sample: HistogramSample
  /**
   * Counts a value, a whole number of 10^-places of the metric's unit, not negative: else RangeError. `example` stands as the
   * bucket's exemplar until the next.
   */
  observe(value: number | bigint, example?: { readonly trace: string; readonly at: number }): void
}

/** A histogram with fixed buckets and an exact sum: no observation is ever rounded. */
export function createHistogram(metric: HistogramMetric, options: HistogramOptions): Histogram {
  const { labels = [], places, created, start } = options
  const bounds = metric.buckets.map((bound) => scaledBound(bound, places))
  const counts = startCounts(metric, start?.counts)
  const examples: (RawExample | undefined)[] = []
  const total = exactSum(start?.sum ?? 0n)
  return {
    sample: {
      labels,
      counts,
      get sum() {
        return decimalText(total.value(), places)
      },
      get exemplars() {
        return examples.map((raw) => raw && exemplar(raw, places))
      },
      ...(created === undefined ? {} : { created }),
    },
    observe(value, example) {
      const n = Number(value)
      if (!(n >= 0) || (typeof value === 'number' && !Number.isSafeInteger(value))) {
        throw new RangeError(
          `${metric.name}: observed ${value}, expected a whole number of 10^-${places}, not negative`,
        )
      }
      let i = 0
      while (i < bounds.length && value > (bounds[i] as number)) i++
      counts[i] = (counts[i] as number) + 1
      total.add(value)
      if (example !== undefined) examples[i] = { value, trace: example.trace, at: example.at }
    },
  }
}

/** The family of one or more histograms of a metric. */
export function histogramFamily(metric: HistogramMetric, histograms: Iterable<Histogram>): Family {
  return { metric, samples: Array.from(histograms, (one) => one.sample) }
}

interface RawExample {
  readonly value: number | bigint
  readonly trace: string
  readonly at: number
}

function exemplar({ value, trace, at }: RawExample, places: number): Exemplar {
  return { trace, at, value: decimalText(value, places) }
}

function startCounts(metric: HistogramMetric, counts: readonly number[] | undefined): number[] {
  const buckets = metric.buckets.length + 1
  if (counts === undefined) return new Array<number>(buckets).fill(0)
  if (counts.length === buckets) return [...counts]
  throw new RangeError(`${metric.name}: started with ${counts.length} buckets, expected ${buckets} (+Inf last)`)
}

/** The greatest whole number of 10^-places that is not above the bound: a whole number is ≤ the one when it is ≤ the other. */
function scaledBound(bound: string, places: number): number {
  const [whole = '', fraction = ''] = bound.split('.')
  return Number(whole + fraction.padEnd(places, '0').slice(0, places))
}

/** Adds up whole numbers exactly: in a number while that is exact, which is many times faster, else in a bigint. */
function exactSum(start: bigint) {
  let settled = start
  let recent = 0
  return {
    add(value: number | bigint) {
      const sum = typeof value === 'number' ? recent + value : Number.POSITIVE_INFINITY
      if (sum <= Number.MAX_SAFE_INTEGER) {
        recent = sum
        return
      }
      settled += BigInt(recent) + BigInt(value)
      recent = 0
    },
    value: () => settled + BigInt(recent),
  }
}
