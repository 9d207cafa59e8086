import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createHistogram } from './histogram.ts'

const METRIC = {
  name: 'h_seconds',
  type: 'histogram',
  help: 'A histogram.',
  labels: [],
  buckets: ['0.0005', '0.1', '1', '2.5', '9007199'],
} as const

describe('a histogram', () => {
  it('counts a value in the first bucket whose bound is not below it, and keeps the exact sum', () => {
    const value = fc.oneof(fc.nat(3_000), fc.maxSafeNat(), fc.bigInt({ min: 0n, max: 10n ** 30n }))
    fc.assert(
      fc.property(fc.array(value), fc.constantFrom(0, 3, 9), (values, places) => {
        const histogram = createHistogram(METRIC, { places })
        for (const one of values) histogram.observe(one)
        // The bounds in units of 10^-18, beyond any place used here.
        const bounds = METRIC.buckets.map((bound) => BigInt(Math.round(Number(bound) * 1e4)) * 10n ** 14n)
        const counts = new Array<number>(bounds.length + 1).fill(0)
        for (const one of values) {
          const scaled = BigInt(one) * 10n ** BigInt(18 - places)
          const i = bounds.findIndex((bound) => scaled <= bound)
          const at = i < 0 ? bounds.length : i
          counts[at] = (counts[at] ?? 0) + 1
        }
        expect(histogram.sample.counts).toEqual(counts)
        expect(unscaled(histogram.sample.sum, places)).toBe(values.reduce<bigint>((sum, one) => sum + BigInt(one), 0n))
      }),
    )
  })

  it('goes on from stored buckets and their sum', () => {
    const histogram = createHistogram(METRIC, { places: 3, start: { counts: [1, 0, 0, 0, 0, 2], sum: 10n ** 20n } })
    histogram.observe(100)
    expect(histogram.sample).toMatchObject({ counts: [1, 1, 0, 0, 0, 2], sum: '100000000000000000.1' })
  })

  it('shows the last example of each bucket', () => {
    const histogram = createHistogram(METRIC, { places: 3, created: 7 })
    histogram.observe(150, { trace: 'a', at: 1 })
    histogram.observe(200, { trace: 'b', at: 2 })
    histogram.observe(300)
    histogram.observe(10n ** 20n, { trace: 'c', at: 3 })
    expect(histogram.sample.exemplars?.map((one) => one)).toEqual([
      ...[undefined, undefined],
      { trace: 'b', at: 2, value: '0.2' },
      ...[undefined, undefined],
      { trace: 'c', at: 3, value: '100000000000000000' },
    ])
    expect(histogram.sample.created).toBe(7)
  })

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -1n])('refuses %s and counts nothing', (value) => {
    const histogram = createHistogram(METRIC, { places: 3 })
    expect(() => histogram.observe(value)).toThrow(`h_seconds: observed ${value}, expected a whole number of 10^-3`)
    expect(histogram.sample).toMatchObject({ counts: [0, 0, 0, 0, 0, 0], sum: '0' })
  })

  it('refuses stored buckets of another metric', () => {
    expect(() => createHistogram(METRIC, { places: 3, start: { counts: [1, 2], sum: 0n } })).toThrow(
      'h_seconds: started with 2 buckets, expected 6 (+Inf last)',
    )
  })
})

function unscaled(text: string, places: number): bigint {
  const [whole = '', fraction = ''] = text.split('.')
  return BigInt(whole + fraction.padEnd(places, '0'))
}
