import { LABEL_BOUNDS, METRICS, QUEUE_STATES, type QueueState } from '../../catalogue.ts'
import { plain } from '../../redact.ts'
import { OTHER } from '../../usage.ts'
import type { Collector, Sample } from './sample.ts'

/** Jobs in a queue, by their state; null when they could not be counted. */
export interface QueueReading {
  readonly queue: string
  readonly jobs: Readonly<Record<string, number>> | null
}

/** Langfuse's queues. Shards of a queue are added up, and so are servers; a queue that could not be counted is absent. */
export function queuesCollector(read: () => readonly QueueReading[]): Collector {
  return { name: 'queues', collect: () => [{ metric: METRICS.langfuseQueueJobs, samples: samplesOf(read()) }] }
}

function samplesOf(readings: readonly QueueReading[]): Sample[] {
  const queues = new Map<string, Map<QueueState, number>>()
  for (const { queue, jobs } of readings) {
    if (jobs === null) continue
    const name = labelOf(queue, queues)
    const sums = queues.get(name) ?? new Map<QueueState, number>()
    queues.set(name, sums)
    for (const state of QUEUE_STATES) {
      const n = Object.hasOwn(jobs, state) ? jobs[state] : undefined
      if (n !== undefined) sums.set(state, (sums.get(state) ?? 0) + n)
    }
  }
  return [...queues].flatMap(([queue, sums]) =>
    [...sums].map(([state, n]): Sample => ({ labels: [queue, state], value: String(n) })),
  )
}

const NAME = 64

/** The name without the number of a shard; `other` beyond the bound. */
function labelOf(queue: string, known: ReadonlyMap<string, unknown>): string {
  const name = plain(queue.slice(0, NAME)).replace(/-\d+$/, '')
  return known.has(name) || known.size < LABEL_BOUNDS.queue ? name : OTHER
}
