import { describe, expect, it } from 'vitest'
import { createCalendar } from '../calendar.ts'
import { createInfraTotals, missingInfra } from './infra.ts'
import type { DayMetered } from './rows.ts'

const HOUR = 3_600_000
const calendar = createCalendar('Europe/Berlin')
const row = (over: Partial<DayMetered>): DayMetered => ({
  ...{ day: 20_000, resource: 'container', service: 'exporter', meter: 'cpu', amount: 0n, cost: 5n, unknown: 0 },
  ...over,
})

describe('what is missing of infrastructure', () => {
  const known = { metered: true, rated: true, gaps: [] }

  it('is nothing while all of it is metered and has rates', () => {
    expect(missingInfra(known, 0, 10 * HOUR)).toBeNull()
    expect(missingInfra({ ...known, gaps: [{ from: 10 * HOUR, to: null }] }, 0, 10 * HOUR)).toBeNull()
    expect(missingInfra({ ...known, gaps: [{ from: -5, to: 0 }] }, 0, 10 * HOUR)).toBeNull()
  })

  it('is all of it where nothing meters it or nothing has a rate', () => {
    expect(missingInfra({ ...known, metered: false, rated: false }, 0, 1)).toMatch(/^nothing meters the infrastructure/)
    expect(missingInfra({ ...known, rated: false }, 0, 1)).toMatch(/^there are no rates/)
  })

  it('is how long nothing was metered within the time that is asked for', () => {
    const gaps = [
      { from: -HOUR, to: HOUR },
      { from: 3 * HOUR, to: 3 * HOUR + 90_000 },
      { from: 9 * HOUR, to: null },
    ]
    expect(missingInfra({ ...known, gaps }, 0, 10 * HOUR)).toBe('nothing was metered for 2 hours')
    expect(missingInfra({ ...known, gaps }, 2 * HOUR, 4 * HOUR)).toBe('nothing was metered for 1 minute')
    expect(missingInfra({ ...known, gaps }, 3 * HOUR, 3 * HOUR + 1)).toBe('nothing was metered for less than a minute')
    expect(missingInfra({ ...known, gaps: [{ from: 0, to: 50 * HOUR }] }, 0, 99 * HOUR)).toBe(
      'nothing was metered for 2 days',
    )
  })

  it('is an hour once that lies in two gaps', () => {
    const gaps = [
      { from: 4 * HOUR, to: null },
      { from: 0, to: null },
      { from: HOUR, to: 2 * HOUR },
    ]
    expect(missingInfra({ ...known, gaps }, 0, 6 * HOUR)).toBe('nothing was metered for 6 hours')
    expect(missingInfra({ ...known, gaps: gaps.slice(2) }, 0, 6 * HOUR)).toBe('nothing was metered for 1 hour')
    expect(missingInfra({ ...known, gaps: [{ from: 0, to: 3 * HOUR }, ...gaps.slice(2)] }, 0, 6 * HOUR)).toBe(
      'nothing was metered for 3 hours',
    )
  })
})

describe('what infrastructure has cost in all', () => {
  it('is summed by service and kind, those that came first in front, dated by the begin of their first day', () => {
    const totals = createInfraTotals(calendar)
    totals.add(row({ service: 'zeta', day: 20_001 }))
    totals.add(row({ day: 20_002 }))
    totals.add(row({ meter: 'memory', day: 20_002 }))
    totals.add(row({ day: 20_002, cost: 7n }))
    // A late one of an earlier day.
    totals.add(row({ meter: 'memory', day: 20_000 }))
    const since = (day: number) => calendar.dayStart(day)
    expect(totals.all()).toEqual([
      { resource: 'container', kind: 'memory', service: 'exporter', cost: 10n, since: since(20_000) },
      { resource: 'container', kind: 'cpu', service: 'zeta', cost: 5n, since: since(20_001) },
      { resource: 'container', kind: 'cpu', service: 'exporter', cost: 12n, since: since(20_002) },
    ])
  })

  it('is not shown as nothing where no rate is known', () => {
    const totals = createInfraTotals(calendar)
    expect(totals.since()).toBeNull()
    totals.add(row({ cost: 0n, unknown: 3 }))
    expect(totals.all()).toEqual([])
    expect(totals.since()).toBe(calendar.dayStart(20_000))
    totals.add(row({ cost: 0n }))
    expect(totals.all()).toMatchObject([{ cost: 0n }])
  })
})
