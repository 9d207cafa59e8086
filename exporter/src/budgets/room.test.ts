import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { asked, BOOK, LADDER, NOON, policyOf, reading, USD } from '../../test/budgets/support.ts'
import { budgetOf } from './ladder.ts'
import { createModels } from './models.ts'
import { fit, type FitOptions, inputBound, isSpent, roomIn } from './room.ts'

const { of } = createModels(policyOf(null), BOOK, () => NOON)
const NAMES = ['gpt-4o', 'gpt-4o-mini', 'gpt-4', 'claude-sonnet-4-5', 'gemini-2.5-pro'] as const

const options: fc.Arbitrary<FitOptions> = fc
  .record({
    names: fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 }),
    maxTokens: fc.option(fc.nat(200_000), { nil: null }),
    answers: fc.integer({ min: 1, max: 4 }),
    input: fc.nat(300_000),
    images: fc.nat(2),
    free: fc.bigInt({ min: -USD, max: 3n * USD }),
    part: fc.nat(1_000),
    usual: fc.integer({ min: 1, max: 5_000 }),
    least: fc.nat(1_000),
  })
  .map(({ names, maxTokens, answers, input, images, free, part, usual, least }) => ({
    ask: asked({ maxTokens, answers, input: { bytes: 0, tokens: input, images, opaque: 0, cacheWrites: true } }),
    models: names.map(of),
    room: { free, fair: free > 0n ? (free * BigInt(part)) / 1_000n : free },
    usual,
    least,
    input: { tokens: input, counted: true },
  }))

const mostOf = ({ models, ask }: FitOptions): number => {
  const bound = Math.max(...models.map(({ maxOutput }) => maxOutput ?? 32_768))
  return Math.min(ask.maxTokens ?? bound, bound)
}
const costOf = ({ models, ask, input }: FitOptions, output: number): bigint => {
  const size = { input: input.tokens, media: ask.input.images > 0, cacheWrites: true, serviceTier: null }
  return models.reduce((most, model) => {
    const cost = model.worst(size, output * ask.answers)
    return cost > most ? cost : most
  }, 0n)
}

