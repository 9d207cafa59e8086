import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WHO } from '../../test/budgets/support.ts'
import { BadRequest, type Request, readRequest } from './request.ts'

const CALL = '00000000-0000-4000-8000-000000000001'
const good = { version: 1, call_id: CALL, model: 'gpt-4o', who: { customer: 'acme' } }
const read = (body: unknown): Request => readRequest(body, () => ({ who: WHO, mark: () => null }))
const refusal = (body: unknown): string => {
  try {
    read(body)
  } catch (error) {
    if (error instanceof BadRequest) return error.message
    throw error
  }
  return ''
}

describe('a request for a decision', () => {
  it('may name the trace of the call as W3C does; what is none is no reason not to decide', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    expect(read({ ...good, traceparent }).ask.traceparent).toBe(traceparent)
    for (const none of [7, null, ['a'], 'x'.repeat(1000)])
      expect(read({ ...good, traceparent: none }).ask).not.toHaveProperty('traceparent')
  })

  it('is read with what it says, and with nothing where it says nothing', () => {
    const { ask, asked, guard, language } = read({
      ...good,
      call_id: CALL.toUpperCase(),
      max_tokens: 5,
      n: 3,
      input: { bytes: 10, tokens: 4, images: 1, opaque: 2 },
      needs: ['tools', 'flying', 7],
      language: 'de-CH, en;q=0.8',
    })
    expect(ask).toMatchObject({
      callId: CALL,
      maxTokens: 5,
      answers: 3,
      input: { bytes: 10, tokens: 4, images: 1, opaque: 2 },
      needs: ['tools'],
      settles: false,
    })
    expect({ guard, language, mark: asked.mark('customer'), none: asked.mark('tier') }).toEqual({
      guard: true,
      language: 'de-CH',
      mark: 'customer=acme',
      none: null,
    })
    expect(read({ ...good, who: {} }).ask).toMatchObject({
      maxTokens: null,
      answers: 1,
      input: { bytes: 0, tokens: null, images: 0, opaque: 0 },
      who: { customer: 'unattributed', tier: null },
    })
  })

  it('of a gateway holds', () => {
    const { who: _, ...rest } = good
    expect(read({ ...rest, record: {} })).toMatchObject({
      guard: false,
      ask: { settles: true, who: WHO },
    })
  })

  it('takes absurd numbers for as much as there can be', () => {
    expect(
      read({ ...good, max_tokens: 1e300, n: 1e9, input: { bytes: 1e18, tokens: 1e18, images: 1e9 } }).ask,
    ).toMatchObject({
      maxTokens: 100_000_000,
      answers: 128,
      input: { bytes: 1_000_000_000, tokens: 100_000_000, images: 10_000 },
    })
    expect(read({ ...good, n: 0 }).ask.answers).toBe(1)
  })

  it.each([
    [null, 'the body is null, expected a JSON object'],
    [[], 'the body is a list, expected a JSON object'],
    ['x', 'the body is "x", expected a JSON object'],
    [{}, 'version is absent, expected 1'],
    [{ ...good, version: 2 }, 'version is 2, expected 1'],
    [{ ...good, call_id: 'x' }, 'call_id is "x", expected a uuid'],
    [{ ...good, call_id: 'x'.repeat(1_000_000) }, 'call_id is a text of 1000000 characters, expected a uuid'],
    [{ ...good, model: 7 }, 'model is 7, expected a name of at most 300 characters'],
    [
      { ...good, model: 'x'.repeat(301) },
      'model is a text of 301 characters, expected a name of at most 300 characters',
    ],
    [{ ...good, who: undefined }, 'found neither record nor who, expected one of them'],
    [{ ...good, record: {} }, 'found both record and who, expected one of them'],
    [{ ...good, who: 5 }, 'who is 5, expected a JSON object'],
    [{ ...good, who: { customer: 5 } }, 'who.customer is 5, expected text of at most 300 characters'],
    [
      { ...good, who: { tier: 'x'.repeat(301) } },
      'who.tier is a text of 301 characters, expected text of at most 300 characters',
    ],
    [{ ...good, input: [] }, 'input is a list, expected a JSON object'],
    [{ ...good, max_tokens: '5' }, 'max_tokens is "5", expected a whole number from 0'],
    [{ ...good, max_tokens: -1 }, 'max_tokens is -1, expected a whole number from 0'],
    [{ ...good, n: 1.5 }, 'n is 1.5, expected a whole number from 0'],
    [{ ...good, input: { bytes: {} } }, 'input.bytes is an object, expected a whole number from 0'],
    [{ ...good, input: { tokens: true } }, 'input.tokens is true, expected a whole number from 0'],
  ])('that is none is refused in a sentence: %#', (body, sentence) => {
    expect(refusal(body)).toBe(sentence)
  })

  it('never fails in another way, whatever it is', () => {
    const part = fc.oneof(fc.jsonValue(), fc.anything(), fc.constantFrom(1, CALL, 'm', {}, [], null))
    const body = fc.oneof(
      fc.anything(),
      fc.jsonValue(),
      fc.record(
        {
          version: part,
          call_id: part,
          model: part,
          who: part,
          record: part,
          input: part,
          max_tokens: part,
          n: part,
          needs: part,
          language: part,
        },
        { requiredKeys: [] },
      ),
      fc
        .record(
          { model: part, who: part, input: part, max_tokens: part, needs: part, language: part },
          { requiredKeys: [] },
        )
        .map((over) => ({ ...good, ...over })),
    )
    fc.assert(
      fc.property(body, (given) => {
        const said = refusal(given)
        expect(said.length).toBeLessThan(200)
      }),
      { numRuns: 2_000 },
    )
  })
})
