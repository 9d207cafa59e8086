import { describe, expect, it } from 'vitest'
import { createCalendar } from '../../calendar.ts'
import { daysOf, HOUR } from './days.ts'

const USD = 1_000_000_000n
const utc = createCalendar('UTC')
const at = (day: number, hour: number) => Date.UTC(2026, 10, day, hour)

describe('the days of a history', () => {
  it('are those that are covered from their first moment to their last', () => {
    const noon = { hours: [], from: at(1, 12), to: at(4, 12) }
    expect(daysOf(noon, utc)).toMatchObject({ first: utc.day(at(2, 0)), totals: [0, 0] })
    expect(daysOf({ hours: [], from: at(1, 0), to: at(3, 0) }, utc).totals).toEqual([0, 0])
    expect(daysOf({ hours: [], from: at(1, 1), to: at(2, 23) }, utc).totals).toEqual([])
  })

  it('have their spend by the hour; one without a row is an hour without spend, one below nothing too', () => {
    const hours = [
      { hour: at(2, 23), cost: 5n * USD },
      { hour: at(1, 4), cost: 2n * USD },
      { hour: at(1, 5), cost: -USD },
      { hour: at(3, 0), cost: 9n * USD },
    ]
    const days = daysOf({ hours, from: at(1, 0), to: at(3, 1) }, utc)
    expect(days.totals).toEqual([2e9, 5e9])
    expect([days.hours[0]?.[4], days.hours[0]?.[5], days.hours[1]?.[23]]).toEqual([2e9, 0, 5e9])
  })

  it('are those of the zone, also where they begin within an hour and where they have 25', () => {
    const kolkata = createCalendar('Asia/Kolkata')
    const start = kolkata.dayStart(kolkata.day(at(2, 12)))
    expect(start % HOUR).toBe(HOUR / 2)
    const cut = { hours: [{ hour: start - HOUR / 2, cost: USD }], from: start - 24 * HOUR, to: start + 24 * HOUR }
    expect(daysOf(cut, kolkata).totals).toEqual([0, 1e9])

    const berlin = createCalendar('Europe/Berlin')
    const autumn = berlin.day(Date.UTC(2026, 9, 25, 12))
    const [from, to] = [berlin.dayStart(autumn), berlin.dayStart(autumn + 1)]
    const hours = Array.from({ length: 25 }, (_, i) => ({ hour: from + i * HOUR, cost: USD }))
    const days = daysOf({ hours, from, to }, berlin)
    expect(days.totals).toEqual([25e9])
    expect(days.hours[0]?.[23]).toBe(2e9)
  })
})
