import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openPriceBook } from './book.ts'
import { bundledLitellmMap } from './bundled.ts'

const AT = Date.UTC(2026, 10, 18)
const FIELDS = [
  'litellm_provider',
  'mode',
  'max_input_tokens',
  'max_output_tokens',
  'supports_vision',
  'input_cost_per_token',
  'output_cost_per_token',
  'cache_read_input_token_cost',
  'cache_creation_input_token_cost_above_1hr_above_200k_tokens',
  'input_cost_per_token_above_200k_tokens',
  'input_cost_per_token_batches',
  'input_cost_per_image',
  'search_context_cost_per_query',
  'tiered_pricing',
  'off_peak_pricing',
]
const anyValue = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true }),
  fc.constantFrom<unknown>('3e-7', '-1', 'free', 1e-7, -1e-7, 5e-324, 1e308, Number.NaN, null, '', 'openai', [
    { range: [0, 5], input_cost_per_token: 'x' },
  ]),
)
const anyEntry = fc.oneof(anyValue, fc.dictionary(fc.constantFrom(...FIELDS), anyValue))
const anyOverride = fc.oneof(
  anyValue,
  fc.record(
    { model: anyValue, provider: anyValue, from: anyValue, to: anyValue, perMillion: anyValue },
    { requiredKeys: [] },
  ),
)

describe('junk', () => {
  test('in a map and in overrides never breaks the book, and never the good prices beside it', () => {
    const good = { litellm_provider: 'openai', input_cost_per_token: 1e-6, output_cost_per_token: 2e-6 }
    fc.assert(
      fc.property(fc.dictionary(fc.string(), anyEntry), fc.array(anyOverride), (junk, overrides) => {
        const fine = { model: 'mine', provider: null, from: null, to: null, perMillion: { input: 5n } }
        const book = openPriceBook({ litellmMap: { ...junk, good }, overrides: [...overrides, fine] as never })
        for (const name of [...Object.keys(junk), 'other']) {
          book.price(name, { at: AT })
          book.price(name, { at: AT, serviceTier: 'batch', provider: name })
          book.limits(name, { provider: 'openai' })
          book.maxOutputFor(name, { input: 300_000, budget: 1n }, { at: AT })
        }
        expect(book.cost('openai/good', { input: 1, output: 1 }, { at: AT })?.cost).toBe(3000n)
        expect(book.price('mine', { at: AT })?.source).toBe('override')
      }),
    )
  })

  test.each<unknown>([
    5,
    'a map',
    [],
    {},
    { x: 1 },
    { sample_spec: { litellm_provider: 'x', input_cost_per_token: 0 } },
  ])('for a whole map is replaced by the bundled copy, and said: %j', (litellmMap) => {
    const book = openPriceBook({ litellmMap, litellmMapDate: AT })
    expect(book.sources()[1]).toEqual({ name: 'litellm', asOf: bundledLitellmMap().asOf })
    expect(book.skipped.at(-1)?.reason).toBe('no usable price in the whole map; the bundled copy stands in')
  })

  test('is listed with source, key and reason', () => {
    const book = openPriceBook({
      litellmMap: {
        sample_spec: { litellm_provider: 'one of …', input_cost_per_token: 0 },
        rules: { rules: [] },
        nothing: null,
        unpriced: { litellm_provider: 'x', mode: 'chat' },
        odd: {
          litellm_provider: 'x',
          input_cost_per_token: 1e-6,
          output_cost_per_token: 'a lot',
          input_cost_per_image: -1,
        },
      },
      overrides: [
        { model: 'a', provider: null, from: null, to: null, perMillion: { inputs: 5n } },
        { model: 'b', provider: null, from: null, to: null, perMillion: { input: 5 as never } },
        { model: 'c', provider: null, from: null, to: null, perMillion: {} },
        { model: 'd', provider: 7 as never, from: null, to: null, perMillion: { input: 5n } },
        { model: 'e', provider: null, from: 'May' as never, to: null, perMillion: { input: 5n } },
        { model: '', provider: null, from: null, to: null, perMillion: { input: 5n } },
        null as never,
      ],
    })
    expect(book.skipped.map(({ source, key, reason }) => `${source} ${key}: ${reason}`)).toEqual([
      'litellm sample_spec: documentation, not a model',
      'litellm rules: litellm_provider is undefined',
      'litellm nothing: null where an object of prices was expected',
      'litellm unpriced: no price in it',
      'litellm odd: input_cost_per_image: -1 is no price; expected dollars from 0 up',
      'litellm odd: output_cost_per_token: "a lot" is no price; expected dollars from 0 up',
      'override a: perMillion.inputs is no token class; expected one of input, cache_read, cache_write_5m, cache_write_1h, output, reasoning, input_audio, output_audio, input_image, output_image',
      'override b: perMillion.input is 5; expected nano-dollars from 0n up',
      'override c: perMillion names no price',
      'override d: provider is 7; expected a name or null',
      'override e: from is "May"; expected epoch milliseconds or null',
      'override : model is ""; expected a name or a pattern',
      'override number 7: null where an override was expected',
    ])
  })

  test('prices as text are read, as LiteLLM reads them', () => {
    const m = { litellm_provider: 'x', input_cost_per_token: '3e-7', output_cost_per_token: '6e-7' }
    expect(openPriceBook({ litellmMap: { m } }).price('m', { at: AT })?.perMillion).toEqual({
      input: '0.3',
      output: '0.6',
    })
  })

  test('overrides that are no list are told', () => {
    expect(openPriceBook({ overrides: 'none' as never }).skipped).toEqual([
      { source: 'override', key: '', reason: '"none" where a list of overrides was expected' },
    ])
  })
})
