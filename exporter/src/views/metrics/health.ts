import type { Logger } from 'pino'
import { METRICS } from '../../catalogue.ts'
import { createHistogram, histogramFamily } from './histogram.ts'
import type { Collector, Sample } from './sample.ts'

export interface ScrapeHealth {
  /** What scrapes say about themselves. */
  readonly collector: Collector
  /** A collector threw, or one of its families could not be written. */
  failed(name: string, error: Error): void
  /** A scrape was rendered to its end: how long it took, and whose metrics it had to leave out. */
  rendered(nanoseconds: bigint, failing: ReadonlySet<string>): void
}

/** Counts and times scrapes; logs when a collector starts to fail and when it is well again, not at each scrape. */
export function scrapeHealth(names: readonly string[], { log, now }: { log: Logger; now: () => number }): ScrapeHealth {
  const created = now()
  const seconds = createHistogram(METRICS.scrapeRender, { places: 9, created })
  const errors = new Map<string, Sample>(names.map((name) => [name, { labels: [name], value: '0', created }]))
  const ill = new Set<string>()
  return {
    collector: {
      name: 'scrapes',
      collect: () => [
        histogramFamily(METRICS.scrapeRender, [seconds]),
        { metric: METRICS.collectorErrors, samples: errors.values() },
      ],
    },
    failed(name, error) {
      const sample = errors.get(name)
      if (sample !== undefined) sample.value = String(Number(sample.value) + 1)
      if (ill.has(name)) return
      ill.add(name)
      log.error({ collector: name, err: error }, `metrics of ${name} are left out of the scrape: ${error.message}`)
    },
    rendered(nanoseconds, failing) {
      seconds.observe(nanoseconds)
      for (const name of ill) {
        if (failing.has(name)) continue
        ill.delete(name)
        log.info({ collector: name }, `metrics of ${name} are complete again`)
      }
    },
  }
}
