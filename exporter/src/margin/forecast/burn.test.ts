import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { burnRates } from './burn.ts'
import { HOUR } from './days.ts'

const USD = 1_000_000_000n
const NOON = Date.UTC(2026, 10, 22, 12)
/** 720 hours. */
const NOVEMBER = { start: Date.UTC(2026, 10, 1), end: Date.UTC(2026, 11, 1) }

/** As much as given in each of the last hours before noon, the newest last. */
const spentBefore = (...costs: readonly bigint[]) =>
  costs.map((cost, i) => ({ hour: NOON - (costs.length - i) * HOUR, cost }))
const since = (hours: number, rows = spentBefore()) => ({ hours: rows, from: NOON - hours * HOUR, to: NOON })

describe('the burn rate of a budget', () => {
  it('is 1 in every window when it is spent evenly over its period', () => {
    const even = Array.from({ length: 72 }, () => USD)
    expect(burnRates(since(72, spentBefore(...even)), { ...NOVEMBER, limit: 720n * USD })).toEqual([
      { window: '1h', rate: 1_000_000n },
      { window: '6h', rate: 1_000_000n },
      { window: '24h', rate: 1_000_000n },
      { window: '72h', rate: 1_000_000n },
    ])
  })

  it('is 14.4 in the hour that takes 2 % of a month of 30 days, and less in the longer windows', () => {
    const rates = burnRates(since(100, spentBefore(2n * USD)), { ...NOVEMBER, limit: 100n * USD })
    expect(rates.map(({ rate }) => rate)).toEqual([14_400_000n, 2_400_000n, 600_000n, 200_000n])
  })

  it('is unknown for a window that reaches back before what is known, and nothing where nothing was spent', () => {
    expect(burnRates(since(24), { ...NOVEMBER, limit: USD })).toEqual([
      { window: '1h', rate: 0n },
      { window: '6h', rate: 0n },
      { window: '24h', rate: 0n },
    ])
    expect(burnRates(since(0.5), { ...NOVEMBER, limit: USD })).toEqual([])
  })

  it('counts of the hour in which a window begins as much as lies in it', () => {
    const history = { hours: spentBefore(4n * USD, 8n * USD), from: 0, to: NOON - HOUR / 4 }
    const [hour] = burnRates(history, { ...NOVEMBER, limit: 7n * USD })
    // A quarter of the first hour, and the second as far as it has come.
    expect(hour).toEqual({ window: '1h', rate: (720n * 1_000_000n * 9n) / 7n })
  })

  it('has none of a limit of nothing, and is never below nothing', () => {
    expect(burnRates(since(100), { ...NOVEMBER, limit: 0n })).toEqual([])
    const [hour] = burnRates(since(100, spentBefore(-USD)), { ...NOVEMBER, limit: USD })
    expect(hour?.rate).toBe(0n)
  })

  it('is the same when limit and spend are counted in another money', () => {
    const costs = fc.array(fc.bigInt({ min: 0n, max: 1_000n * USD }), { minLength: 1, maxLength: 80 })
    fc.assert(
      fc.property(
        costs,
        fc.bigInt({ min: 1n, max: 10_000n * USD }),
        fc.integer({ min: 2, max: 1_000 }),
        (costs, limit, k) => {
          const one = burnRates(since(100, spentBefore(...costs)), { ...NOVEMBER, limit })
          const many = costs.map((cost) => cost * BigInt(k))
          expect(burnRates(since(100, spentBefore(...many)), { ...NOVEMBER, limit: limit * BigInt(k) })).toEqual(one)
        },
      ),
    )
  })
})
