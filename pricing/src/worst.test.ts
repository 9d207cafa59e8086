import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openPriceBook } from './book.ts'
import { bundledLitellmMap } from './bundled.ts'
import { compile } from './compile.ts'
import { costOf } from './cost.ts'
import { decimal } from './money.ts'
import type { Quote, Rate, Rates, UnitRates } from './price.ts'
import { READ_CLASSES, SERVICE_TIERS, TOKEN_CLASSES, type TokenClass, type Usage } from './tokens.ts'
import { largestOutput, worstOf } from './worst.ts'

const AT = Date.UTC(2026, 10, 18, 2)
const book = openPriceBook()
const WRITTEN = TOKEN_CLASSES.filter((name) => !READ_CLASSES.includes(name))
const TEXT = READ_CLASSES.filter((name) => !['input_audio', 'input_image'].includes(name))
/** Every eighth model, and all that bill sound, pictures or long contexts by prices of their own. */
const MODELS = Object.entries(bundledLitellmMap().map)
  .filter(([, entry], index) => index % 8 === 0 || /_above_|tiered|audio_token|image_token/.test(JSON.stringify(entry)))
  .map(([name]) => name)
  .filter((name) => book.worst(name, { input: 1, output: 0 }, { at: AT }) !== null)

/** Counts around the thresholds of real context tiers, and any other. */
const anyCount = fc.oneof(
  fc.nat(3000),
  fc.nat(2_000_000),
  fc
    .tuple(fc.constantFrom(32_000, 128_000, 200_000, 256_000, 272_000, 512_000), fc.integer({ min: -1, max: 1 }))
    .map(([threshold, beside]) => threshold + beside),
)
const anyPrice = fc.integer({ min: 0, max: 10 ** 6 }).map((digits) => ({ digits: BigInt(digits), exponent: -13 }))
const anyRate: fc.Arbitrary<Rate> = fc.record({
  base: fc.option(anyPrice),
  steps: fc
    .uniqueArray(fc.nat(5000), { maxLength: 3 })
    .chain((all) =>
      fc.tuple(
        ...all
          .sort((a, b) => a - b)
          .map((above) => fc.record({ above: fc.constant(above), price: fc.option(anyPrice) })),
      ),
    ),
})
/** Higher steps may be cheaper, prices may begin or end at a step: stranger than any provider's. */
const anyQuote = fc
  .record({
    rates: fc.dictionary(fc.constantFrom(...TOKEN_CLASSES), anyRate).map((rates) => rates as Rates),
    inclusive: fc.boolean(),
    units: fc.constantFrom<UnitRates>({}, { requests: { price: decimal('0.005') } }),
  })
  .map(priced)
  .filter((compiled) => compiled !== null)

function priced(more: Partial<Quote>) {
  return compile({
    ...{ model: 'm', provider: 'p', source: 'override', from: null, to: null, mode: null, contextWindow: null },
    ...{ serviceTier: 'standard', serviceTierPriced: true, rates: {}, units: {}, inclusive: false },
    ...more,
  })
}

/** Takes shares of a whole, in an order, so that they never make more than it. */
function shares(whole: number, names: readonly TokenClass[], parts: readonly number[]): Usage {
  let left = whole
  return Object.fromEntries(
    names.map((name, index) => {
      const taken = Math.floor(left * (parts[index] ?? 0))
      left -= taken
      return [name, taken]
    }),
  )
}

const anyParts = fc.array(fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true })), {
  minLength: TOKEN_CLASSES.length,
  maxLength: TOKEN_CLASSES.length,
})
const anyOrder = <T>(values: readonly T[]) => fc.shuffledSubarray([...values], { minLength: values.length })

