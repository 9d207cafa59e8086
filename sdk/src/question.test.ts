import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bodyOf, readQuestion } from './question.ts'

describe('a question', () => {
  test('takes numbers for ids, and leaves out what is no text', () => {
    const question = readQuestion({ customer: 42, agent: 7n, user: '', session: null, tier: {} }, { model: ['m'] })
    expect(question.who).toEqual({ customer: '42', agent: '7' })
    expect(question.model).toBeNull()
  })

  test('leaves out counts that are none', () => {
    for (const broken of [-1, 1.5, Number.NaN, Infinity, '5', null]) {
      const question = readQuestion({}, { maxTokens: broken, inputBytes: broken, inputTokens: broken })
      expect([question.maxTokens, question.inputBytes, question.inputTokens]).toEqual([null, null, null])
    }
  })

  test('of who has ids of a megabyte is asked, but not remembered', () => {
    expect(readQuestion({ customer: 'x'.repeat(1_000_000) }, {}).key).toBeNull()
  })

  test('has the same key as another only when who, model and needs are the same', () => {
    const name = fc.constantFrom('a', 'b', '', '","', undefined)
    const anyWho = fc.record({ customer: name, tier: name, user: name, session: name, agent: name, queryType: name })
    const anyCall = fc.record({ model: name, needs: fc.subarray(['tools', 'images'] as const) })
    const cleaned = (who: object, call: object) => {
      const { model, needs, who: fields } = readQuestion(who, call)
      return { model, needs, fields }
    }
    fc.assert(
      fc.property(anyWho, anyCall, anyWho, anyCall, (who, call, otherWho, otherCall) => {
        const [one, other] = [readQuestion(who, call), readQuestion(otherWho, otherCall)]
        const alike = JSON.stringify(cleaned(who, call)) === JSON.stringify(cleaned(otherWho, otherCall))
        expect(one.key === other.key).toBe(alike)
      }),
    )
  })

  test('is JSON of version 1, whatever the application tells', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (who, call) => {
        const body = JSON.parse(bodyOf(readQuestion(who, call), 'id', null))
        expect(body).toMatchObject({ version: 1, call_id: 'id', input: { images: 0, opaque: 0 } })
        expect(Object.values(body.who).every((value) => typeof value === 'string')).toBe(true)
      }),
    )
  })
})
