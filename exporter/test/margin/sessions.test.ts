import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCalendar } from '../../src/calendar.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { monthDays } from '../../src/margin/month-days.ts'
import { marginLedger } from '../../src/margin/rows.ts'
import { readSessions } from '../../src/margin/sessions.ts'
import type { Usage } from '../../src/usage.ts'
import { DAY, usage } from '../support/entries.ts'
import { openLedger, scratch } from '../support/ledger.ts'

const calendar = createCalendar('Europe/Berlin')
const MINUTE = 60_000
const OCTOBER = monthDays(calendar, Date.UTC(2026, 9, 15) / DAY)

let ledger: Ledger
let remove: () => Promise<void>

beforeEach(async () => {
  const place = await scratch()
  remove = place.remove
  ledger = await openLedger(place.path, () => OCTOBER.to + DAY, { calendar })
})
afterEach(async () => {
  await ledger.close()
  await remove()
})

const call = (n: number, session: string | null, minutes: number, over: Partial<Usage> = {}) =>
  usage(`call ${n}`, { session, start: OCTOBER.from + minutes * MINUTE, durationMs: 30_000, cost: 100n, ...over })

const read = (month = OCTOBER) => readSessions(marginLedger(ledger), month)

describe('sessions of a month by plan', () => {
  it('are averages of cost, calls and the time from the first call to the end of the last one', async () => {
    await ledger.append([
      // tier_1: three calls in 10.5 minutes and one call of half a minute: 5.5 minutes, 2 calls, 101 nano-dollars on average
      ...[call(1, 'a', 0), call(2, 'a', 4, { cost: 1n }), call(3, 'a', 10), call(4, 'b', 700, { cost: 1n })],
      // The same name with another customer is another session, and one call without an end lasts no time.
      call(5, 'a', 2, { customer: 'globex', tier: null, durationMs: null, cost: null, basis: 'unpriced' }),
      call(6, null, 3, { tier: 'tier_2' }),
    ])
    expect(await read()).toEqual([
      { tier: 'unattributed', sessions: 1, cost: 0n, calls: 1_000, lengthMs: 0 },
      { tier: 'tier_1', sessions: 2, cost: 101n, calls: 2_000, lengthMs: 5.5 * MINUTE },
    ])
  })

  it('round half to even what no average is exact of', async () => {
    await ledger.append([call(1, 'a', 0, { cost: 2n }), call(2, 'a', 1, { cost: 3n }), call(3, 'b', 0, { cost: 0n })])
    await ledger.append([call(4, 'c', 0, { cost: 0n }), call(5, 'd', 0, { cost: 1n }), call(6, 'd', 9, { cost: 4n })])
    // 10 nano-dollars and 6 calls in 4 sessions: 2.5 and 1.5
    expect(await read()).toMatchObject([{ sessions: 4, cost: 2n, calls: 1_500 }])
  })

  it('have of a session that goes on into the next month what lies in each, under the plan of its last call there', async () => {
    const end = (OCTOBER.to - OCTOBER.from) / MINUTE
    await ledger.append([call(1, 'a', end - 5), call(2, 'a', end - 1, { tier: 'tier_2' }), call(3, 'a', end)])
    expect(await read()).toEqual([{ tier: 'tier_2', sessions: 1, cost: 200n, calls: 2_000, lengthMs: 4.5 * MINUTE }])
    const november = monthDays(calendar, OCTOBER.next)
    expect(await read(november)).toEqual([{ tier: 'tier_1', sessions: 1, cost: 100n, calls: 1_000, lengthMs: 30_000 }])
  })

  it('are not told of a month whose single calls are not all kept', async () => {
    await ledger.append([call(1, 'a', 0), call(2, 'b', 20 * 24 * 60)])
    await ledger.retire(OCTOBER.month)
    expect(await read()).toHaveLength(1)
    await ledger.retire(OCTOBER.month + 3)
    expect(await read()).toEqual([])
  })
})
