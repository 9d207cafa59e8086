import type { Metric } from '../../catalogue.ts'
import type { Collector, Exemplar, Family, HistogramSample, Sample } from './sample.ts'

/** A counter or gauge as it stood at one moment: texts and references, nothing that changes afterwards. */
export interface CapturedValues {
  readonly kind: 'values'
  readonly metric: Metric
  readonly samples: readonly Sample[]
  readonly values: readonly string[]
  /** By place in `samples`; sparse. */
  readonly exemplars: readonly (Exemplar | undefined)[]
}

/** A histogram as it stood at one moment. */
export interface CapturedHistogram {
  readonly kind: 'histogram'
  readonly metric: Metric
  readonly samples: readonly HistogramSample[]
  readonly states: readonly HistogramState[]
}

export interface HistogramState {
  readonly counts: readonly number[]
  readonly sum: string
  readonly exemplars: readonly (Exemplar | undefined)[]
}

export type Captured = CapturedValues | CapturedHistogram

/** Copies what may change of a family. Synchronous: families captured in one stretch belong to one moment. */
export function capture(family: Family): Captured {
  return family.metric.type === 'histogram'
    ? captureHistogram(family.metric, family.samples as Iterable<HistogramSample>)
    : captureValues(family.metric, family.samples as Iterable<Sample>)
}

/** All families of a collector, or what it threw: then nothing of it is kept. */
export function captureAll(collector: Collector): readonly Captured[] | Error {
  try {
    return Array.from(collector.collect(), capture)
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

function captureValues(metric: Metric, from: Iterable<Sample>): CapturedValues {
  const samples = [...from]
  const values: string[] = new Array(samples.length)
  const exemplars: (Exemplar | undefined)[] = []
  samples.forEach(({ value, exemplar }, i) => {
    values[i] = value
    if (exemplar !== undefined) exemplars[i] = exemplar
  })
  return { kind: 'values', metric, samples, values, exemplars }
}

function captureHistogram(metric: Metric, from: Iterable<HistogramSample>): CapturedHistogram {
  const samples = [...from]
  const states = samples.map(({ counts, sum, exemplars }) => ({
    counts: counts.slice(),
    sum,
    exemplars: exemplars?.slice() ?? [],
  }))
  return { kind: 'histogram', metric, samples, states }
}
