import { expect, test } from 'vitest'
import { readPolicy } from './read.ts'
import { priceAt, targetAt } from './tiers.ts'

const policyOf = (text: string) => {
  const { policy } = readPolicy(text, { file: 'f', env: {} })
  if (!policy) throw new Error('refused')
  return policy
}
const JUNE = Date.UTC(2026, 5, 1)

test('the price of a plan is the one whose date came last, and none before the first', () => {
  const { tiers } = policyOf(
    'tiers: { t: { price_usd: [{ from: 2026-06-01, usd: 109 }, { from: 2026-01-01, usd: 99 }] }, always: { price_usd: 5 } }',
  )
  const { t, always } = tiers
  if (!t || !always) throw new Error('no tiers')
  expect([0, JUNE - 1, JUNE].map((at) => priceAt(t, at))).toEqual([null, 99_000_000_000n, 109_000_000_000n])
  expect(priceAt(always, 0)).toBe(5_000_000_000n)
})

test('what a plan is to leave is what the file says, else what is left when the whole budget is spent, by the price of the time', () => {
  const tiers =
    'tiers: { said: { price_usd: 10, budget_usd: 9, margin_target: 80% }, none: { price_usd: 10 }, free: { price_usd: 0, budget_usd: 1 }, third: { price_usd: 3, budget_usd: 1 }, dated: { price_usd: [{ usd: 10 }, { from: 2026-06-01, usd: 20 }], budget_usd: 5 }, dear: { price_usd: 10, budget_usd: 12 } }'
  const of = (name: string, at = 0) => targetAt(policyOf(tiers), name, at)
  expect(['said', 'none', 'free', 'third', 'dear', 'nobody', 'constructor'].map((name) => of(name))).toEqual([
    8000,
    null,
    null,
    6666,
    -2000,
    null,
    null,
  ])
  expect([of('dated', JUNE - 1), of('dated', JUNE)]).toEqual([5000, 7500])
  const weekly = policyOf(`${tiers}\nbudgets: { customer: { period: week } }`)
  expect([targetAt(weekly, 'third', 0), targetAt(weekly, 'said', 0)]).toEqual([null, 8000])
})