describe('the worst that a call can cost', () => {
  test('is never below the cost of a usage within its counts, for hundreds of real models at every service tier', () => {
    expect(MODELS.length).toBeGreaterThan(300)
    const call = fc.record({
      model: fc.constantFrom(...MODELS),
      serviceTier: fc.constantFrom(...SERVICE_TIERS),
      input: anyCount,
      output: anyCount,
      media: fc.boolean(),
      read: anyOrder(READ_CLASSES),
      written: anyOrder(WRITTEN),
      parts: anyParts,
    })
    let compared = 0
    fc.assert(
      fc.property(call, ({ model, serviceTier, input, output, media, read, written, parts }) => {
        const query = { at: AT, serviceTier }
        const classes = media ? read : read.filter((name) => TEXT.includes(name))
        const usage = { ...shares(input, classes, parts), ...shares(output, written, parts.slice(read.length)) }
        const cost = book.cost(model, usage, query)
        const worst = book.worst(model, { input, output, media }, query)
        if (cost === null || worst === null) return
        compared++
        expect(cost.cost).toBeLessThanOrEqual(worst)
      }),
      { numRuns: 5000 },
    )
    expect(compared).toBeGreaterThan(3000)
  })

  test('is never below the cost of a usage within its counts, whatever the prices do from step to step', () => {
    const call = fc.record({
      compiled: anyQuote,
      input: fc.nat(8000),
      output: fc.nat(8000),
      media: fc.boolean(),
      read: anyOrder(READ_CLASSES),
      parts: anyParts,
    })
    fc.assert(
      fc.property(call, ({ compiled, input, output, media, read, parts }) => {
        const classes = media ? read : read.filter((name) => TEXT.includes(name))
        const usage = { ...shares(input, classes, parts), ...shares(output, WRITTEN, parts.slice(read.length)) }
        const worst = worstOf(compiled, { input, output, media })
        const cost = costOf(compiled, usage)
        if (worst !== null && cost !== null) expect(cost.cost).toBeLessThanOrEqual(worst)
      }),
      { numRuns: 5000 },
    )
  })

  test('is reached by some usage: it is not dearer than what could happen', () => {
    const thresholds = [31_999, 32_000, 128_000, 200_000, 256_000, 272_000, 512_000]
    fc.assert(
      fc.property(fc.constantFrom(...MODELS), anyCount, fc.nat(100_000), (model, input, output) => {
        const worst = book.worst(model, { input, output }, { at: AT })
        if (worst === null) return
        const counts = [input, ...thresholds.flatMap((count) => [count, count - 1])].filter((count) => count <= input)
        const all = counts.flatMap((count) =>
          TEXT.flatMap((read) =>
            WRITTEN.map((written) => book.cost(model, { [read]: count, [written]: output }, { at: AT })?.cost ?? 0n),
          ),
        )
        const dearest = all.reduce((most, cost) => (cost > most ? cost : most), 0n)
        // A cost is rounded to the nearest nano-dollar and the worst case upwards.
        expect(worst - dearest).toBeLessThanOrEqual(1n)
      }),
      { numRuns: 1000 },
    )
  })

  test('leaves out what a call that writes to no cache cannot be billed as', () => {
    const size = { input: 1_000_000, output: 0 }
    const worst = (more: object) => book.worst('claude-sonnet-4-5', { ...size, ...more }, { at: AT })
    // An hour in the cache costs twice as much, at the dearer step of a long context.
    expect(worst({})).toBe(2n * (worst({ cacheWrites: false }) ?? 0n))
    expect(book.worst('gpt-4o', { ...size, cacheWrites: false }, { at: AT })).toBe(2_500_000_000n)
  })

  test('takes each token at the dearest class that it can be billed as', () => {
    const rates = {
      input: { base: decimal('1e-6'), steps: [] },
      cache_write_1h: { base: decimal('2e-6'), steps: [] },
      input_image: { base: decimal('7e-6'), steps: [] },
      output: { base: decimal('5e-6'), steps: [] },
      reasoning: { base: decimal('6e-6'), steps: [] },
    }
    const compiled = priced({ rates })
    expect(compiled && worstOf(compiled, { input: 100, output: 10 })).toBe(260_000n)
    expect(compiled && worstOf(compiled, { input: 100, output: 10, media: true })).toBe(760_000n)
  })

  test('counts the cheaper step too where a longer context costs less', () => {
    const input = { base: decimal('3e-6'), steps: [{ above: 1000, price: decimal('1e-6') }] }
    const compiled = priced({ rates: { input } })
    expect(compiled && worstOf(compiled, { input: 1500, output: 0 })).toBe(3_000_000n)
    expect(compiled && worstOf(compiled, { input: 4000, output: 0 })).toBe(4_000_000n)
    const inclusive = priced({ rates: { input }, inclusive: true })
    expect(inclusive && worstOf(inclusive, { input: 1500, output: 0 })).toBe(2_997_000n)
  })

  test('counts the step of a call that reads nothing, where only longer ones have a price for what they read', () => {
    const from = (price: string) => ({ base: null, steps: [{ above: 92, price: decimal(price) }] })
    const output = { base: decimal('1e-6'), steps: [{ above: 92, price: decimal('0') }] }
    const compiled = priced({ rates: { input: from('0'), output } })
    expect(compiled && worstOf(compiled, { input: 93, output: 5 })).toBe(5000n)
    expect(compiled && largestOutput(compiled, { input: 93, budget: 5999n })).toBe(5)
    expect(compiled && worstOf(compiled, { input: 92, output: 5 })).toBeNull()
    const sound = { base: decimal('2e-6'), steps: [{ above: 92, price: decimal('0') }] }
    const spoken = priced({ rates: { input: from('0'), output: from('0'), output_audio: sound } })
    expect(spoken && worstOf(spoken, { input: 93, output: 5 })).toBe(10_000n)
  })

  test('is rounded up', () => {
    const compiled = priced({ rates: { input: { base: decimal('1e-12'), steps: [] } } })
    expect(compiled && [0, 1, 1000, 1001].map((input) => worstOf(compiled, { input, output: 0 }))).toEqual([
      0n,
      1n,
      1n,
      2n,
    ])
  })

  test('holds the units that are named', () => {
    const compiled = priced({
      rates: { input: { base: decimal('1e-6'), steps: [] }, output: { base: decimal('1e-6'), steps: [] } },
      units: { requests: { price: decimal('0.005') }, web_searches: { price: decimal('0.035'), atMost: 1 } },
    })
    const size = { input: 1000, output: 1000, units: { requests: 1, web_searches: 3 } }
    expect(compiled && worstOf(compiled, size)).toBe(42_000_000n)
  })

  test('is null for an unknown model, one without token prices, and tokens that have none', () => {
    const query = { at: AT }
    expect(book.worst('no-such-model', { input: 1, output: 1 }, query)).toBeNull()
    expect(book.worst('dall-e-3', { input: 1, output: 0, units: { output_images: 1 } }, query)).toBeNull()
    const read = priced({ rates: { input: { base: decimal('1e-6'), steps: [] } } })
    expect(read && worstOf(read, { input: 10, output: 1 })).toBeNull()
    expect(read && worstOf(read, { input: 10, output: 0 })).toBe(10_000n)
    const written = priced({ rates: { output: { base: decimal('1e-6'), steps: [] } } })
    expect(written && worstOf(written, { input: 1, output: 1 })).toBeNull()
    expect(written && worstOf(written, { input: 0, output: 1 })).toBe(1000n)
  })

  test('is zero for a free model and in the development profile', () => {
    const perMillion = { input: 0n, output: 0n }
    const free = [{ model: 'llama', provider: 'vllm', from: null, to: null, perMillion }]
    const query = { at: AT, provider: 'vllm' }
    const size = { input: 9_000_000, output: 1_000_000 }
    expect(openPriceBook({ overrides: free }).worst('llama', size, query)).toBe(0n)
    expect(openPriceBook({ profile: 'development' }).worst('gpt-4o', size, query)).toBe(0n)
  })

  test.each([-1, 1.5, Number.NaN, Infinity, 2 ** 53])('refuses %s tokens with a sentence', (tokens) => {
    const sentence = (name: string) =>
      new RangeError(`${name} is ${tokens}; expected a whole number of tokens from 0 up`)
    const query = { at: AT }
    expect(() => book.worst('gpt-4o', { input: tokens, output: 0 }, query)).toThrow(sentence('input'))
    expect(() => book.worst('gpt-4o', { input: 0, output: tokens }, query)).toThrow(sentence('output'))
    expect(() => book.maxOutputFor('gpt-4o', { input: tokens, budget: 1n }, query)).toThrow(sentence('input'))
  })
})

