import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { expose } from '../../../test/support/expose.ts'
import { createWriter } from './exposition.ts'
import type { Sample } from './sample.ts'
import { SeriesIndex } from './series.ts'

const METRIC = { name: 'g', type: 'gauge', help: 'A gauge.', labels: ['a'] } as const

async function pass(index: SeriesIndex, samples: readonly Sample[]): Promise<void> {
  const release = await index.begin()
  for (const sample of samples) index.meet(sample)
  index.prune(samples.length)
  release()
}

function someSamples(from: number, count: number): Sample[] {
  return Array.from({ length: count }, (_, i) => ({ labels: [String(from + i)], value: '1' }))
}

/** A full collection, in a turn of its own: what a WeakRef was made of lives to the end of that turn. */
async function collectGarbage(): Promise<void> {
  await setImmediate()
  setFlagsFromString('--expose_gc')
  runInNewContext('gc')()
}

describe('the kept names of series', () => {
  it('stay bounded by twice the living series while others come and go for ever', async () => {
    const index = new SeriesIndex(METRIC)
    for (let scrape = 0; scrape < 500; scrape++) {
      await pass(index, someSamples(scrape * 10, 100))
      expect(index.size).toBeLessThanOrEqual(2 * 100 + 64)
    }
  })

  it('let go of a Sample that its collector dropped', async () => {
    const writer = createWriter()
    const samples = someSamples(0, 10)
    const dropped = samples.map((sample) => new WeakRef(sample))
    await expose([{ metric: METRIC, samples }], 'text', writer)
    samples.length = 0
    await expose([{ metric: METRIC, samples: someSamples(100, 10) }], 'text', writer)
    await collectGarbage()
    expect(dropped.filter((ref) => ref.deref() !== undefined)).toEqual([])
  })

  it('find a double of a sample whose series had been forgotten meanwhile', async () => {
    const index = new SeriesIndex(METRIC)
    const [old] = someSamples(0, 1)
    if (old === undefined) throw new Error('no sample')
    await pass(index, [old])
    await pass(index, someSamples(1, 200))
    await pass(index, someSamples(1, 10))
    expect(index.size).toBe(10)
    await expect(pass(index, [old, { ...old }])).rejects.toThrow('two samples of the same series: g{a="0"}')
  })

  it('belong to one writer: another makes its own', async () => {
    const families = [{ metric: METRIC, samples: someSamples(0, 3) }]
    const renamed = [{ metric: { ...METRIC, name: 'h' }, samples: families[0]?.samples ?? [] }]
    const writer = createWriter()
    const first = await expose(families, 'text', writer)
    expect(await expose(renamed, 'text', writer)).toBe(first.replaceAll('g{', 'h{').replaceAll(' g ', ' h '))
    expect(await expose(families)).toBe(first)
  })
})
