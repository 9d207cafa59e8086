import { type Metric, METRICS } from '../../catalogue.ts'
import { bucketOf, type HistogramSpec, type HistogramValue, OBSERVED } from '../../ledger/observed.ts'
import type { BucketTotal } from '../../ledger/totals.ts'
import type { Usage } from '../../usage.ts'
import { type Distribution, type DistributionFamily, distributionFamily, observe } from './cells.ts'
import type { Family } from './sample.ts'

type HistogramMetric = Metric & { readonly type: 'histogram' }

interface Shown {
  readonly metric: HistogramMetric
  readonly of: HistogramValue
  /** Decimal places between the observed integer and the metric's unit. */
  readonly places: number
}

/** The distributions of single calls: which metric shows which observation. */
const SHOWN: readonly Shown[] = [
  { metric: METRICS.callCost, of: 'cost', places: 9 },
  { metric: METRICS.contextUsed, of: 'context', places: 6 },
  { metric: METRICS.duration, of: 'duration', places: 3 },
  { metric: METRICS.ttft, of: 'ttft', places: 3 },
]

/** What the ledger must keep of each distribution when retention deletes single events. */
export const HISTOGRAM_SPECS: readonly HistogramSpec[] = SHOWN.map(({ metric, of, places }) => ({
  family: metric.name,
  of,
  bounds: (metric.buckets ?? []).map((bound) => Math.round(Number(bound) * 10 ** places)),
}))

export interface Distributions {
  load(totals: readonly BucketTotal[]): void
  /** Observes events that share these labels; the series are looked up once. */
  observer(labels: { readonly model: string; readonly provider: string }): (event: Usage, at: number) => void
  families(): Family[]
}

export function createDistributions(): Distributions {
  const parts = SHOWN.map((shown, index) => ({
    metric: shown.metric,
    of: OBSERVED[shown.of].of,
    spec: HISTOGRAM_SPECS[index] as HistogramSpec,
    family: distributionFamily(shown.metric, shown.places),
  }))
  return {
    load(totals) {
      for (const part of parts) {
        for (const total of totals) if (total.family === part.metric.name) add(part.family, part.metric, total)
      }
    },
    observer(labels) {
      const series: (Distribution | undefined)[] = []
      return (event, at) => {
        for (let i = 0; i < parts.length; i++) {
          const part = parts[i] as (typeof parts)[number]
          const value = part.of(event)
          if (value === null) continue
          const one = series[i] ?? part.family.series(pick(part.metric, labels), at)
          series[i] = one
          const bucket = bucketOf(part.spec, value)
          observe(one, bucket, value)
          if (event.trace !== null) one.examples[bucket] = { trace: event.trace, value, at }
        }
      }
    },
    families: () => parts.map((part) => part.family.family()),
  }
}

function add(family: DistributionFamily, metric: HistogramMetric, total: BucketTotal): void {
  const series: Distribution = family.series(pick(metric, total), total.firstAt)
  series.counts[total.bucket] = (series.counts[total.bucket] ?? 0) + total.n
  series.total += total.total
}

function pick(metric: Metric, labels: { readonly model: string; readonly provider: string }): string[] {
  return metric.labels.map((label) => (label === 'model' ? labels.model : labels.provider))
}
