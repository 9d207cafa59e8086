import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openPriceBook } from './book.ts'
import { bundledLitellmMap } from './bundled.ts'
import { readLimits } from './limits.ts'

const AT = Date.UTC(2026, 10, 18)
const book = openPriceBook()

describe('the limits of a model', () => {
  test('are told from the bundled map', () => {
    expect(book.limits('gpt-4o', {})).toEqual({
      maxOutput: 16_384,
      contextWindow: 128_000,
      mode: 'chat',
      tools: true,
      images: true,
    })
    expect(book.limits('claude-haiku-4-5', {})).toMatchObject({ maxOutput: 64_000, contextWindow: 200_000 })
    expect(book.limits('gpt-3.5-turbo', {})?.images).toBeNull()
    expect(book.limits('text-embedding-3-large', {})).toMatchObject({ mode: 'embedding', maxOutput: null })
  })

  test.each([
    ['openai/gpt-4o', null],
    ['GPT-4o', 'azure'],
    ['gpt-4o-2024-08-06', 'openai.chat'],
    ['litellm_proxy/gpt-4o', 'litellm'],
    ['ft:gpt-4o-2024-08-06:my-org::id', null],
  ])('are found by the names that prices are found by: %s of %s', (model, provider) => {
    expect(book.limits(model, { provider })).toMatchObject({ maxOutput: 16_384, contextWindow: 128_000 })
  })

  test('are known for most models that write text', () => {
    const chat = Object.entries(bundledLitellmMap().map).filter(
      ([, entry]) => (entry as { mode?: string }).mode === 'chat',
    )
    const known = chat.filter(([model]) => (book.limits(model, {})?.maxOutput ?? null) !== null)
    expect(known.length / chat.length).toBeGreaterThan(0.8)
  })

  test('are known whichever source gave the price', () => {
    const perMillion = { input: 1n, output: 1n }
    const overrides = [{ model: 'gpt-4o', provider: null, from: null, to: null, perMillion }]
    const overridden = openPriceBook({ overrides })
    expect(overridden.price('gpt-4o', { at: AT })?.source).toBe('override')
    expect(overridden.limits('gpt-4o', {})?.maxOutput).toBe(16_384)
    expect(openPriceBook({ profile: 'development' }).limits('gpt-4o', {})?.maxOutput).toBe(16_384)
  })

  test('are known where the map has no price, for an override or the other book to go with', () => {
    const litellmMap = {
      own: { litellm_provider: 'openai', mode: 'chat', max_output_tokens: 500, max_input_tokens: 9000 },
      other: { litellm_provider: 'openai', input_cost_per_token: 1e-6 },
    }
    const sparse = openPriceBook({ litellmMap })
    expect(sparse.price('own', { at: AT })).toBeNull()
    expect(sparse.limits('own', {})).toMatchObject({ maxOutput: 500, contextWindow: 9000, tools: null, images: null })
    expect(sparse.names()).toEqual(['other'])
  })

  test('of an entry that states none are those of the next that does, as its price would be', () => {
    const litellmMap = {
      'openai/m': { litellm_provider: 'openai', mode: 'chat', input_cost_per_token: 1e-6 },
      m: { litellm_provider: 'openai', mode: 'chat', max_output_tokens: 700 },
    }
    expect(openPriceBook({ litellmMap }).limits('m', { provider: 'openai' })?.maxOutput).toBe(700)
    expect(openPriceBook({ litellmMap: { 'openai/m': litellmMap['openai/m'] } }).limits('openai/m', {})).toMatchObject({
      mode: 'chat',
      maxOutput: null,
    })
  })

  test('take the context window of the price where the map has none', () => {
    const without = openPriceBook({ litellmMap: null })
    expect(without.limits('gpt-4o', {})).toEqual({
      maxOutput: null,
      contextWindow: 128_000,
      mode: null,
      tools: null,
      images: null,
    })
  })

  test.each(['no-such-model', '', 'constructor', 'sample_spec', `gpt-4o${'x'.repeat(1000)}`])(
    'of %j are null',
    (model) => {
      expect(book.limits(model, {})).toBeNull()
    },
  )

  test('of a self-hosted model are never those of a namesake', () => {
    const perMillion = { input: 0n, output: 0n }
    const overrides = [{ model: '*', provider: 'vllm', from: null, to: null, perMillion }]
    expect(openPriceBook({ overrides }).limits('gpt-4o', { provider: 'vllm' })).toBeNull()
  })

  test('are the same when ten thousand others were asked for in between', () => {
    const before = book.limits('gpt-4o', {})
    for (let number = 0; number < 10_001; number++) book.limits(`x${number}`, { provider: 'ollama' })
    expect(book.limits('gpt-4o', {})).toEqual(before)
  })
})

describe('an entry of the map', () => {
  const most = (max_output_tokens: unknown, max_tokens: unknown, max_input_tokens: unknown) =>
    readLimits({ max_output_tokens, max_tokens, max_input_tokens })?.maxOutput

  test('says by max_tokens how long an answer can be only where that is not what the model can read', () => {
    expect(most(4096, 8192, 128_000)).toBe(4096)
    expect(most(undefined, 4096, 128_000)).toBe(4096)
    expect(most(undefined, 32_000, 32_000)).toBeNull()
    expect(most(undefined, 1_048_576, 1_049_000)).toBeNull()
    expect(most(undefined, 1000, undefined)).toBeNull()
  })

  test('that is junk states nothing, and none is an error', () => {
    expect(most('a lot', -1, 0)).toBeNull()
    expect(most(0, null, 8192)).toBeNull()
    expect(readLimits({ mode: 5, supports_vision: 'yes', supports_function_calling: 1 })).toEqual({
      maxOutput: null,
      contextWindow: null,
      mode: null,
      tools: null,
      images: null,
    })
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const limits = readLimits(value)
        const counts = limits === null ? [] : [limits.maxOutput, limits.contextWindow]
        expect(counts.every((count) => count === null || (Number.isSafeInteger(count) && count > 0))).toBe(true)
      }),
    )
  })
})