describe('what a call may hold', () => {
  it('is not counted first where nothing is left, for no count makes it fit', () => {
    const fitting = (free: bigint) =>
      fit({
        ask: asked({ maxTokens: null }),
        models: [of('gpt-4o')],
        room: { free, fair: free / 48n },
        usual: 300,
        least: 256,
        input: { tokens: 400, counted: false },
      })
    expect([fitting(USD / 100n), fitting(1n), fitting(0n), fitting(-1n)]).toEqual([
      'count',
      'count',
      'refused',
      'refused',
    ])
  })

  it('is never more than is free', () => {
    fc.assert(
      fc.property(options, (given) => {
        const found = fit(given)
        if (typeof found === 'object') expect(found.amount <= (given.room.free ?? 0n)).toBe(true)
      }),
    )
  })

  it('covers every input and output within what was sent on, at every model that may answer', () => {
    fc.assert(
      fc.property(
        options,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (given, i, o) => {
          const found = fit(given)
          if (typeof found !== 'object') return
          const bound = found.maxTokens ?? given.ask.maxTokens
          for (const { name, maxOutput } of given.models) {
            const output =
              Math.floor(Math.min(bound ?? maxOutput ?? 0, maxOutput ?? bound ?? 0) * o) * given.ask.answers
            const cost =
              BOOK.cost(name, { input: Math.floor(given.input.tokens * i), output }, { at: NOON })?.cost ?? 0n
            expect(found.amount >= cost).toBe(true)
          }
        },
      ),
    )
  })

  it('is not refused while a usual answer fits into what is free', () => {
    fc.assert(
      fc.property(options, (given) => {
        const usual = costOf(given, Math.min(given.usual, mostOf(given)))
        if ((given.room.free ?? 0n) >= usual && usual > 0n) expect(fit(given)).not.toBe('refused')
      }),
    )
  })

  it('never makes an answer shorter than what was asked for, the least, and the usual answer, whichever is shortest', () => {
    fc.assert(
      fc.property(options, (given) => {
        const found = fit(given)
        if (typeof found !== 'object' || found.maxTokens === null) return
        expect(found.maxTokens).toBeGreaterThanOrEqual(Math.min(mostOf(given), given.least, given.usual))
        expect(found.maxTokens).toBeLessThanOrEqual(mostOf(given))
      }),
    )
  })

  it('leaves a call as it is while all that it can cost is fair', () => {
    fc.assert(
      fc.property(options, (given) => {
        const whole = costOf(given, mostOf(given))
        if (whole > (given.room.fair ?? 0n)) return
        expect(fit(given)).toMatchObject({ amount: whole, maxTokens: null })
      }),
    )
  })

  it('is never refused, bounded or counted where nothing limits', () => {
    fc.assert(
      fc.property(options, (given) => {
        const found = fit({ ...given, room: { free: null, fair: null } })
        expect(found).toMatchObject({ maxTokens: null })
      }),
    )
  })

  it('is asked with a counted input only where the guess by bytes is too dear', () => {
    const one = {
      ...(fc.sample(options, { numRuns: 1, seed: 1 })[0] as FitOptions),
      models: [of('gpt-4o')],
      usual: 300,
      least: 100,
    }
    const ask = asked({
      maxTokens: 100,
      input: { bytes: 40_000, tokens: null, images: 0, opaque: 0, cacheWrites: true },
    })
    const input = inputBound(ask, of('gpt-4o'), 1.1)
    const at = (free: bigint) => fit({ ...one, ask, input, room: { free, fair: free / 4n } })
    expect(at(USD)).toMatchObject({ maxTokens: null })
    expect(at(USD / 10n)).toBe('count')
  })

  it('bounds an answer that neither client nor model bounds, even where all is fair', () => {
    const model = { ...of('gpt-4o'), maxOutput: null }
    const one = fc.sample(options, { numRuns: 1, seed: 1 })[0] as FitOptions
    const ask = asked({ maxTokens: null, input: { bytes: 4, tokens: 1, images: 0, opaque: 0, cacheWrites: true } })
    expect(
      fit({ ...one, ask, models: [model], input: { tokens: 1, counted: true }, room: { free: null, fair: null } }),
    ).toMatchObject({
      maxTokens: 32_768,
    })
  })
})

describe('a bound of the input', () => {
  const model = of('gpt-4o')
  const text = (bytes: number, tokens: number | null = null) =>
    asked({ input: { bytes, tokens, images: 0, opaque: 0, cacheWrites: true } })

  it('is a token a byte until it is counted, then the count and what counts fell short by', () => {
    expect(inputBound(text(1_000), model, 1.1)).toEqual({ tokens: 1_256, counted: false })
    expect(inputBound(text(1_000, 250), model, 1.1)).toEqual({ tokens: 291, counted: true })
  })

  it('is not beyond what the model can read, but for a text that is itself', () => {
    const opaque = asked({ input: { bytes: 10, tokens: 10, images: 3, opaque: 2, cacheWrites: true } })
    expect(inputBound(opaque, model, 1).tokens).toBe(model.contextWindow)
    expect(inputBound(text(900_000), model, 1).tokens).toBe(900_256)
  })
})

describe('the room', () => {
  const of = (line: bigint, spent: bigint, held: bigint, crowd = 1) =>
    reading({ spent, held, crowd }, budgetOf('customer', LADDER, line))

  it('is what the tightest budget has left, and a sixth of it by the number of those who call, of whom there are eight or more', () => {
    expect(roomIn([of(1_000n, 100n, 100n), of(900n, 500n, 0n)])).toEqual({ free: 400n, fair: 8n })
    expect(roomIn([of(1_000n, 0n, 0n, 10)])).toEqual({ free: 1_000n, fair: 16n })
  })

  it('is nobody’s business where no budget stops', () => {
    expect(roomIn([])).toEqual({ free: null, fair: null })
  })

  it('counts as used up when one part in a hundred is left', () => {
    expect(isSpent(of(1_000n, 989n, 0n))).toBe(false)
    expect(isSpent(of(1_000n, 990n, 0n))).toBe(true)
  })
})
