import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UnknownModelError, UnpricedUsageError, UsageError } from './errors.ts'
import { estimateTokens } from './estimate-tokens.ts'
import { nano } from './money.ts'
import {
  calculateCost,
  calculateCostBreakdown,
  createPricing,
  estimateCost,
  modelPrice,
  priceProfile,
} from './pricing.ts'

const AT = Date.UTC(2026, 10, 18, 2)
const pricing = createPricing({ now: () => AT })

describe('known answers', () => {
  test('gpt-4 with 1000 in and 500 out is $0.03 + $0.03 = $0.06', () => {
    const cost = calculateCostBreakdown('gpt-4', 1000, 500)
    expect(`$${cost.input} + $${cost.output} = $${cost.total}`).toBe('$0.03 + $0.03 = $0.06')
    expect(calculateCost('gpt-4', 1000, 500).nano).toBe(60_000_000n)
  })

  test.each([
    ['gpt-4-turbo', '0.01', '0.03'],
    ['gpt-3.5-turbo', '0.0005', '0.0015'],
    ['claude-3-opus', '0.015', '0.075'],
    ['claude-3-sonnet', '0.003', '0.015'],
    ['claude-3-haiku', '0.00025', '0.00125'],
  ])('%s is $%s in and $%s out per thousand tokens', (model, input, output) => {
    const cost = calculateCostBreakdown(model, 1000, 1000)
    expect([cost.input.usd, cost.output.usd]).toEqual([input, output])
  })

  test.each([
    ['claude-haiku-4-5', '0.00135'],
    ['claude-3-5-haiku', '0.00108'],
  ])('a compression of 450 in and 180 out on %s is $%s', (model, dollars) => {
    expect(calculateCost(model, 450, 180).usd).toBe(dollars)
  })

  test('1000 tokens of text-embedding-3-large are $0.00013', () => {
    expect(calculateCost('text-embedding-3-large', 1000, 0).usd).toBe('0.00013')
  })
})

describe('the small-assistant profile: 100 sessions of three compressions and their embeddings', () => {
  const compression = (model: string) => calculateCost(model, 450, 180).nano
  const embedding = (tokens: number) => calculateCost('text-embedding-3-large', tokens, 0).nano

  test('cost about $0.33 on claude-3-5-haiku', () => {
    const session = 3n * compression('claude-3-5-haiku') + 3n * embedding(180)
    expect(100n * session).toBe(nano('0.33102'))
  })

  test('cost between $0.30 and $0.45 whichever Haiku compresses and however much is embedded, up to 3,400 tokens a session', () => {
    const models = fc.array(fc.constantFrom('claude-3-5-haiku', 'claude-haiku-4-5'), { minLength: 3, maxLength: 3 })
    const session = fc.tuple(models, fc.nat(3400)).map(([three, tokens]) => {
      return three.reduce((sum, model) => sum + compression(model), embedding(tokens))
    })
    fc.assert(
      fc.property(fc.array(session, { minLength: 100, maxLength: 100 }), (sessions) => {
        const total = sessions.reduce((sum, cost) => sum + cost, 0n)
        expect(total >= nano('0.30') && total <= nano('0.45')).toBe(true)
      }),
    )
  })

  test('stay within it at both ends: the cheapest without embeddings and the dearest with most', () => {
    expect(300n * compression('claude-3-5-haiku')).toBe(nano('0.324'))
    expect(300n * compression('claude-haiku-4-5') + 100n * embedding(3400)).toBe(nano('0.4492'))
  })
})

