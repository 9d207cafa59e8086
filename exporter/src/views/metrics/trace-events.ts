import { METRICS, TRACE_EVENT_RESULTS, type TraceEventResult } from '../../catalogue.ts'
import type { Collector } from './sample.ts'

/** Events for traces, by what became of them; nothing while no project wants any. */
export function traceEventsCollector(
  read: () => Readonly<Record<TraceEventResult, number>> | null,
  since: number,
): Collector {
  return {
    name: 'trace_events',
    collect() {
      const counts = read()
      if (counts === null) return []
      const samples = TRACE_EVENT_RESULTS.map((result) => ({
        labels: [result],
        value: String(counts[result]),
        created: since,
      }))
      return [{ metric: METRICS.traceEvents, samples }]
    },
  }
}
