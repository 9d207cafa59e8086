import { METRICS } from '../../catalogue.ts'
import { decimalText } from './decimal.ts'
import type { Collector, Family, Sample } from './sample.ts'

/** How a source is doing now. */
export interface SourceHealth {
  readonly name: string
  /** Whether the last exchange succeeded; null before the first. */
  readonly up: boolean | null
  /** Epoch milliseconds; null if there was none. */
  readonly lastSuccess: number | null
  readonly catchingUp: boolean
  /** Why the last exchange failed, in a sentence; never exposed here. */
  readonly lastError: string | null
  /** Since when it counts, epoch milliseconds. */
  readonly since: number
  /** What became of what it took in, by result. */
  readonly counts: Readonly<Record<string, number>>
}

/** The state of the sources. What a source cannot say yet is absent, not zero. */
export function sourcesCollector(read: () => readonly SourceHealth[]): Collector {
  return {
    name: 'sources',
    collect: () => {
      const sources = read()
      return [
        ...GAUGES.map(({ metric, value }): Family => ({ metric, samples: gaugeSamples(sources, value) })),
        { metric: METRICS.events, samples: sources.flatMap(countSamples) },
      ]
    },
  }
}

const GAUGES = [
  { metric: METRICS.sourceUp, value: ({ up }: SourceHealth) => (up === null ? null : flag(up)) },
  {
    metric: METRICS.sourceLastSuccess,
    value: ({ lastSuccess: at }: SourceHealth) => (at === null ? null : decimalText(at, 3)),
  },
  { metric: METRICS.sourceCatchingUp, value: ({ catchingUp }: SourceHealth) => flag(catchingUp) },
] as const

function gaugeSamples(sources: readonly SourceHealth[], reading: (source: SourceHealth) => string | null): Sample[] {
  return sources.flatMap((source) => {
    const value = reading(source)
    return value === null ? [] : [{ labels: [source.name], value }]
  })
}

function countSamples({ name, counts, since }: SourceHealth): Sample[] {
  return Object.entries(counts).map(([result, n]) => ({ labels: [name, result], value: String(n), created: since }))
}

function flag(is: boolean): string {
  return is ? '1' : '0'
}
