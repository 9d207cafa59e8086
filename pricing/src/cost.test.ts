import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compile } from './compile.ts'
import { costOf } from './cost.ts'
import { decimal, plus, times, toNano } from './money.ts'
import type { Quote, Rates, UnitRates } from './price.ts'
import { TOKEN_CLASSES, type TokenClass } from './tokens.ts'

function priced(rates: Rates, more: Partial<Quote> = {}) {
  const compiled = compile({
    model: 'm',
    provider: 'p',
    source: 'override',
    from: null,
    to: null,
    mode: null,
    contextWindow: null,
    serviceTier: 'standard',
    serviceTierPriced: true,
    rates,
    units: {},
    inclusive: false,
    ...more,
  })
  if (compiled === null) throw new Error('nothing is priced')
  return compiled
}

const flat = (price: string | number) => ({ base: decimal(price), steps: [] })

const anyPrice = fc.integer({ min: 0, max: 10 ** 9 }).map((digits) => ({ digits: BigInt(digits), exponent: -14 }))
const anyUsage = fc.record(
  Object.fromEntries(TOKEN_CLASSES.map((name) => [name, fc.integer({ min: 0, max: 2_000_000 })])) as Record<
    TokenClass,
    fc.Arbitrary<number>
  >,
  { requiredKeys: [] },
)
const anyRates = fc
  .record(Object.fromEntries(TOKEN_CLASSES.map((name) => [name, anyPrice.map((base) => ({ base, steps: [] }))])), {
    requiredKeys: ['input', 'output'],
  })
  .map((rates) => rates as Rates)

describe('a cost', () => {
  test('is the exact sum over the classes, rounded once', () => {
    fc.assert(
      fc.property(fc.array(anyPrice, { minLength: 10, maxLength: 10 }), anyUsage, (prices, usage) => {
        const rates = Object.fromEntries(
          TOKEN_CLASSES.map((name, at) => [name, { base: prices[at] ?? null, steps: [] }]),
        )
        const exact = TOKEN_CLASSES.reduce(
          (sum, name, at) => plus(sum, times(decimal(usage[name] ?? 0), prices[at] ?? decimal(0))),
          decimal(0),
        )
        expect(costOf(priced(rates), usage)?.cost).toBe(toNano(exact))
      }),
    )
  })

  test('is its input and its output together, neither below zero', () => {
    fc.assert(
      fc.property(anyRates, anyUsage, (rates, usage) => {
        const cost = costOf(priced(rates), usage)
        expect(cost && cost.input + cost.output).toBe(cost?.cost)
        expect((cost?.input ?? -1n) >= 0n && (cost?.output ?? -1n) >= 0n).toBe(true)
      }),
    )
  })

  test('never falls when tokens are added, whichever class they are of', () => {
    fc.assert(
      fc.property(
        anyRates,
        anyUsage,
        fc.constantFrom(...TOKEN_CLASSES),
        fc.nat(10 ** 6),
        (rates, usage, name, more) => {
          const before = costOf(priced(rates), usage)?.cost ?? 0n
          const after = costOf(priced(rates), { ...usage, [name]: (usage[name] ?? 0) + more })?.cost ?? -1n
          expect(after >= before).toBe(true)
        },
      ),
    )
  })

  test('rounds once: three tokens at 0.4 nano-dollars are 1, not 0', () => {
    const rates = { input: flat('4e-10'), output: flat('4e-10') }
    expect(costOf(priced(rates), { input: 1, output: 2 })?.cost).toBe(1n)
  })

  test('rounds half to even', () => {
    const rates = { input: flat('5e-10') }
    expect([1, 3, 5].map((input) => costOf(priced(rates), { input })?.cost)).toEqual([0n, 2n, 2n])
  })

  test('stays exact past what a float can hold', () => {
    const rates = { input: flat('0.000000123456789012') }
    expect(costOf(priced(rates), { input: 9_007_199_254_740_991 })?.cost).toBe(
      toNano(times(decimal('9007199254740991'), decimal('0.000000123456789012'))),
    )
  })
})

describe('a class without a price of its own', () => {
  const rates = { input: flat('1e-6'), output: flat('5e-6') }
  test.each([
    ['cache_read', 1_000_000_000n],
    ['cache_write_5m', 1_000_000_000n],
    ['cache_write_1h', 1_000_000_000n],
    ['input_audio', 1_000_000_000n],
    ['input_image', 1_000_000_000n],
    ['reasoning', 5_000_000_000n],
    ['output_audio', 5_000_000_000n],
    ['output_image', 5_000_000_000n],
  ] as const)('%s costs what its stand-in costs', (name, expected) => {
    expect(costOf(priced(rates), { [name]: 1_000_000 })?.cost).toBe(expected)
    expect(priced(rates).price.billedAs[name]).toBe(expected === 1_000_000_000n ? 'input' : 'output')
  })

  test('a 1-hour write costs what a 5-minute write costs before it costs what input costs', () => {
    const compiled = priced({ ...rates, cache_write_5m: flat('1.25e-6') })
    expect(costOf(compiled, { cache_write_1h: 1_000_000 })?.cost).toBe(1_250_000_000n)
    expect(compiled.price.billedAs.cache_write_1h).toBe('cache_write_5m')
  })

  test('is unpriced when nothing stands in: there is no cost rather than a wrong one', () => {
    expect(costOf(priced({ input: flat('1e-6') }), { input: 5, output: 1 })).toBeNull()
    expect(costOf(priced({ input: flat('1e-6') }), { input: 5, output: 0 })?.cost).toBe(5000n)
  })

  test('an explicit zero is a price, not a gap', () => {
    expect(costOf(priced({ ...rates, cache_read: flat(0) }), { cache_read: 10 })?.cost).toBe(0n)
  })
})

