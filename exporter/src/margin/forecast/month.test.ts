import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { spendOf, spentSince } from '../../../test/support/spend.ts'
import { createCalendar } from '../../calendar.ts'
import type { SpendHistory } from './days.ts'
import { forecastMonth } from './month.ts'

const USD = 1_000_000_000n
const HOUR = 3_600_000
const berlin = createCalendar('Europe/Berlin')
/** Berlin's clocks change within it. */
const OCTOBER = berlin.monthOf(berlin.day(Date.UTC(2026, 9, 10)))
/** A dollar an hour at night, three by day, half of it at weekends. */
const office = (day: number, hour: number) =>
  (hour >= 8 && hour < 20 ? 3 : 1) * (day - berlin.weekOf(day) >= 5 ? 0.5 : 1)

const told = (history: SpendHistory, now = history.to, calendar = berlin) => {
  const spent = spentSince(history, calendar.dayStart(calendar.monthOf(calendar.day(now))))
  return { spent, forecast: forecastMonth({ history, spent, calendar, now }) }
}
const boundsOf = (history: SpendHistory, now?: number, calendar?: typeof berlin) => {
  const { spent, forecast } = told(history, now, calendar)
  if (!forecast.known) throw new Error(forecast.reason)
  return { spent, ...forecast.bounds }
}

describe('the forecast of a month', () => {
  it('is right to the thousandth where every week is like the one before, from any hour on', () => {
    const month = spendOf(berlin, { first: OCTOBER, end: berlin.nextMonth(OCTOBER) }, office)
    const truth = Number(spentSince(month, 0))
    for (const [days, hours] of [
      [0, 0],
      [3, 7],
      [14, 12.5],
      [30, 23],
    ] as const) {
      const known = spendOf(berlin, { first: OCTOBER - 60, end: OCTOBER + days, hours: Math.floor(hours) }, office)
      const { expected, low, high } = boundsOf({ ...known, to: known.to + (hours % 1) * HOUR })
      // Within a day that is cut, the part of its hour that was spent is not in the sums.
      expect(Number(expected) / truth).toBeCloseTo(1, 2)
      expect(low <= BigInt(truth) && BigInt(truth) <= high).toBe(true)
    }
  })

  it('is what is spent, to the nano-dollar, when the month is over', () => {
    const history = spendOf(berlin, { first: OCTOBER - 60, end: berlin.nextMonth(OCTOBER) }, office)
    const { spent, low, expected, high } = boundsOf(history, history.to - 1)
    expect([low, expected, high]).toEqual([spent, spent, spent])
  })

  it('closes in on the truth: in the last hour the band is narrower than that hour', () => {
    const end = berlin.nextMonth(OCTOBER)
    const { spent, low, high } = boundsOf(spendOf(berlin, { first: OCTOBER - 60, end: end - 1, hours: 23 }, office))
    expect(low).toBeGreaterThanOrEqual(spent)
    expect(high - low).toBeLessThan(2n * USD)
  })

  it('foretells the whole month on its first morning', () => {
    const { spent, expected } = boundsOf(spendOf(berlin, { first: OCTOBER - 60, end: OCTOBER }, office))
    expect(spent).toBe(0n)
    const truth = Number(spentSince(spendOf(berlin, { first: OCTOBER, end: berlin.nextMonth(OCTOBER) }, office), 0))
    expect(Number(expected) / truth).toBeCloseTo(1, 2)
  })

  it('counts the time since the ledger last knew anything among what is to come', () => {
    const known = spendOf(berlin, { first: OCTOBER - 60, end: OCTOBER - 2 }, office)
    const { spent, expected } = boundsOf(known, berlin.dayStart(OCTOBER + 1))
    expect(spent).toBe(0n)
    const all = boundsOf(spendOf(berlin, { first: OCTOBER - 60, end: OCTOBER }, office)).expected
    expect(Number(expected) / Number(all)).toBeCloseTo(1, 3)
  })

  it('is none before every weekday was there twice, and says from when on there is one', () => {
    const short = spendOf(berlin, { first: OCTOBER, end: OCTOBER + 13, hours: 23 }, office)
    expect(told({ ...short, from: short.from - HOUR }).forecast).toEqual({
      known: false,
      reason: 'the ledger covers 13 whole days; a forecast needs 14, every weekday twice',
      from: berlin.dayStart(OCTOBER + 14),
    })
    // An hour late on the first day: that day does not count.
    expect(told({ ...short, from: short.from + HOUR }).forecast).toMatchObject({ from: berlin.dayStart(OCTOBER + 15) })
    expect(told(spendOf(berlin, { first: OCTOBER, end: OCTOBER + 14 }, office)).forecast.known).toBe(true)
  })

  it('is none where nothing costs anything', () => {
    expect(told(spendOf(berlin, { first: OCTOBER, end: OCTOBER + 20 }, () => 0)).forecast).toEqual({
      known: false,
      reason: 'no call of the last eight weeks cost anything',
      from: null,
    })
  })

  it('takes days without calls for what they are only where the ledger covers them', () => {
    const late = spendOf(berlin, { first: OCTOBER - 20, end: OCTOBER + 5 }, office)
    const claimed = { ...late, from: berlin.dayStart(OCTOBER - 60) }
    expect(boundsOf(claimed).expected).not.toBe(boundsOf(late).expected)
  })

  it('works where days begin within an hour', () => {
    const kolkata = createCalendar('Asia/Kolkata')
    const first = kolkata.monthOf(kolkata.day(Date.UTC(2026, 9, 10)))
    const { spent, expected } = boundsOf(
      spendOf(kolkata, { first: first - 40, end: first + 10 }, () => 1),
      undefined,
      kolkata,
    )
    expect(spent).toBe(240n * USD)
    expect(Number(expected) / 744e9).toBeCloseTo(1, 2)
  })
})

