import { nano } from '@marginwatch/pricing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PlainSegment, plainTimeline } from '../../test/margin/support.ts'
import { createCalendar } from '../calendar.ts'
import { monthDays } from './month-days.ts'
import { revenueReader } from './revenue.ts'
import type { PlanSegment } from './timeline.ts'

const DAY = 86_400_000
const calendar = createCalendar('UTC')
const JUNE = monthDays(calendar, Date.UTC(2026, 5, 1) / DAY)
const june = (day: number) => JUNE.from + (day - 1) * DAY

type Plans = Record<string, Partial<PlanSegment>[]>
const PLANS: Plans = { small: [{ price: nano(49) }], large: [{ price: nano(99) }] }

const revenueOf = (segments: readonly PlainSegment[], at: number, plans: Plans = PLANS) =>
  revenueReader(plainTimeline({ acme: segments }, plans), JUNE, at)('acme')

const BEGUN = { begun: true, trial: false, assumed: false, unpriced: false }

describe('what a customer pays', () => {
  it('is its price for a whole month, to the nano-dollar, however often it is written down anew', () => {
    const pieces = Array.from({ length: 30 }, (_, i) => ({ tier: 'small', from: june(i + 1), to: june(i + 2) }))
    const whole = { tier: 'small', accrued: nano(49), month: nano(49), ...BEGUN }
    expect(revenueOf(pieces, JUNE.to)).toEqual([whole])
    expect(revenueOf([{ tier: 'small' }], JUNE.to)).toEqual([whole])
  })

  it('accrues by whole days and by the share of the running day', () => {
    // 49 × 9.25 ÷ 30 = 15.108333333…
    expect(revenueOf([{ tier: 'small' }], june(10) + DAY / 4)).toEqual([
      { tier: 'small', accrued: nano('15.108333333'), month: nano(49), ...BEGUN },
    ])
    expect(revenueOf([{ tier: 'small' }], JUNE.from)).toEqual([
      { tier: 'small', accrued: 0n, month: nano(49), ...BEGUN },
    ])
  })

  it('is rounded half to even', () => {
    // A price of 45 nano-dollars: 1.5 a day. One day is 1.5 → 2, three are 4.5 → 4.
    const plans = { small: [{ price: 45n }] }
    expect(revenueOf([{ tier: 'small', to: june(2) }], JUNE.to, plans)[0]?.month).toBe(2n)
    expect(revenueOf([{ tier: 'small', to: june(4) }], JUNE.to, plans)[0]?.month).toBe(4n)
  })

  it('changes where the plan’s price changes, not before', () => {
    const plans = {
      small: [
        { to: june(11), price: nano(30) },
        { from: june(11), price: nano(60) },
      ],
    }
    // 10 days at 1 and 20 at 2; by noon of the 12th 10 + 3.
    expect(revenueOf([{ tier: 'small' }], june(12) + DAY / 2, plans)).toEqual([
      { tier: 'small', accrued: nano(13), month: nano(50), ...BEGUN },
    ])
  })

  it('is its own price where it has one, from the moment on which that holds', () => {
    const own = [
      { tier: 'small', to: june(21) + DAY / 2 },
      { tier: 'small', from: june(21) + DAY / 2, price: nano(30) },
    ]
    // 49 × 20.5 ÷ 30 = 33.483333333… and 30 × 9.5 ÷ 30
    expect(revenueOf(own, JUNE.to)[0]?.month).toBe(nano('33.483333333') + nano('9.5'))
  })

  it('is nothing in a trial, and a trial is told from a plan that costs nothing', () => {
    const trial = [
      { tier: 'small', to: june(16), trial: true, price: 0n },
      { tier: 'small', from: june(16) },
    ]
    expect(revenueOf(trial, june(15))).toEqual([
      { tier: 'small', accrued: 0n, month: nano('24.5'), ...BEGUN, trial: true },
    ])
    expect(revenueOf(trial, june(17))[0]).toMatchObject({ accrued: 1_633_333_333n, trial: false })
    expect(revenueOf([{ tier: 'free' }], june(17), { free: [{ price: 0n }] })).toEqual([
      { tier: 'free', accrued: 0n, month: 0n, ...BEGUN },
    ])
  })

  it('is told for each by itself, however much one is like another', () => {
    const customers: Record<string, PlainSegment[]> = {
      usual: [{ tier: 'small' }],
      assumed: [{ tier: 'small', origin: 'traffic' }],
      trial: [{ tier: 'small', trial: true }],
      own: [{ tier: 'small', price: nano(30) }],
      large: [{ tier: 'large' }],
      late: [{ tier: 'small', from: june(2) }],
      gone: [{ tier: 'small', to: june(30) }],
      nobody: [],
    }
    const read = revenueReader(plainTimeline(customers, PLANS), JUNE, JUNE.to)
    const small = { tier: 'small', accrued: nano(49), month: nano(49), ...BEGUN }
    const free = { accrued: 0n, month: 0n }
    // 49 × 29 ÷ 30 = 47.366666666…
    const most = { accrued: 47_366_666_667n, month: 47_366_666_667n }
    expect(Object.keys(customers).map((name) => read(name))).toEqual([
      [small],
      [{ ...small, assumed: true }],
      [{ ...small, ...free, trial: true }],
      [{ ...small, accrued: nano(30), month: nano(30) }],
      [{ ...small, tier: 'large', accrued: nano(99), month: nano(99) }],
      [{ ...small, ...most }],
      [{ ...small, ...most }],
      [],
    ])
  })

  it('is told by plan, in the order in which it had them, and of one to come that it has not begun', () => {
    const both = [
      { tier: 'small', to: june(16) },
      { tier: 'large', from: june(16), origin: 'traffic' as const },
    ]
    expect(revenueOf(both, june(11))).toEqual([
      { tier: 'small', accrued: 16_333_333_333n, month: nano('24.5'), ...BEGUN },
      { tier: 'large', accrued: 0n, month: nano('49.5'), ...BEGUN, begun: false },
    ])
    expect(revenueOf(both, june(16))[1]).toMatchObject({ begun: true, assumed: true })
  })

  it('is not made up where no price is known: that is said', () => {
    const plans = {
      small: [{ from: june(11), price: nano(30) }],
      gone: [{ price: null }],
      large: [{ to: june(16), price: nano(30) }],
    }
    expect(revenueOf([{ tier: 'small' }], JUNE.to, plans)[0]).toMatchObject({ month: nano(20), unpriced: true })
    expect(revenueOf([{ tier: 'large' }], JUNE.to, plans)[0]).toMatchObject({ month: nano(15), unpriced: true })
    expect(revenueOf([{ tier: 'small', from: june(11) }], JUNE.to, plans)[0]).toMatchObject({ unpriced: false })
    for (const tier of ['gone', 'never'])
      expect(revenueOf([{ tier }], JUNE.to, plans)[0]).toMatchObject({ accrued: 0n, month: 0n, unpriced: true })
  })

  it('grows through the month to what the month is worth, never beyond, and by all of a day in a day', () => {
    const cut = fc.integer({ min: 0, max: 30 * 24 })
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 12n }), cut, cut, cut, cut, (price, a, b, at, later) => {
        const hour = (n: number) => JUNE.from + n * 3_600_000
        const segments = [{ tier: 'small', from: hour(Math.min(a, b)), to: hour(Math.max(a, b)) }]
        const seen = (moment: number) => revenueOf(segments, moment, { small: [{ price }] })[0]
        const [first, then] = [seen(hour(Math.min(at, later))), seen(hour(Math.max(at, later)))]
        if (a === b) {
          expect(first).toBeUndefined()
          return
        }
        expect((first?.accrued ?? 0n) <= (then?.accrued ?? 0n)).toBe(true)
        expect((then?.accrued ?? 0n) <= (then?.month ?? 0n)).toBe(true)
        expect(seen(JUNE.to)?.accrued).toBe(then?.month)
        const exact = price * BigInt(Math.abs(a - b))
        const off = (then?.month ?? 0n) * 720n - exact
        expect(off * 2n <= 720n && off * 2n >= -720n).toBe(true)
      }),
    )
  })
})