describe('context tiers', () => {
  const step = (above: number, price: string) => ({ above, price: decimal(price) })
  const rates: Rates = {
    input: { base: decimal('1e-6'), steps: [step(200_000, '2e-6'), step(500_000, '3e-6')] },
    output: { base: decimal('5e-6'), steps: [step(200_000, '7e-6')] },
    cache_read: { base: decimal('1e-7'), steps: [step(200_000, '2e-7')] },
  }

  test('bill the whole request at the tier that its context is past', () => {
    expect(costOf(priced(rates), { input: 200_000, output: 10 })?.cost).toBe(200_050_000n)
    expect(costOf(priced(rates), { input: 200_001, output: 10 })?.cost).toBe(400_072_000n)
    expect(costOf(priced(rates), { input: 500_001, output: 10 })?.cost).toBe(1_500_073_000n)
  })

  test('count everything the model read, cached tokens too, and nothing that it wrote', () => {
    expect(costOf(priced(rates), { input: 1, cache_read: 200_000 })?.cost).toBe(40_002_000n)
    expect(costOf(priced(rates), { input: 1, output: 900_000 })?.cost).toBe(4_500_001_000n)
  })

  test('begin at the threshold itself where the provider says so', () => {
    const compiled = priced(rates, { inclusive: true })
    expect(costOf(compiled, { input: 200_000 })?.cost).toBe(400_000_000n)
    expect(costOf(compiled, { input: 199_999 })?.cost).toBe(199_999_000n)
  })

  test('can take a price away, so that the stand-in counts from there on', () => {
    const compiled = priced({
      ...rates,
      cache_read: { base: decimal('1e-7'), steps: [{ above: 200_000, price: null }] },
    })
    expect(costOf(compiled, { cache_read: 200_001 })?.cost).toBe(400_002_000n)
  })

  test('are told in plain text', () => {
    expect(priced(rates).price.contextTiers).toEqual([
      { above: 200_000, inclusive: false, perMillion: { input: '2', output: '7', cache_read: '0.2' } },
      { above: 500_000, inclusive: false, perMillion: { input: '3', output: '7', cache_read: '0.2' } },
    ])
  })
})

describe('prices per unit', () => {
  const units: UnitRates = {
    requests: { price: decimal('0.005') },
    web_searches: { price: decimal('0.035'), atMost: 1 },
    output_images: { price: decimal('0.04') },
    input_seconds: { price: decimal('0.0001') },
  }

  test('are added to what the tokens cost, on their own side', () => {
    const compiled = priced({ input: flat('1e-6'), output: flat('2e-6') }, { units })
    const cost = costOf(compiled, { input: 100, output: 50, requests: 1, output_images: 2 })
    expect(cost).toMatchObject({ input: 5_100_000n, output: 80_100_000n, cost: 85_200_000n })
  })

  test('take fractions of a second exactly', () => {
    expect(costOf(priced({}, { units }), { input_seconds: 0.25 })?.cost).toBe(25_000n)
  })

  test('are capped where the provider bills a call once', () => {
    expect(costOf(priced({}, { units }), { web_searches: 3 })?.cost).toBe(35_000_000n)
  })

  test('of a model without token prices pay for its tokens, and without them there is no cost', () => {
    expect(costOf(priced({}, { units }), { input_seconds: 1, input: 12, output: 40 })?.cost).toBe(100_000n)
    expect(costOf(priced({}, { units }), { input: 12, output: 40 })).toBeNull()
    expect(costOf(priced({}, { units }), {})).toBeNull()
  })

  test('pay for unpriced tokens of their own side only', () => {
    const compiled = priced({ output: flat('1e-6') }, { units })
    expect(costOf(compiled, { input_seconds: 1, input: 12, output: 40 })?.cost).toBe(140_000n)
    expect(costOf(compiled, { output_images: 1, input: 12, output: 40 })).toBeNull()
  })
})

describe('a broken amount', () => {
  const compiled = priced({ input: flat('1e-6') }, { units: { pages: { price: decimal('0.001') } } })
  test.each([
    [{ input: -1 }, 'usage.input is -1; expected a whole number of tokens from 0 up'],
    [{ input: 1.5 }, 'usage.input is 1.5; expected a whole number of tokens from 0 up'],
    [{ input: Number.NaN }, 'usage.input is NaN; expected a whole number of tokens from 0 up'],
    [{ output: -1 }, 'usage.output is -1; expected a whole number of tokens from 0 up'],
    [{ pages: Infinity }, 'usage.pages is Infinity; expected a number from 0 up'],
    [{ pages: -2 }, 'usage.pages is -2; expected a number from 0 up'],
  ])('is refused with a sentence', (usage, sentence) => {
    expect(() => costOf(compiled, usage)).toThrow(new RangeError(sentence))
  })
})

test('a model whose prices are all zero is free, and one with any other price is not', () => {
  const zero = { input: flat(0), output: flat(0) }
  expect(costOf(priced(zero), { input: 10 })).toMatchObject({ cost: 0n, basis: 'free' })
  expect(costOf(priced({ ...zero, output: flat('1e-9') }), { input: 10 })).toMatchObject({ cost: 0n, basis: 'priced' })
  expect(compile({ ...priced(zero).price, rates: {}, units: {}, inclusive: false })).toBeNull()
})
