import { describe, expect, test } from 'vitest'
import { openPriceBook } from './book.ts'
import type { PriceOverride } from './overrides.ts'

const NOW = Date.UTC(2026, 10, 18, 2)
const DAY = 86_400_000

const override = (more: Partial<PriceOverride>): PriceOverride => ({
  model: 'gpt-4o',
  provider: null,
  from: null,
  to: null,
  perMillion: { input: 7_000_000_000n, output: 9_000_000_000n },
  ...more,
})

const map = {
  'gpt-4o': { litellm_provider: 'openai', mode: 'chat', input_cost_per_token: 3e-6, output_cost_per_token: 4e-6 },
}

describe('the order of the sources', () => {
  const source = (options: Parameters<typeof openPriceBook>[0]) =>
    openPriceBook(options).price('gpt-4o', { at: NOW })?.source

  test("is override over LiteLLM's map over genai-prices", () => {
    expect(source({ litellmMap: map, overrides: [override({})] })).toBe('override')
    expect(source({ litellmMap: map })).toBe('litellm')
    expect(source({ litellmMap: null })).toBe('genai-prices')
  })

  test('takes whole prices: a class that the override leaves out is not filled from a weaker source', () => {
    const overrides = [override({ perMillion: { input: 1_000_000_000n, output: 2_000_000_000n } })]
    const price = openPriceBook({ litellmMap: map, overrides }).price('gpt-4o', { at: NOW })
    expect(price?.perMillion).toEqual({ input: '1', output: '2' })
    expect(price?.billedAs.cache_read).toBe('input')
  })

  test('falls back to the weaker source outside the dates of the stronger', () => {
    const overrides = [override({ from: NOW, to: NOW + DAY })]
    const book = openPriceBook({ litellmMap: map, overrides })
    const at = [NOW - 1, NOW, NOW + DAY - 1, NOW + DAY]
    expect(at.map((moment) => book.price('gpt-4o', { at: moment })?.source)).toEqual([
      'litellm',
      'override',
      'override',
      'litellm',
    ])
  })

  test('and the age of each is told, weakest first', () => {
    const book = openPriceBook({ litellmMap: map, litellmMapDate: NOW, overrides: [override({})] })
    expect(book.sources()).toEqual([
      { name: 'genai-prices', asOf: Date.UTC(2026, 8, 23) },
      { name: 'litellm', asOf: NOW },
      { name: 'override', asOf: null },
    ])
    expect(
      openPriceBook({ litellmMap: null })
        .sources()
        .map(({ name }) => name),
    ).toEqual(['genai-prices'])
    expect(openPriceBook({ litellmMap: map }).sources()[1]).toEqual({ name: 'litellm', asOf: null })
  })

  test('without a map of its own the book uses the bundled copy', () => {
    const book = openPriceBook()
    expect(book.sources()[1]).toEqual({ name: 'litellm', asOf: Date.UTC(2026, 9, 21) })
    expect(book.price('gpt-4o', { at: NOW })?.source).toBe('litellm')
    expect(book.skipped).toEqual([])
  })
})

describe('overrides', () => {
  const pick = (overrides: readonly PriceOverride[], model: string, provider?: string) =>
    openPriceBook({ litellmMap: map, overrides }).price(model, { at: NOW, provider: provider ?? null })?.perMillion
      .input

  const at = (model: string, dollars: bigint, more: Partial<PriceOverride> = {}) =>
    override({ model, perMillion: { input: dollars * 1_000_000_000n }, ...more })

  test('match names and patterns whatever their case, with and without the provider in the name', () => {
    expect(pick([at('GPT-4o', 1n)], 'openai/gpt-4O')).toBe('1')
    expect(pick([at('openai/gpt-4o', 2n)], 'gpt-4o')).toBe('2')
    expect(pick([at('my-*-model', 3n)], 'my-own-model')).toBe('3')
    expect(pick([at('ollama/*', 4n)], 'llama3', 'ollama')).toBe('4')
    expect(pick([at('a.c', 5n)], 'abc')).toBeUndefined()
  })

  test('put a name before a pattern, and the later of two alike before the earlier', () => {
    expect(pick([at('gpt-4o', 1n), at('gpt-*', 2n)], 'gpt-4o')).toBe('1')
    expect(pick([at('gpt-4*', 1n), at('gpt-*', 2n)], 'gpt-4o')).toBe('2')
    expect(pick([at('gpt-4o', 1n), at('gpt-4o', 2n)], 'gpt-4o')).toBe('2')
  })

  test('of a provider hold for that provider only, by any of its names', () => {
    const claude = [at('claude-x', 1n, { provider: 'claude' })]
    expect(pick(claude, 'claude-x')).toBe('1')
    expect(pick(claude, 'anthropic/claude-x')).toBe('1')
    expect(pick(claude, 'claude-x', 'bedrock')).toBeUndefined()
    expect(pick([at('m', 1n, { provider: 'my-own-cluster' })], 'm', 'my-own-cluster')).toBe('1')
  })

  test('price in nano-dollars per million tokens, exactly', () => {
    const overrides = [override({ perMillion: { input: 1n, output: 123_456_789n } })]
    const book = openPriceBook({ litellmMap: map, overrides })
    expect(book.price('gpt-4o', { at: NOW })?.perMillion).toEqual({ input: '0.000000001', output: '0.123456789' })
    expect(book.cost('gpt-4o', { input: 1_000_000, output: 1_000_000 }, { at: NOW })?.cost).toBe(123_456_790n)
  })

  test('of zero make a self-hosted model free', () => {
    const free = [override({ model: 'llama*', provider: 'vllm', perMillion: { input: 0n, output: 0n } })]
    const book = openPriceBook({ overrides: free })
    const query = { at: NOW, provider: 'vllm' }
    expect(book.cost('llama-3.3-70b', { input: 10, output: 10 }, query)).toMatchObject({ cost: 0n, basis: 'free' })
  })
})

