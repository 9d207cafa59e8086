import { expect, it } from 'vitest'
import { createCalendar } from '../../calendar.ts'
import { forecastMargin } from './margin.ts'
import { forecastSteady } from './steady.ts'

const USD = 1_000_000_000n
const calendar = createCalendar('UTC')
const today = calendar.day(Date.UTC(2026, 10, 21))
const daily = (...costs: readonly bigint[]) => costs.map((cost, i) => ({ day: today - costs.length + i, cost }))

it('the margin at the end of the month is low where costs are high', () => {
  const model = { low: 30n * USD, expected: 40n * USD, high: 60n * USD }
  const infra = { low: 5n * USD, expected: 5n * USD, high: 6n * USD }
  expect(forecastMargin({ revenue: 65n * USD, model, infra })).toEqual({
    low: -USD,
    expected: 20n * USD,
    high: 30n * USD,
  })
})

it('no margin is foretold while nobody knows what infrastructure costs', () => {
  const model = { low: 0n, expected: 0n, high: 0n }
  expect(forecastMargin({ revenue: USD, model, infra: null })).toBeNull()
})

it('what runs day and night goes on as in the last seven whole days, between its cheapest and its dearest of them', () => {
  const days = [{ day: today - 8, cost: 99n * USD }, ...daily(2n * USD, 1n * USD, 3n * USD), { day: today, cost: USD }]
  // Ten days are left from the 21st on, and nine and a half from its noon.
  expect(forecastSteady({ days, spent: 40n * USD }, calendar, Date.UTC(2026, 10, 21))).toEqual({
    low: 50n * USD,
    expected: 60n * USD,
    high: 70n * USD,
  })
  expect(forecastSteady({ days, spent: 40n * USD }, calendar, Date.UTC(2026, 10, 21, 12))?.expected).toBe(59n * USD)
})

it('nothing is said of what has not run for a whole day', () => {
  expect(
    forecastSteady({ days: [{ day: today, cost: USD }], spent: USD }, calendar, Date.UTC(2026, 10, 21, 20)),
  ).toBeNull()
})

it('no more is added when the month is over', () => {
  const last = { days: daily(USD), spent: 7n * USD }
  const end = Date.UTC(2026, 11, 1) - 1
  expect(forecastSteady({ ...last, days: [{ day: calendar.day(end) - 1, cost: USD }] }, calendar, end)).toEqual({
    low: 7n * USD + 11n,
    expected: 7n * USD + 11n,
    high: 7n * USD + 11n,
  })
})
