import { expect, it } from 'vitest'
import { limited, NOON, policyOf, USD } from '../../test/budgets/support.ts'
import { usage } from '../../test/support/entries.ts'
import { createCalendar } from '../calendar.ts'
import { compileBudgets } from './compiled.ts'
import type { Engine } from './engine.ts'
import { createFold } from './fold.ts'
import { budgetNumbers, budgetNumbersInTurns, createNumbers } from './numbers.ts'
import { createUsual } from './usual.ts'

const calendar = createCalendar('UTC')

/** What is shown after calls of some customers, each at its cost. */
function shownAfter(costs: readonly (readonly [customer: string, cost: bigint])[], held = 0n) {
  return budgetNumbers(engineAfter(costs, held), calendar, NOON)
}

function engineAfter(costs: readonly (readonly [customer: string, cost: bigint])[], held = 0n) {
  const fold = createFold({
    budgets: compileBudgets(policyOf(10n * USD, { global: [limited(100n * USD)], agent: limited(50n * USD) })),
    calendar,
    usual: createUsual(),
    now: () => NOON,
    held: () => held,
    onReached: () => undefined,
    onSpent: () => undefined,
    onAgent: () => undefined,
  })
  const entries = costs.map(([customer, cost], i) =>
    usage(`k${i}`, { customer, cost, start: NOON, agent: i === 0 ? 'bot' : null }),
  )
  fold.apply(entries.map((entry, i) => ({ seq: i + 1, at: NOON, named: 0, names: 0, entry })))
  return {
    ready: () => true,
    fold: () => fold,
    reading: (meter) => ({ meter, spent: fold.meters.spent(meter), held, inFlight: 0, crowd: 1 }),
  } as Pick<Engine, 'ready' | 'fold' | 'reading'> as Engine
}

it('says the same in turns, and lets others have theirs', async () => {
  const engine = engineAfter(Array.from({ length: 3_000 }, (_, i) => [`c${i}`, BigInt(i % 12) * USD] as const))
  let turns = 0
  const other = setInterval(() => turns++, 0)
  const shown = await budgetNumbersInTurns(engine, calendar, NOON)
  clearInterval(other)
  expect(shown).toEqual(budgetNumbers(engine, calendar, NOON))
  expect(shown.leftOut + shown.budgets.length).toBeGreaterThan(1_000)
  expect(turns).toBeGreaterThan(0)
})

it('of many payers is as last refreshed, which rests four times as long as it took whatever the clock says; of few as of now', async () => {
  let [ticks, now] = [0n, NOON]
  const many = engineAfter(Array.from({ length: 1_001 }, (_, i) => [`c${i}`, 9n * USD] as const))
  const numbers = createNumbers({ engine: many, calendar, now: () => now, ticks: () => (ticks += 10n) })
  const spend = (key: string) => {
    const entry = usage(key, { customer: 'late', cost: 11n * USD, start: NOON })
    many.fold().apply([{ seq: 10_000, at: NOON, named: 0, names: 0, entry }])
  }
  const isShown = () => numbers.read().budgets.some(({ subject }) => subject === 'late')
  expect(numbers.read()).toEqual({ budgets: [], leftOut: 0 })
  await numbers.refresh()
  expect(numbers.read().budgets.length).toBeGreaterThan(1_000)
  spend('late')
  now -= 86_400_000
  await numbers.refresh()
  expect(isShown()).toBe(false)
  ticks += 40n
  now = NOON
  await numbers.refresh()
  expect(isShown()).toBe(true)
  const few = createNumbers({ engine: engineAfter([['one', 9n * USD]]), calendar, now: () => NOON, ticks: () => 0n })
  expect(few.read().budgets.some(({ subject }) => subject === 'one')).toBe(true)
})

it('shows everything and agents always, and customers past their first threshold that tells; nearest to the limit first', () => {
  const { budgets, leftOut } = shownAfter([
    ['near', 9n * USD],
    ['over', 11n * USD],
    ['calm', 7n * USD],
  ])
  expect(budgets.map(({ scope, subject }) => [scope, subject])).toEqual([
    ['customer', 'over'],
    ['customer', 'near'],
    ['global', ''],
    ['agent', 'bot'],
  ])
  expect(leftOut).toBe(0)
})

it('says of each what is spent, held, reached, to come, and when it starts afresh', () => {
  const { budgets } = shownAfter([['near', 9n * USD]], USD / 2n)
  expect(budgets.find(({ scope }) => scope === 'customer')).toMatchObject({
    customer: 'near',
    agent: null,
    tier: 'tier_1',
    limit: 10n * USD,
    spent: 9n * USD,
    held: USD / 2n,
    threshold: 8_000,
    next: { do: 'degrade' },
    resetAt: Date.UTC(2026, 11, 1),
    // Nine and a half of thirty days are over.
    forecast: (9n * USD * 30n * 2n) / 19n,
  })
})

it('shows two thousand at most, and how many it leaves out', () => {
  const { budgets, leftOut } = shownAfter(Array.from({ length: 2_100 }, (_, i) => [`c${i}`, 9n * USD] as const))
  expect(budgets).toHaveLength(2_000)
  expect(leftOut).toBe(102)
})