describe('an unknown model', () => {
  test('has no price and no cost, never zero', () => {
    const book = openPriceBook()
    expect(book.price('no-such-model', { at: NOW })).toBeNull()
    expect(book.cost('no-such-model', { input: 5 }, { at: NOW })).toBeNull()
  })

  test.each(['', ' ', 'constructor', '__proto__', 'toString', `gpt-4o${'x'.repeat(1000)}`])('%j is one', (model) => {
    expect(openPriceBook().price(model, { at: NOW })).toBeNull()
    expect(openPriceBook().price('gpt-4o', { at: NOW, provider: model })?.model).toBe('gpt-4o')
  })
})

describe('the development profile', () => {
  const book = openPriceBook({ profile: 'development', overrides: [override({})] })

  test('prices every model, known or not, at zero', () => {
    for (const model of ['gpt-4o', 'no-such-model']) {
      const cost = book.cost(model, { input: 1_000_000, reasoning: 5, output_image: 7 }, { at: NOW })
      expect(cost).toMatchObject({ cost: 0n, input: 0n, output: 0n, basis: 'free' })
      expect(book.price(model, { at: NOW })).toMatchObject({ model, source: 'development', free: true })
    }
    expect(book.profile).toBe('development')
  })
})

describe('service tiers', () => {
  const tiered = {
    m: {
      litellm_provider: 'openai',
      input_cost_per_token: 4e-6,
      input_cost_per_token_priority: 8e-6,
      input_cost_per_token_flex: 2e-6,
      input_cost_per_token_above_200k_tokens: 5e-6,
      input_cost_per_token_above_200k_tokens_priority: 9e-6,
      cache_read_input_token_cost: 1e-6,
      output_cost_per_token: 10e-6,
      output_cost_per_token_priority: 20e-6,
      output_cost_per_reasoning_token: 12e-6,
    },
    b: {
      ...{ litellm_provider: 'openai', input_cost_per_token: 4e-6, cache_read_input_token_cost: 1e-6 },
      input_cost_per_token_batches: 1e-6,
      output_cost_per_token: 8e-6,
    },
  }
  const book = openPriceBook({ litellmMap: tiered })
  const price = (model: string, serviceTier: string | null) => book.price(model, { at: NOW, serviceTier })

  test('have their own prices where the book has them, and standard prices where not', () => {
    expect(price('m', 'priority')?.perMillion).toEqual({ input: '8', cache_read: '1', output: '20' })
    expect(price('m', 'flex')?.perMillion).toEqual({ input: '2', cache_read: '1', output: '10', reasoning: '12' })
    expect(price('m', 'ultrafast')).toMatchObject({ serviceTier: 'ultrafast', serviceTierPriced: false })
    expect(price('m', 'priority')).toMatchObject({ serviceTier: 'priority', serviceTierPriced: true })
  })

  test('reach into the context tiers', () => {
    expect(price('m', 'priority')?.contextTiers[0]?.perMillion.input).toBe('9')
    expect(price('m', 'flex')?.contextTiers[0]?.perMillion.input).toBe('5')
  })

  test('price a batch at its own price, else at half, and cached tokens as the batch price of input', () => {
    expect(price('m', 'batch')?.perMillion).toEqual({ input: '2', cache_read: '0.5', output: '5', reasoning: '6' })
    expect(price('m', 'batch')?.serviceTierPriced).toBe(false)
    expect(price('b', 'batch')?.perMillion).toEqual({ input: '1', output: '4' })
    expect(price('b', 'batch')).toMatchObject({ serviceTierPriced: true, billedAs: { cache_read: 'input' } })
    expect(
      openPriceBook({ litellmMap: null }).price('gpt-4o', { at: NOW, serviceTier: 'batch' })?.perMillion.input,
    ).toBe('1.25')
  })

  test.each([
    ['fast', 'priority'],
    ['batches', 'batch'],
    ['ON_DEMAND_FLEX', 'flex'],
    ['Flex', 'flex'],
    ['default', 'standard'],
    ['constructor', 'standard'],
    [null, 'standard'],
  ])('%s is %s', (word, tier) => {
    expect(price('m', word)?.serviceTier).toBe(tier)
  })
})

