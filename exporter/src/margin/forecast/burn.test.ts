import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BURN_WINDOWS } from '../../catalogue.ts'
import { BURN_LENGTHS, burnRates, type SpentWithin } from './burn.ts'
import { HOUR } from './days.ts'

const USD = 1_000_000_000n
/** 720 hours. */
const NOVEMBER = { start: Date.UTC(2026, 10, 1), end: Date.UTC(2026, 11, 1) }
const LONG = 100 * HOUR
const within = (h1: bigint, h6 = h1, h24 = h6, h72 = h24): SpentWithin => ({
  '1h': h1,
  '6h': h6,
  '24h': h24,
  '72h': h72,
})

describe('the burn rate of a budget', () => {
  it('is 1 in every window when it is spent evenly over its period', () => {
    const even = within(USD, 6n * USD, 24n * USD, 72n * USD)
    expect(burnRates(even, { ...NOVEMBER, limit: 720n * USD }, 72 * HOUR)).toEqual([
      { window: '1h', rate: 1_000_000n },
      { window: '6h', rate: 1_000_000n },
      { window: '24h', rate: 1_000_000n },
      { window: '72h', rate: 1_000_000n },
    ])
  })

  it('is 14.4 in the hour that takes 2 % of a month of 30 days, and less in the longer windows', () => {
    const rates = burnRates(within(2n * USD), { ...NOVEMBER, limit: 100n * USD }, LONG)
    expect(rates.map(({ rate }) => rate)).toEqual([14_400_000n, 2_400_000n, 600_000n, 200_000n])
  })

  it('is unknown for a window that reaches back before what is known, and nothing where nothing was spent', () => {
    expect(burnRates(within(0n), { ...NOVEMBER, limit: USD }, 24 * HOUR)).toEqual([
      { window: '1h', rate: 0n },
      { window: '6h', rate: 0n },
      { window: '24h', rate: 0n },
    ])
    expect(burnRates(within(0n), { ...NOVEMBER, limit: USD }, HOUR / 2)).toEqual([])
  })

  it('has none of a limit of nothing or of no period, and is never below nothing', () => {
    expect(burnRates(within(USD), { ...NOVEMBER, limit: 0n }, LONG)).toEqual([])
    expect(burnRates(within(USD), { limit: USD, start: NOVEMBER.end, end: NOVEMBER.end }, LONG)).toEqual([])
    const [hour] = burnRates(within(-USD), { ...NOVEMBER, limit: USD }, LONG)
    expect(hour?.rate).toBe(0n)
  })

  it('is the same when limit and spend are counted in another money, and never more in money than was spent', () => {
    const amount = fc.bigInt({ min: 0n, max: 1_000n * USD })
    fc.assert(
      fc.property(
        fc.tuple(amount, amount, amount, amount),
        fc.bigInt({ min: 1n, max: 10_000n * USD }),
        fc.bigInt({ min: 2n, max: 1_000n }),
        ([a, b, c, d], limit, k) => {
          const one = burnRates(within(a, b, c, d), { ...NOVEMBER, limit }, LONG)
          const many = within(a * k, b * k, c * k, d * k)
          expect(burnRates(many, { ...NOVEMBER, limit: limit * k }, LONG)).toEqual(one)
          const period = BigInt(NOVEMBER.end - NOVEMBER.start) * 1_000_000n
          one.forEach(({ window, rate }, i) => {
            expect(window).toBe(BURN_WINDOWS[i])
            const worth = rate * limit * BigInt(BURN_LENGTHS[window])
            expect(worth <= within(a, b, c, d)[window] * period).toBe(true)
          })
        },
      ),
    )
  })
})
