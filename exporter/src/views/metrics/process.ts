import { collectDefaultMetrics, Registry } from 'prom-client'
import type { Metric } from '../../catalogue.ts'
import type { Family, HistogramSample, Sample } from './sample.ts'

/** Families that must be waited for before the scrape's one synchronous stretch. */
export interface EarlyFamilies {
  readonly name: string
  read(): Promise<readonly Family[]>
}

/**
 * The process's own metrics as prom-client measures them, under their usual names (CPU, memory, event loop lag, garbage
 * collection), handed to our writer: so the page is one, in either format, with no name twice. A reading that does not exist
 * yet is left out.
 */
export function processMetrics(): EarlyFamilies {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const known = new Map<string, Metric>()
  return {
    name: 'process',
    async read() {
      const metrics = (await registry.getMetricsAsJSON()) as unknown as readonly Reading[]
      return metrics.map((reading) => toFamily(reading, known))
    },
  }
}

/** One metric as `getMetricsAsJSON` gives it. */
interface Reading {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly values: readonly ReadingValue[]
}

interface ReadingValue {
  readonly value: number
  readonly labels: Readonly<Record<string, string | number>>
  readonly metricName?: string
}

/** The least of no event loop delays, as Node has it: 2^63 − 1 nanoseconds. */
const LEAST_OF_NONE = (2 ** 63 - 1) / 1e9

function toFamily(reading: Reading, known: Map<string, Metric>): Family {
  const values = reading.values.filter(({ value }) => Number.isFinite(value) && value !== LEAST_OF_NONE)
  const labels = [...new Set(values.flatMap((one) => Object.keys(one.labels)))].filter((name) => name !== 'le')
  if (reading.type === 'histogram') return histogramFamily({ ...reading, values }, labels, known)
  const metric = metricOf(reading, { type: reading.type === 'counter' ? 'counter' : 'gauge', labels }, known)
  return {
    metric,
    samples: values.map((one): Sample => ({ labels: labelValues(one, labels), value: String(one.value) })),
  }
}

/** prom-client counts cumulatively and names each line; a sample of ours counts bucket by bucket. */
function histogramFamily(reading: Reading, labels: readonly string[], known: Map<string, Metric>): Family {
  const bounds = [...new Set(reading.values.flatMap((one) => one.labels.le ?? []))].filter((le) => le !== '+Inf')
  const metric = metricOf(reading, { type: 'histogram', labels, buckets: bounds.map(String) }, known)
  const series = new Map<string, ReadingValue[]>()
  for (const one of reading.values) {
    const key = labelValues(one, labels).join('\0')
    series.set(key, [...(series.get(key) ?? []), one])
  }
  return { metric, samples: [...series.values()].map((lines) => histogramSample(lines, labels)) }
}

function histogramSample(lines: readonly ReadingValue[], labels: readonly string[]): HistogramSample {
  const cumulative = lines.filter((one) => one.labels.le !== undefined).map((one) => one.value)
  return {
    labels: lines[0] === undefined ? [] : labelValues(lines[0], labels),
    counts: cumulative.map((count, i) => count - (cumulative[i - 1] ?? 0)),
    sum: String(lines.find((one) => one.metricName?.endsWith('_sum'))?.value ?? 0),
  }
}

function labelValues(one: ReadingValue, labels: readonly string[]): string[] {
  return labels.map((name) => String(one.labels[name] ?? ''))
}

/** The same Metric object from scrape to scrape, so that the writer finds what it has rendered of it. */
function metricOf<M extends Pick<Metric, 'type' | 'labels' | 'buckets'>>(
  { name, help }: Reading,
  shape: M,
  known: Map<string, Metric>,
): M & Metric {
  const key = [name, ...shape.labels, '', ...(shape.buckets ?? [])].join(' ')
  const metric = known.get(key) ?? { name, help, ...shape }
  known.set(key, metric)
  return metric as M & Metric
}
