import { beforeEach, describe, expect, test } from 'vitest'
import { createCalendar } from '../calendar.ts'
import type { Row } from '../ledger/ledger.ts'
import { createReconciliation } from './reconciliation.ts'

const NOW = Date.UTC(2026, 10, 22, 14)
const MINUTE = 60_000
const TODAY = 20779
const ROW = { model: 'm', provider: 'p', here_cost: 5n, there_cost: 5n, missing_here: 0n, missing_there: 0n }
const row = (day: number, observations: bigint, over: Partial<Row> = {}): Row => ({
  ...{ day, ...ROW, events: 3n, observations, here_tokens: 9n, there_tokens: 9n, price: 0n, tokens: 0n },
  ...{ day_boundary: 0n, ...over },
})

let now = NOW
let reading = false
let asked = 0
let rows: readonly Row[] = []
const open = () =>
  createReconciliation({
    ledger: {
      query: async () => {
        asked++
        return [...rows]
      },
    },
    calendar: createCalendar('UTC'),
    now: () => now,
    asked: () => true,
    reading: () => reading,
  })

beforeEach(() => {
  ;[now, reading, asked, rows] = [NOW, false, 0, []]
})

describe('comparing with a trace store', () => {
  test('begins with the first day that has an observation: of those before nobody has read any', async () => {
    const compared = open()
    rows = [row(TODAY - 3, 0n), row(TODAY - 2, 0n)]
    await compared.refresh()
    expect(compared.state().days).toBeNull()
    rows = [row(TODAY - 3, 0n), row(TODAY - 2, 3n), row(TODAY - 1, 0n, { there_cost: 0n, missing_there: 3n })]
    await compared.refresh()
    expect(compared.state()).toMatchObject({
      days: { first: '2026-11-20', last: '2026-11-21' },
      agreeing: 1,
      rows: [{ day: '2026-11-21', missingThere: 3 }],
    })
  })

  test('waits while the store still tells of what lies behind, and keeps what it found before', async () => {
    const compared = open()
    reading = true
    await compared.refresh()
    expect([asked, compared.state().days]).toEqual([0, null])
    reading = false
    rows = [row(TODAY - 1, 3n)]
    await compared.refresh()
    now += 10 * MINUTE
    reading = true
    await compared.refresh()
    expect([asked, compared.state().agreeing]).toEqual([1, 1])
  })

  test('asks again soon while there is nothing, then every five minutes', async () => {
    const compared = open()
    await compared.refresh()
    rows = [row(TODAY - 1, 3n)]
    await compared.refresh()
    expect(asked).toBe(2)
    now += 5 * MINUTE - 1
    await compared.refresh()
    expect(asked).toBe(2)
    now += 1
    await compared.refresh()
    expect(asked).toBe(3)
    now -= MINUTE
    await compared.refresh()
    expect(asked).toBe(4)
  })
})