/** Holds `most`, an answer of the largest output, against the worst cases around it. */
function expectInverse(worst: (output: number) => bigint | null, most: number | null, budget: bigint): void {
  if (most === null) expect(worst(1)).toBeNull()
  else if ((worst(0) ?? 0n) > budget) expect(most).toBe(0)
  else if (most === Infinity) expect(worst(1_000_000)).toBe(worst(0))
  else {
    expect(worst(most)).toBeLessThanOrEqual(budget)
    expect(worst(most + 1)).toBeGreaterThan(budget)
  }
}

describe('the most output that a budget pays for', () => {
  test('is the inverse of the worst case to the token, for hundreds of real models', () => {
    const anyBudget = fc.bigInt({ min: 0n, max: 10n ** 12n })
    fc.assert(
      fc.property(fc.constantFrom(...MODELS), anyCount, anyBudget, fc.boolean(), (model, input, budget, media) => {
        const worst = (output: number) => book.worst(model, { input, output, media }, { at: AT })
        expectInverse(worst, book.maxOutputFor(model, { input, budget, media }, { at: AT }), budget)
      }),
      { numRuns: 3000 },
    )
  })

  test('is the inverse whatever the prices do from step to step', () => {
    fc.assert(
      fc.property(anyQuote, fc.nat(8000), fc.bigInt({ min: -5n, max: 10n ** 6n }), (compiled, input, budget) => {
        const asked = { input, units: { requests: 1 } }
        const worst = (output: number) => worstOf(compiled, { ...asked, output })
        expectInverse(worst, largestOutput(compiled, { ...asked, budget }), budget)
      }),
      { numRuns: 3000 },
    )
  })

  test('of gpt-4o, at $10 a million, is 100 tokens for a tenth of a cent', () => {
    expect(book.maxOutputFor('gpt-4o', { input: 0, budget: 1_000_000n }, { at: AT })).toBe(100)
    expect(book.maxOutputFor('gpt-4o', { input: 0, budget: 999_999n }, { at: AT })).toBe(99)
    expect(book.maxOutputFor('gpt-4o', { input: 1000, budget: 1_000_000n }, { at: AT })).toBe(0)
  })

  test('is null for an unknown model, without an end when output is free, and never more than can be counted', () => {
    const rates = (output: string) => ({
      input: { base: decimal('1e-6'), steps: [] },
      output: { base: decimal(output), steps: [] },
    })
    const free = priced({ rates: rates('0') })
    const tiny = priced({ rates: rates('1e-30') })
    expect(book.maxOutputFor('no-such-model', { input: 1, budget: 1n }, { at: AT })).toBeNull()
    expect(free && largestOutput(free, { input: 1, budget: 1000n })).toBe(Infinity)
    expect(free && largestOutput(free, { input: 2, budget: 1000n })).toBe(0)
    expect(tiny && largestOutput(tiny, { input: 1, budget: 2000n })).toBe(Number.MAX_SAFE_INTEGER)
  })
})
