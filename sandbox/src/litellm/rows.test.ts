import { describe, expect, test } from 'vitest'
import type { Call } from '../call.ts'
import { createTraffic } from '../traffic.ts'
import { createRows, type Lag, type RowQuery, visibleAt } from './rows.ts'

const HOUR = 3_600_000
const FROM = Date.UTC(2026, 10, 3, 9)
const TO = FROM + 2 * HOUR
const calls = [...createTraffic({ seed: 5 }).calls(FROM, TO)]
const LAG: Lag = { usualMs: [400, 9800], lateShare: 0.01, lateMs: [60_000, 600_000] }
const MUCH_LATER = TO + HOUR

const ALL: RowQuery = {
  from: FROM,
  to: TO,
  endUser: null,
  requestId: null,
  status: null,
  sortBy: 'startTime',
  descending: true,
  page: 1,
  pageSize: 1000,
}

function tableOf(given: readonly Call[], countCap = 10_000) {
  const rows = createRows(LAG, countCap)
  for (const call of given) rows.add(call)
  return rows
}

/** All pages of a query at one moment. */
function readAll(rows: ReturnType<typeof createRows>, query: RowQuery, now: number): Call[] {
  const found: Call[] = []
  for (let page = 1; ; page++) {
    const part = rows.page({ ...query, page }, now).calls
    if (part.length === 0) return found
    found.push(...part)
  }
}

describe('lag', () => {
  test('a row appears after the end of its call plus the lag, and keeps its old start', () => {
    const call = calls[0] as Call
    const rows = tableOf([call])
    const visible = visibleAt(call, LAG)
    expect(visible).toBeGreaterThanOrEqual(call.end + 400)
    expect(rows.page(ALL, visible - 1).calls).toEqual([])
    expect(rows.page(ALL, Math.ceil(visible)).calls).toEqual([call])
  })

  test('most rows are there within ten seconds, a share of them only minutes later', () => {
    const waits = calls.map((call) => visibleAt(call, LAG) - call.end)
    const late = waits.filter((wait) => wait > 9800)
    expect(late.length).toBeGreaterThan(0)
    expect(late.length).toBeLessThan(calls.length * 0.03)
    expect(Math.min(...late)).toBeGreaterThanOrEqual(60_000)
    expect(Math.max(...waits)).toBeLessThan(600_000)
  })
})

describe('paging', () => {
  test('rows come newest first, or oldest first when asked', () => {
    const rows = tableOf(calls)
    const starts = rows.page(ALL, MUCH_LATER).calls.map((call) => call.start)
    expect([...starts].sort((a, b) => b - a)).toEqual(starts)
    const ascending = readAll(rows, { ...ALL, descending: false }, MUCH_LATER).map((call) => call.start)
    expect(ascending).toEqual(calls.map((call) => call.start))
  })

  test('both ends of the window are in it', () => {
    const call = calls[100] as Call
    const rows = tableOf(calls)
    const at = { ...ALL, from: call.start, to: call.start }
    expect(rows.page(at, MUCH_LATER).calls).toContain(call)
  })

  test('a row that arrives between two pages pushes others over the page’s edge', () => {
    const shown = calls.filter((call) => visibleAt(call, LAG) < FROM + HOUR)
    const late = calls.find((call) => call.start > (shown.at(-1)?.start ?? 0)) as Call
    const rows = tableOf(shown)
    const first = rows.page({ ...ALL, pageSize: 50 }, FROM + HOUR).calls
    rows.add(late)
    const second = rows.page({ ...ALL, pageSize: 50, page: 2 }, MUCH_LATER).calls
    expect(second[0]).toBe(first.at(-1))
  })

  test('rows of the same moment come in another order from one query to the next', () => {
    const same = calls.slice(0, 8).map((call) => ({ ...call, start: FROM, end: FROM + 5 }))
    const rows = tableOf(same)
    const orders = Array.from({ length: 6 }, () =>
      rows
        .page(ALL, MUCH_LATER)
        .calls.map((call) => call.salt)
        .join(),
    )
    expect(new Set(orders).size).toBeGreaterThan(1)
  })

  test('the count stops at the cap, the rows behind it do not', () => {
    const rows = tableOf(calls, 300)
    const page = rows.page({ ...ALL, pageSize: 100, page: 4 }, MUCH_LATER)
    expect([page.total, page.capped, page.calls.length]).toEqual([300, true, 100])
    expect(tableOf(calls.slice(0, 300), 300).page(ALL, MUCH_LATER).capped).toBe(false)
  })
})

describe('rows', () => {
  test('the row id is a primary key: what comes second under it leaves no row', () => {
    const failed = calls.find((call) => call.outcome === 'failed') as Call
    const rows = tableOf([failed, { ...failed, start: failed.start + 1 }])
    expect(rows.size).toBe(1)
  })

  test('filters by customer, by status and by either id', () => {
    const rows = tableOf(calls)
    const customer = calls[0]?.customer ?? ''
    const mine = readAll(rows, { ...ALL, endUser: customer }, MUCH_LATER)
    expect(mine.length).toBe(calls.filter((call) => call.customer === customer).length)
    const failures = readAll(rows, { ...ALL, status: 'failure' }, MUCH_LATER)
    expect(failures.length).toBe(calls.filter((call) => call.outcome !== 'success').length)
    const call = calls.find((one) => one.outcome === 'success') as Call
    for (const id of [call.callId, call.responseId])
      expect(rows.page({ ...ALL, requestId: id }, MUCH_LATER).calls).toEqual([call])
  })

  test('calls may come in any order', () => {
    const shuffled = [...calls].sort((a, b) => a.salt - b.salt)
    const ascending = { ...ALL, descending: false }
    const expected = readAll(tableOf(calls), ascending, MUCH_LATER).map((call) => call.start)
    expect(readAll(tableOf(shuffled), ascending, MUCH_LATER).map((call) => call.start)).toEqual(expected)
  })
})
