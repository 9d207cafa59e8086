import { expect, test } from 'vitest'
import { Rng } from '../random.ts'
import { CALL_KINDS, callsOf, costOf, tokensOf, usualCosts } from './kinds.ts'

const draw = callsOf(CALL_KINDS)
const rng = new Rng(4)
const calls = Array.from({ length: 20_000 }, () => draw(rng))
const cost = ({ model, inputTokens, output, maxTokens }: (typeof calls)[number]) =>
  costOf(model, tokensOf(inputTokens, Math.min(output, maxTokens ?? output)))

test('calls cost from a twentieth of a cent to half a dollar', () => {
  const costs = calls.map(cost).sort((a, b) => a - b)
  expect(costs[Math.floor(costs.length / 4)]).toBeLessThan(500_000)
  expect(costs.at(-1)).toBeGreaterThan(400_000_000)
  expect(costs.at(-1)).toBeLessThan(600_000_000)
})

test('some answers are up to ten times as long as usual, and half of the clients bound theirs', () => {
  for (const { name, output } of CALL_KINDS) {
    const own = calls.filter(({ kind }) => kind === name)
    const longest = Math.max(...own.map((call) => call.output)) / output[0]
    expect(longest).toBeGreaterThan(8)
    expect(longest).toBeLessThanOrEqual(10)
    const bounded = own.filter(({ maxTokens }) => maxTokens !== null).length / own.length
    expect(Math.abs(bounded - 0.5)).toBeLessThan(0.06)
  }
})

test('a usual call costs no more than its kind’s usual cost, but for one in a hundred', () => {
  const usual = usualCosts(CALL_KINDS)
  for (const { name } of CALL_KINDS) {
    const own = calls.filter(({ kind, maxTokens }) => kind === name && maxTokens === null)
    const above = own.filter((call) => cost(call) > (usual.get(name) ?? 0)).length / own.length
    expect(above).toBeGreaterThan(0)
    expect(above).toBeLessThan(0.035)
  }
})