describe('calculateCost', () => {
  test('takes counts, our classes, or what a provider answered', () => {
    const expected = '0.01825'
    expect(calculateCost('gpt-4o', { input: 2000, cache_read: 1000, output: 1000, reasoning: 200 }).usd).toBe(expected)
    const answered = {
      prompt_tokens: 3000,
      completion_tokens: 1200,
      total_tokens: 4200,
      prompt_tokens_details: { cached_tokens: 1000 },
      completion_tokens_details: { reasoning_tokens: 200 },
    }
    expect(calculateCost('gpt-4o', answered).usd).toBe(expected)
    expect(calculateCost('gpt-4o', 2000, 1000).usd).toBe('0.015')
  })

  test('prints exact dollars in a template, with String and in JSON, and adds up as nano-dollars', () => {
    const cost = calculateCost('claude-haiku-4-5', 1, 1)
    expect(`$${cost}`).toBe('$0.000006')
    expect(JSON.stringify({ cost })).toBe('{"cost":"0.000006"}')
    expect(cost.nano + cost.nano).toBe(12_000n)
  })

  test('minds provider, moment and service tier', () => {
    expect(pricing.calculateCost('gpt-4o', 1_000_000, 0, { serviceTier: 'batch' }).usd).toBe('1.25')
    expect(pricing.calculateCost('gpt-4o', { input: 1_000_000 }, { provider: 'azure' }).usd).toBe('2.5')
    const offPeak = { provider: 'deepseek', at: AT + 3 * 3_600_000 }
    expect(pricing.calculateCost('deepseek-v4-flash', 1_000_000, 0, offPeak).usd).toBe('0.15')
    expect(pricing.calculateCost('deepseek-v4-flash', 1_000_000, 0).usd).not.toBe('0.15')
  })

  test('says of an unknown model what was asked and what is near', () => {
    const ask = () => pricing.calculateCost('gpt-4-o', 1, 1)
    expect(ask).toThrow(UnknownModelError)
    expect(ask).toThrow(
      'no price is known for model "gpt-4-o". Near names: gpt-4o, gpt-4, gpt-4-turbo. ' +
        'Check the name, or give the model a price of its own by an override.',
    )
    expect(() => pricing.calculateCost('gpt-4o', 1, 1, { provider: 'vllm' })).toThrow(/"gpt-4o" of provider "vllm"/)
    expect(() => pricing.calculateCost('zzzzzz', 1, 1)).toThrow(/No known name is near it/)
  })

  test('says of a usage that the price does not cover what is missing', () => {
    const ask = () => pricing.calculateCost('whisper-1', 100, 20)
    expect(ask).toThrow(UnpricedUsageError)
    expect(ask).toThrow(/it holds input, output, and the model is priced by .*seconds/)
    expect(pricing.calculateCost('whisper-1', { type: 'duration', seconds: 60 }).usd).toBe('0.006')
    expect(() => pricing.calculateCost('whisper-1', {})).toThrow(UsageError)
  })

  test('refuses counts that are none', () => {
    expect(() => pricing.calculateCost('gpt-4o', -1, 0)).toThrow(RangeError)
    expect(() => pricing.calculateCost('gpt-4o', undefined as never, 0)).toThrow(UsageError)
  })
})

test('calculateCostBreakdown adds up, whatever the counts', () => {
  fc.assert(
    fc.property(
      fc.nat(10 ** 6),
      fc.nat(10 ** 6),
      fc.constantFrom('gpt-4o', 'claude-3-haiku', 'gemini-2.5-pro'),
      (i, o, model) => {
        const { input, output, total } = pricing.calculateCostBreakdown(model, i, o)
        expect(input.nano + output.nano).toBe(total.nano)
        expect(total.nano).toBe(pricing.calculateCost(model, i, o).nano)
      },
    ),
  )
})

test('estimateCost is the cost of the estimated tokens', () => {
  const text = 'How much did we spend on the assistant last month, and which customer cost most?'
  const cost = estimateCost('gpt-4', text, 100)
  expect(cost.nano).toBe(calculateCost('gpt-4', estimateTokens(text), 100).nano)
  expect(cost.nano > 6_000_000n).toBe(true)
})

test('modelPrice tells the price with its provider, and null when unknown', () => {
  expect(modelPrice('claude-haiku-4-5')).toMatchObject({
    provider: 'anthropic',
    perMillion: { input: '1', output: '5' },
  })
  expect(modelPrice('no-such-model')).toBeNull()
})

describe('price profiles', () => {
  test('development costs nothing, unknown models too', () => {
    const free = createPricing({ profile: 'development' })
    expect(free.calculateCost('gpt-4', 1000, 500).usd).toBe('0')
    expect(free.calculateCost('no-such-model', 1000, 500).usd).toBe('0')
  })

  test.each([
    [undefined, 'production'],
    ['', 'production'],
    [' Production ', 'production'],
    ['DEVELOPMENT', 'development'],
  ])('%j is %s', (text, profile) => {
    expect(priceProfile(text)).toBe(profile)
    expect(createPricing({ profile: text }).book.profile).toBe(profile)
  })

  test('other words are refused', () => {
    expect(() => createPricing({ profile: 'staging' })).toThrow(
      new RangeError('price profile is "staging"; expected production or development'),
    )
  })

  test('a book opened before is used as it is', () => {
    const { book } = createPricing({ profile: 'development' })
    expect(createPricing({ book }).calculateCost('gpt-4', 1, 1).nano).toBe(0n)
  })
})
