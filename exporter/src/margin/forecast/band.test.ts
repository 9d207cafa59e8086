import { describe, expect, it } from 'vitest'
import { type HourUsd, spendOf } from '../../../test/support/spend.ts'
import { createCalendar } from '../../calendar.ts'
import { hourBand } from './band.ts'
import type { SpendHistory } from './days.ts'

const USD = 1_000_000_000n
const HOUR = 3_600_000
const utc = createCalendar('UTC')
const FIRST = utc.day(Date.UTC(2026, 8, 7))
const END = FIRST + 56
/** Ten dollars an hour by day and two by night, a tenth more or less by the hour. */
const office: HourUsd = (day, hour) =>
  (hour >= 8 && hour < 20 ? 10 : 2) * (1 + 0.1 * Math.sin(12.9898 * (day * 24 + hour)))

const bandAt = (hours: number, usd: HourUsd = office, change: Partial<SpendHistory> = {}) => {
  const told = hourBand({ ...spendOf(utc, { first: FIRST, end: END, hours }, usd), ...change }, utc)
  if (!told.known) throw new Error(told.reason)
  return told.bounds
}

describe('the band of an hour', () => {
  it('has the ordinary hour within it, by day and by night, and at midnight that of the day before', () => {
    for (const [hours, usual] of [
      [4, 2n],
      [12, 10n],
      [0, 2n],
      [8, 2n],
      [9, 10n],
    ] as const) {
      const { low, expected, high } = bandAt(hours)
      expect(Number(expected) / Number(usual * USD)).toBeCloseTo(1, 1)
      expect(low < (usual * USD * 9n) / 10n && high > (usual * USD * 11n) / 10n).toBe(true)
    }
  })

  it('has an agent that runs away above it, and silence below it', () => {
    const { low, high } = bandAt(12)
    expect(high).toBeLessThan(15n * USD)
    expect(low).toBeGreaterThan(2n * USD)
  })

  it('is that of its weekday', () => {
    // The last day is a Monday.
    const mondays: HourUsd = (day, hour) => office(day, hour) * (utc.weekOf(day) === day ? 2 : 1)
    const { low, expected, high } = bandAt(12, mondays)
    expect(Number(expected) / Number(20n * USD)).toBeCloseTo(1, 1)
    expect(low > 10n * USD && high < 30n * USD).toBe(true)
  })

  it('does not grow wide because agents ran away before', () => {
    const before = bandAt(12)
    const wild: HourUsd = (day, hour) => office(day, hour) + (hour === 15 && day % 3 === 0 ? 500 : 0)
    expect(Number(bandAt(12, wild).high) / Number(before.high)).toBeLessThan(1.3)
  })

  it('grows wide where hours differ much', () => {
    const bursts: HourUsd = (day, hour) => office(day, hour) * ((day * 24 + hour) % 5 === 0 ? 3 : 0.5)
    expect(bandAt(12, bursts).high).toBeGreaterThan(2n * bandAt(12).high)
  })

  it('is that of both hours where the last hour is made of two, each by its part', () => {
    const whole = spendOf(utc, { first: FIRST, end: END, hours: 9 }, office)
    const told = hourBand({ ...whole, to: whole.to - HOUR / 4 }, utc)
    const [night, day] = [bandAt(8), bandAt(9)]
    for (const bound of ['low', 'expected', 'high'] as const) {
      const mixed = (night[bound] + 3n * day[bound]) / 4n
      const off = (told.known ? told.bounds[bound] : 0n) - mixed
      expect(off < 10n && off > -10n).toBe(true)
    }
  })

  it('does not follow the hour that it is for', () => {
    const wild: HourUsd = (day, hour) => office(day, hour) + (day === END && hour === 11 ? 500 : 0)
    expect(bandAt(12, wild)).toEqual(bandAt(12))
  })

  it('is none while little is known, and says from when on', () => {
    expect(hourBand(spendOf(utc, { first: FIRST, end: FIRST + 1 }, office), utc)).toEqual({
      known: false,
      reason: 'the ledger covers 1 whole day; a forecast needs 14, every weekday twice',
      from: utc.dayStart(FIRST + 14),
    })
  })

  it('is there from the first moment on at which a month is foretold', () => {
    const told = hourBand(spendOf(utc, { first: FIRST, end: FIRST + 14 }, office), utc)
    expect(told.known && told.bounds.low <= told.bounds.expected && told.bounds.expected < told.bounds.high).toBe(true)
  })
})
