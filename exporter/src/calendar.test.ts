import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCalendar, dayText } from './calendar.ts'

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Pacific/Kiritimati',
  'Pacific/Pago_Pago',
  'Australia/Lord_Howe',
]
const HOUR = 3_600_000

describe('the calendar', () => {
  it('names the local day of any moment as the zone itself does', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ZONES),
        fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2035, 0, 1) }),
        (zone, moment) => {
          const parts = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short' }).format(moment)
          expect(dayText(createCalendar(zone).day(moment))).toBe(parts)
        },
      ),
    )
  })

  it('starts each day at the first moment that belongs to it, on days of 23 and 25 hours too', () => {
    const berlin = createCalendar('Europe/Berlin')
    const spring = berlin.day(Date.UTC(2026, 2, 29, 12))
    const autumn = berlin.day(Date.UTC(2026, 9, 25, 12))
    expect(berlin.dayStart(spring)).toBe(Date.UTC(2026, 2, 28, 23))
    expect(berlin.dayStart(spring + 1) - berlin.dayStart(spring)).toBe(23 * HOUR)
    expect(berlin.dayStart(autumn + 1) - berlin.dayStart(autumn)).toBe(25 * HOUR)
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), fc.integer({ min: 18_300, max: 24_000 }), (zone, day) => {
        const calendar = createCalendar(zone)
        const start = calendar.dayStart(day)
        expect([calendar.day(start), calendar.day(start - 1)]).toEqual([day, day - 1])
      }),
    )
  })

  it('begins weeks on Monday and months on the first', () => {
    const { weekOf, monthOf, nextMonth } = createCalendar('UTC')
    const day = (text: string) => Date.parse(`${text}T00:00:00Z`) / 86_400_000
    expect(dayText(weekOf(day('2026-11-22')))).toBe('2026-11-16')
    expect(dayText(weekOf(day('2026-11-16')))).toBe('2026-11-16')
    expect(dayText(weekOf(day('1969-12-28')))).toBe('1969-12-22')
    expect(dayText(monthOf(day('2026-11-22')))).toBe('2026-11-01')
    expect(dayText(nextMonth(day('2026-12-31')))).toBe('2027-01-01')
  })
})
