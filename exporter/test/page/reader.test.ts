import { afterEach, beforeEach, expect, it } from 'vitest'
import { createCalendar } from '../../src/calendar.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { createPageReader, type PageReader } from '../../src/views/page/reader.ts'
import type { BudgetRow, BudgetState } from '../../src/views/page/budget-model.ts'
import { crossing, DAY, T0, usage } from '../support/entries.ts'
import { openLedger, scratch } from '../support/ledger.ts'

const HOUR = 3_600_000
let now: number
let ledger: Ledger
let reader: PageReader
let state: BudgetState
let folder: Awaited<ReturnType<typeof scratch>>

beforeEach(async () => {
  // Wednesday, 4 November, noon.
  now = T0 + 2 * DAY + 12 * HOUR
  state = { budgets: [], leftOut: 0, agents: [], runawaySessions: 0, undecided: 0, unsettled: 0 }
  folder = await scratch()
  ledger = await openLedger(folder.path, () => now)
  reader = createPageReader(ledger, createCalendar('UTC'), () => now, {
    demo: false,
    sources: () => [],
    ledger: ledger.health,
    intake: () => ({ url: 'http://127.0.0.1:9464/v1/sources/litellm', keyed: false }),
    tiers: () =>
      new Map([
        ['tier_2', 99_000_000_000n],
        ['tier_1', 49_000_000_000n],
      ]),
    budgets: () => state,
  })
})
afterEach(async () => {
  await ledger.close()
  await folder.remove()
})

const at = (days: number, hours = 0) => T0 + days * DAY + hours * HOUR

it('knows nothing before it has asked', () => {
  expect(reader.read().spend).toMatchObject({ today: null, month: null })
})

it('sums today, the week from Monday, the month and the one before, net of corrections', async () => {
  await ledger.append([
    usage('today', { start: at(2), cost: 1n }),
    usage('yesterday', { start: at(1), cost: 10n }),
    usage('sunday', { start: at(-1), cost: 100n }),
    usage('october', { start: at(-3), cost: 1_000n }),
    usage('september', { start: at(-40), cost: 10_000n }),
  ])
  await reader.refresh()
  expect(reader.read().spend).toEqual({
    today: 1n,
    week: 11n,
    month: 111n,
    todayCalls: 1,
    monthCalls: 3,
    yesterday: 10n,
    lastMonth: 1_000n,
  })
})

it("keeps tiers in the policy's order, then others, then none, each with its customers", async () => {
  await ledger.append([
    usage('a', { start: at(2), tier: null, customer: 'unattributed' }),
    usage('b', { start: at(2), tier: 'legacy' }),
    usage('c', { start: at(2), tier: 'tier_1', customer: 'x' }),
    usage('d', { start: at(1), tier: 'tier_1', customer: 'y' }),
    usage('e', { start: at(2), tier: 'tier_2', customer: 'z' }),
  ])
  await reader.refresh()
  const rows = reader.read().byTier.map(({ tier, customers, today, month }) => [tier, customers, today, month])
  expect(rows).toEqual([
    ['tier_2', 1, 225_000n, 225_000n],
    ['tier_1', 2, 225_000n, 450_000n],
    ['legacy', 1, 225_000n, 225_000n],
    [null, 1, 225_000n, 225_000n],
  ])
})

it('shows a model without a price as such, whatever failed calls of it cost', async () => {
  await ledger.append([
    usage('a', { start: at(2), model: 'mystery', cost: null, basis: 'unpriced' }),
    usage('b', { start: at(2), model: 'mystery', cost: 0n, status: 'failed' }),
    usage('c', { start: at(2), model: 'known' }),
    usage('d', { start: at(2), model: 'own', cost: 0n, basis: 'free' }),
  ])
  await reader.refresh()
  const { byModel, unpriced } = reader.read()
  expect(byModel.map(({ model, month, share }) => [model, month, share])).toEqual([
    ['known', 225_000n, 1],
    ['mystery', null, null],
    ['own', 0n, 0],
  ])
  expect(unpriced).toEqual({ models: 1, calls: 1 })
})

it('lists the last 30 days without gaps, today last', async () => {
  await ledger.append([usage('a', { start: at(2) }), usage('b', { start: at(-20), tier: null })])
  await reader.refresh()
  const { days } = reader.read()
  expect(days).toHaveLength(30)
  expect([days[0]?.date, days.at(-1)?.date]).toEqual(['2026-10-06', '2026-11-04'])
  expect(days.at(-1)?.cost).toEqual(new Map([['tier_1', 225_000n]]))
  expect(days.find(({ date }) => date === '2026-10-13')?.cost).toEqual(new Map([[null, 225_000n]]))
})

