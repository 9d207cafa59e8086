import { readFileSync } from 'node:fs'
import { nano } from '@marginwatch/pricing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NO_TOKENS, type TokenCounts } from './tokens.ts'
import { ATLAS, floatCost, GPT_4O, LOCAL, MODELS, nanoCost } from './models.ts'

/** Answers of LiteLLM 1.106.2's own `cost_per_token`: model, tokens by class, input, output and total cost. */
type Known = [string, number, number, number, number, number, number, number, number, number]
const KNOWN = JSON.parse(
  readFileSync(new URL('./fixtures/litellm-1.106.2/costs.json', import.meta.url), 'utf8'),
) as Known[]

test('floatCost gives the floats of LiteLLM bit for bit, noise included', () => {
  expect(KNOWN.length).toBe(280)
  for (const [name, input, cacheRead, cacheWrite5m, cacheWrite1h, output, reasoning, ...costs] of KNOWN) {
    const model = MODELS.find((one) => one.name === name)
    if (!model) throw new Error(`no model ${name}`)
    const cost = floatCost(model, { input, cacheRead, cacheWrite5m, cacheWrite1h, output, reasoning })
    expect([cost.input, cost.output, cost.total]).toEqual(costs)
  }
})

test('the captured example costs 0.00022500000000000002 dollars as a float and 225,000 nano-dollars exactly', () => {
  const tokens = { ...NO_TOKENS, input: 10, output: 20 }
  expect(floatCost(GPT_4O, tokens).total).toBe(0.00022500000000000002)
  expect(nanoCost(GPT_4O, tokens)).toBe(225_000)
})

test('the exact cost and the float mean the same number of nano-dollars', () => {
  const count = fc.nat({ max: 60_000 })
  const tokens: fc.Arbitrary<TokenCounts> = fc.record({
    input: count,
    cacheRead: count,
    cacheWrite5m: count,
    cacheWrite1h: count,
    output: count,
    reasoning: count,
  })
  fc.assert(
    fc.property(fc.constantFrom(...MODELS), tokens, (model, used) => {
      const exact = nanoCost(model, used)
      if (exact !== null) expect(nano(floatCost(model, used).total)).toBe(BigInt(exact))
    }),
    { numRuns: 1000 },
  )
})

test('a free model costs nothing, a model without a price costs nobody knows what', () => {
  const tokens = { ...NO_TOKENS, input: 1000, output: 1000 }
  expect(nanoCost(LOCAL, tokens)).toBe(0)
  expect(nanoCost(ATLAS, tokens)).toBeNull()
  expect(floatCost(ATLAS, tokens).total).toBe(0)
})
