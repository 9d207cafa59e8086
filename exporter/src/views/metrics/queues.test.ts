import { describe, expect, it } from 'vitest'
import { LABEL_BOUNDS } from '../../catalogue.ts'
import { type QueueReading, queuesCollector } from './queues.ts'

function shown(readings: readonly QueueReading[]): Record<string, string> {
  const [family] = [...queuesCollector(() => readings).collect()]
  const samples = [...(family?.samples ?? [])] as { labels: readonly string[]; value: string }[]
  return Object.fromEntries(samples.map(({ labels, value }) => [labels.join(' '), value]))
}

describe("Langfuse's queues", () => {
  it('are shown by state, with shards added up', () => {
    expect(
      shown([
        { queue: 'otel-ingestion-queue', jobs: { waiting: 3, active: 1, failed: 0, completed: 99 } },
        { queue: 'otel-ingestion-queue-1', jobs: { waiting: 4, active: 0, failed: 2 } },
        { queue: 'webhook-queue', jobs: { waiting: 0 } },
      ]),
    ).toEqual({
      'otel-ingestion-queue waiting': '7',
      'otel-ingestion-queue active': '1',
      'otel-ingestion-queue failed': '2',
      'webhook-queue waiting': '0',
    })
  })

  it('that could not be counted are absent, not zero', () => {
    expect(shown([{ queue: 'ingestion-queue', jobs: null }])).toEqual({})
    expect(shown([])).toEqual({})
  })

  it('have a bound, beyond which they are other, however many there are', () => {
    const flood = Array.from({ length: 1000 }, (_, i) => ({ queue: `q${i}x`, jobs: { waiting: 1 } }))
    const found = shown(flood)
    expect(Object.keys(found)).toHaveLength(LABEL_BOUNDS.queue + 1)
    expect(found['other waiting']).toBe(String(1000 - LABEL_BOUNDS.queue))
  })
})