/** Some weeks of any spend, quiet, wild or broken, up to any hour of a month. */
const anyHistory = fc
  .record({
    zone: fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kolkata', 'America/New_York'),
    days: fc.integer({ min: 14, max: 80 }),
    hours: fc.integer({ min: 0, max: 22 }),
    usual: fc.array(fc.integer({ min: 0, max: 5_000_000 }), { minLength: 24, maxLength: 24 }),
    wild: fc.array(fc.tuple(fc.nat(79), fc.nat(23), fc.integer({ min: -1_000, max: 900_000_000 })), { maxLength: 20 }),
    quiet: fc.tuple(fc.nat(79), fc.nat(30)),
  })
  .map(({ zone, days, hours, usual, wild, quiet }) => {
    const calendar = createCalendar(zone)
    const end = calendar.day(Date.UTC(2026, 10, 17, 12))
    const first = end - days
    const odd = new Map(wild.map(([day, hour, cost]) => [day * 24 + hour, cost]))
    const history = spendOf(calendar, { first, end, hours }, (day, hour) => {
      const index = day - first
      if (index >= quiet[0] && index < quiet[0] + quiet[1]) return 0
      return (odd.get(index * 24 + Math.floor(hour)) ?? usual[Math.floor(hour) % 24] ?? 0) / 1_000
    })
    return { calendar, history }
  })

describe('whatever was spent', () => {
  it('spent ≤ low ≤ expected ≤ high, and no rest is below nothing', () => {
    fc.assert(
      fc.property(anyHistory, ({ calendar, history }) => {
        const { spent, forecast } = told(history, history.to, calendar)
        if (!forecast.known) return
        const { low, expected, high } = forecast.bounds
        expect(spent <= low && low <= expected && expected <= high).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  it('a thousand times as much is foretold of a thousand times as much', () => {
    fc.assert(
      fc.property(anyHistory, ({ calendar, history }) => {
        const times = 1_024n
        const many = { ...history, hours: history.hours.map(({ hour, cost }) => ({ hour, cost: cost * times })) }
        const [one, all] = [told(history, history.to, calendar).forecast, told(many, history.to, calendar).forecast]
        expect(all.known).toBe(one.known)
        if (!one.known || !all.known) return
        for (const bound of ['low', 'expected', 'high'] as const) {
          const [many, few] = [Number(all.bounds[bound]), Number(one.bounds[bound] * times)]
          // Half a nano-dollar of rounding, so many times, and the last digits of logarithms.
          expect(Math.abs(many - few)).toBeLessThanOrEqual(Number(times) + 1e-9 * few)
        }
      }),
      { numRuns: 100 },
    )
  })

  it('the order of the hours is of no account', () => {
    fc.assert(
      fc.property(anyHistory, ({ calendar, history }) => {
        const turned = { ...history, hours: history.hours.toReversed() }
        expect(told(turned, history.to, calendar)).toEqual(told(history, history.to, calendar))
      }),
      { numRuns: 50 },
    )
  })
})