it('names the dearest customers of the month with what they pay, and the dearest sessions of today', async () => {
  await ledger.append([
    usage('a', { start: at(2, 1), customer: 'big', session: 's1', cost: 5n }),
    usage('b', { start: at(2, 3), customer: 'big', session: 's1', cost: 5n }),
    usage('c', { start: at(1), customer: 'small', session: 's2', tier: 'legacy', cost: 1n }),
  ])
  await reader.refresh()
  const { topCustomers, topSessions } = reader.read()
  expect(topCustomers).toEqual([
    { customer: 'big', tier: 'tier_1', month: 10n, calls: 2, price: 49_000_000_000n },
    { customer: 'small', tier: 'legacy', month: 1n, calls: 1, price: null },
  ])
  expect(topSessions).toEqual([
    { session: 's1', customer: 'big', cost: 10n, calls: 2, start: at(2, 1), last: at(2, 3) },
  ])
})

it('asks the ledger each time while somebody looks, else now and then, and again when the day turns', async () => {
  await ledger.append([usage('a', { start: at(2) })])
  await reader.refresh()
  await ledger.append([usage('b', { start: at(2) })])
  await reader.refresh()
  expect(reader.read().spend.todayCalls).toBe(1)
  await reader.refresh()
  expect(reader.read().spend.todayCalls).toBe(2)
  now += DAY
  await reader.refresh()
  expect(reader.read().spend).toMatchObject({ todayCalls: 0, yesterday: 450_000n })
})

it('lists the ten latest crossings, latest first, with what was crossed and how far', async () => {
  await ledger.append(Array.from({ length: 12 }, (_, i) => crossing(`a${i}`, { subject: `customer ${i}` })))
  now += HOUR
  await ledger.append([crossing('b', { scope: 'global', subject: '', name: 'high_daily_cost', period: 'day' })])
  await reader.refresh()
  const { crossings } = reader.read().budgets
  expect(crossings.map(({ subject }) => subject)).toEqual([
    '',
    ...[11, 10, 9, 8, 7, 6, 5, 4, 3].map((i) => `customer ${i}`),
  ])
  expect(crossings[0]).toEqual({
    at: now,
    scope: 'global',
    subject: '',
    session: null,
    name: 'high_daily_cost',
    threshold: 8_000,
    period: 'day',
    spent: 6_401_250_000n,
    limit: 8_000_000_000n,
    action: 'notify',
  })
})

it('lists the sessions that were stopped today, each once, as they were last', async () => {
  const stop = { scope: 'session', action: 'block', period: 'session', customer: 'acme' } as const
  now -= DAY
  await ledger.append([crossing('yesterday', { ...stop, session: 's0' })])
  now += DAY
  await ledger.append([
    crossing('first', { ...stop, session: 's1', limit: 1n, spent: 1n }),
    crossing('warned', { ...stop, session: 's2', action: 'notify' }),
    crossing('a customer', { action: 'block', session: 's3' }),
  ])
  now += HOUR
  await ledger.append([crossing('raised', { ...stop, session: 's1', limit: 2n, spent: 3n })])
  await reader.refresh()
  expect(reader.read().budgets.stopped).toEqual([{ session: 's1', customer: 'acme', at: now, spent: 3n, limit: 2n }])
})

it('shows the ten budgets that are nearest to their limit and how many more there are, and paused agents first', () => {
  const row: BudgetRow = {
    ...{ scope: 'customer', period: 'month', customer: 'a', agent: null, tier: null, doing: null, next: null },
    ...{ limit: 1n, spent: 1n, held: 0n, resetAt: null, threshold: 8_000 },
  }
  const paused = { since: 0, by: 'ada', reason: '', trace: null }
  state = {
    ...state,
    budgets: [
      ...Array.from({ length: 14 }, (_, i) => ({ ...row, customer: `customer ${i}` })),
      { ...row, scope: 'global', customer: null, threshold: 0 },
    ],
    leftOut: 3,
    agents: [
      { agent: 'runs', paused: null, spent: 1n, limit: null },
      { agent: 'rests', paused, spent: 1n, limit: null },
    ],
  }
  const { nearLimit, leftOut, agents } = reader.read().budgets
  expect(nearLimit.map(({ customer }) => customer)).toEqual(Array.from({ length: 10 }, (_, i) => `customer ${i}`))
  expect(leftOut).toBe(7)
  expect(agents.map(({ agent }) => agent)).toEqual(['rests', 'runs'])
})

it('counts calls without a decision or an end within the last hour, also while nobody looks', async () => {
  state = { ...state, undecided: 4, unsettled: 1 }
  await reader.refresh()
  now += 40 * 60_000
  state = { ...state, undecided: 6 }
  expect(reader.read().budgets).toMatchObject({ undecided: 6, unsettled: 1 })
  now += 30 * 60_000
  expect(reader.read().budgets).toMatchObject({ undecided: 2, unsettled: 0 })
})
