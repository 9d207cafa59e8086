import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCalendar } from '../calendar.ts'
import { addTo, emptySums, periodAfter, periodBefore, periodOf, spentIn, type CalendarPeriod } from './sums.ts'

const PERIODS: readonly CalendarPeriod[] = ['day', 'week', 'month']
const HOUR = 3_600_000

describe.each(['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca'])(
  'in %s',
  (zone) => {
    const calendar = createCalendar(zone)

    it('knows what was spent in the running period and the one before it, for any order of calls over three months', () => {
      // March and October: both turns of the clock lie within.
      const begins = fc.constantFrom(Date.UTC(2026, 1, 1), Date.UTC(2026, 8, 15), Date.UTC(2026, 10, 20))
      const call = fc.record({ hour: fc.nat(24 * 92), cost: fc.bigInt({ min: -50n, max: 1_000n }) })
      fc.assert(
        fc.property(begins, fc.array(call, { minLength: 1, maxLength: 60 }), (from, calls) => {
          const sums = emptySums()
          const days = calls.map(({ hour }) => calendar.day(from + hour * HOUR))
          for (const [i, { cost }] of calls.entries()) addTo(sums, calendar, days[i] as number, cost)
          for (const period of PERIODS) {
            const latest = periodOf(calendar, period, Math.max(...days))
            for (const start of [latest, periodBefore(calendar, period, latest)]) {
              const end = periodAfter(calendar, period, start)
              const naive = calls.reduce((sum, { cost }, i) => {
                const day = days[i] as number
                return day >= start && day < end ? sum + cost : sum
              }, 0n)
              expect(spentIn(sums, calendar, period, start)).toBe(naive)
            }
          }
        }),
      )
    })

    it('has periods that follow each other without a gap', () => {
      fc.assert(
        fc.property(fc.integer({ min: 20_000, max: 21_500 }), fc.constantFrom(...PERIODS), (day, period) => {
          const start = periodOf(calendar, period, day)
          const next = periodAfter(calendar, period, start)
          expect(start <= day && day < next).toBe(true)
          expect(periodOf(calendar, period, next)).toBe(next)
          expect(periodBefore(calendar, period, next)).toBe(start)
        }),
      )
    })
  },
)

it('has spent nothing where nothing is known, and in a period to come', () => {
  const calendar = createCalendar('UTC')
  const sums = emptySums()
  expect(spentIn(undefined, calendar, 'month', 20_758)).toBe(0n)
  addTo(sums, calendar, 20_760, 5n)
  expect(spentIn(sums, calendar, 'day', 20_761)).toBe(0n)
})
