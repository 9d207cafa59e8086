import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCalendar } from '../calendar.ts'
import { monthDays } from './month-days.ts'

const DAY = 86_400_000
const HOUR = 3_600_000
const day = (text: string) => Date.parse(`${text}T00:00:00Z`) / DAY
const of = (zone: string, text: string) => monthDays(createCalendar(zone), day(text))

describe('a month measured in ticks', () => {
  it('begins and ends with its local days', () => {
    expect(of('Europe/Berlin', '2026-10-17')).toMatchObject({
      month: day('2026-10-01'),
      next: day('2026-11-01'),
      from: Date.parse('2026-09-30T22:00Z'),
      to: Date.parse('2026-10-31T23:00Z'),
      days: 31,
    })
    expect(of('UTC', '2028-02-29')).toMatchObject({ days: 29, ticks: 29 * DAY })
  })

  it('has as many of them in a day of 23 or 25 hours as in any other', () => {
    for (const [zone, month, changes] of [
      ['Europe/Berlin', '2026-03', 29],
      ['Europe/Berlin', '2026-10', 25],
      ['Australia/Lord_Howe', '2026-04', 5],
      // Clocks go back for the fast and forward after it.
      ['Africa/Casablanca', '2026-02', 15],
    ] as const) {
      const days = of(zone, `${month}-01`)
      const calendar = createCalendar(zone)
      const at = (i: number) => days.ticksAt(calendar.dayStart(days.month + i))
      for (let i = 0; i <= days.days; i++) expect(at(i)).toBe((days.ticks / days.days) * i)
      const length = calendar.dayStart(days.month + changes) - calendar.dayStart(days.month + changes - 1)
      expect(length, `${zone} ${month}`).not.toBe(DAY)
    }
  })

  it('has half of a day at the middle of its hours', () => {
    const days = of('Europe/Berlin', '2026-10-01')
    const perDay = days.ticks / 31
    const start = createCalendar('Europe/Berlin').dayStart(day('2026-10-25'))
    expect(days.ticksAt(start + 12.5 * HOUR)).toBe(24.5 * perDay)
    expect(days.ticksAt(start + 25 * HOUR)).toBe(25 * perDay)
  })

  it('passes over a day that a zone left out', () => {
    // Samoa went from the 29th to the 31st of December 2011.
    const days = of('Pacific/Apia', '2011-12-01')
    const calendar = createCalendar('Pacific/Apia')
    const perDay = days.ticks / 31
    expect(days.ticksAt(calendar.dayStart(day('2011-12-31')) - 1)).toBeLessThan(29 * perDay)
    expect(days.ticksAt(calendar.dayStart(day('2011-12-31')))).toBe(30 * perDay)
  })

  it('never runs backwards, and says whole numbers that are exact', () => {
    const zones = ['UTC', 'Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', 'Pacific/Apia', 'Asia/Kathmandu']
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.integer({ min: day('2000-01-01'), max: day('2030-01-01') }),
        fc.integer({ min: -DAY, max: 32 * DAY }),
        fc.nat(DAY),
        (zone, at, offset, more) => {
          const days = monthDays(createCalendar(zone), at)
          const [one, other] = [days.ticksAt(days.from + offset), days.ticksAt(days.from + offset + more)]
          expect(Number.isSafeInteger(one) && one >= 0 && one <= days.ticks).toBe(true)
          expect(other).toBeGreaterThanOrEqual(one)
        },
      ),
    )
  })
})