describe('times of day', () => {
  const wednesday = (time: string) => Date.parse(`2026-11-18T${time}:00Z`)

  test("follow LiteLLM's off-peak windows", () => {
    const book = openPriceBook()
    const input = (at: number) => book.price('deepseek-v4-flash', { at })?.perMillion.input
    expect(input(wednesday('02:00'))).not.toBe(input(wednesday('05:00')))
    expect(input(wednesday('05:00'))).toBe('0.15')
    expect(input(Date.parse('2026-11-22T02:00:00Z'))).toBe('0.15')
  })

  test('follow the windows of genai-prices, the last that holds', () => {
    const book = openPriceBook({ litellmMap: null })
    const input = (time: string) =>
      book.price('deepseek-chat', { at: wednesday(time), provider: 'deepseek' })?.perMillion.input
    expect(['00:29', '00:30', '16:29', '16:30'].map(input)).toEqual(['0.135', '0.27', '0.27', '0.135'])
  })

  test('read windows with weekdays by name, flat windows, and leave out what is no window', () => {
    const m = {
      litellm_provider: 'x',
      input_cost_per_token: 2e-6,
      off_peak_pricing: {
        input_cost_per_token: 1e-6,
        output_cost_per_token: 'much',
        hours_utc: ['01:00-02:00', 'whenever'],
        weekday_timezone: 'Nowhere/Land',
        windows: [
          { hours_utc: '05:00-06:00', weekdays: ['Wed', 9, null] },
          null,
          { hours_utc: '07:00-08:00', weekdays: 'mon' },
        ],
      },
    }
    const book = openPriceBook({ litellmMap: { m } })
    const input = (time: string) => book.price('m', { at: wednesday(time) })?.perMillion.input
    expect(['01:30', '03:00', '05:30', '07:30'].map(input)).toEqual(['1', '2', '1', '2'])
    expect(book.skipped.map(({ reason }) => reason)).toEqual([
      'off_peak_pricing.output_cost_per_token: "much" is no price; expected dollars from 0 up',
    ])
  })
})

describe('effective dates of genai-prices', () => {
  test('give the price of the day of the call', () => {
    const book = openPriceBook({ litellmMap: null })
    const price = (date: string) => book.price('claude-sonnet-4-6', { at: Date.parse(date), provider: 'anthropic' })
    expect(price('2026-03-12T23:59:59Z')?.contextTiers).toHaveLength(1)
    expect(price('2026-03-13T00:00:00Z')?.contextTiers).toEqual([])
    expect(price('2026-03-12')).toMatchObject({ from: null, to: Date.UTC(2026, 2, 13) })
    expect(price('2026-03-13')).toMatchObject({ from: Date.UTC(2026, 2, 13), to: null })
  })

  test('bill a whole request at the tier that it is past, as the package itself does', () => {
    const book = openPriceBook({ litellmMap: null })
    const cost = (input: number) => book.cost('claude-sonnet-4-5', { input }, { at: NOW, provider: 'anthropic' })?.cost
    expect([cost(200_000), cost(200_001)]).toEqual([600_000_000n, 1_200_006_000n])
  })
})

test('the same question gets the same answer when ten thousand others were asked in between', () => {
  const book = openPriceBook({ litellmMap: map })
  const before = book.price('gpt-4o', { at: NOW })
  for (let number = 0; number < 10_001; number++) book.price(`x${number}`, { at: NOW, provider: 'ollama' })
  expect(book.price('gpt-4o', { at: NOW })).toEqual(before)
})

test('a price is told with its context window, mode and provider', () => {
  expect(openPriceBook().price('gpt-4o', { at: NOW })).toMatchObject({
    model: 'gpt-4o',
    provider: 'openai',
    mode: 'chat',
    contextWindow: 128_000,
    perMillion: { input: '2.5', cache_read: '1.25', output: '10' },
    free: false,
  })
})
