import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plain, redact, sensitive } from './redact.ts'

describe('redact', () => {
  it('takes keys, tokens and e-mail addresses out of a sentence and leaves the rest', () => {
    expect(redact('key sk-ant-api03-abcdef123 of jane.doe+x@mail.example.com refused')).toBe('key … of … refused')
    expect(redact('Authorization: Bearer abcdefghijkl')).toBe('Authorization: …')
    expect(redact(`token ${'a1'.repeat(32)} unknown`)).toBe('token … unknown')
  })

  it('takes out what looks like a prompt or an answer', () => {
    expect(redact("bad request: {'role': 'user', 'content': 'my secret plan'}")).toBe(
      "bad request: {'role': 'user', 'content': …}",
    )
    expect(redact(`invalid "${'long text '.repeat(9)}" given`)).toBe('invalid "…" given')
    expect(redact('messages=[{"role":"user"}] rejected')).toBe('messages=… rejected')
  })

  it('keeps an ordinary error as it is', () => {
    const text = 'litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached'
    expect(redact(text)).toBe(text)
  })

  it('never exceeds its limit, never throws and never leaves half a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), fc.integer({ min: 1, max: 300 }), (text, limit) => {
        const out = redact(text, limit)
        expect(out.length).toBeLessThanOrEqual(limit)
        expect(out).not.toMatch(/\p{Surrogate}/u)
      }),
    )
  })

  it('is quick on a text of ten megabytes', () => {
    expect(redact('x'.repeat(10_000_000)).length).toBe(300)
  })
})

describe('sensitive', () => {
  it.each(['sk-1234567890', 'pk-lf-12345678', 'bob@example.com', 'AKIAABCDEFGHIJKLMNOP', 'ghp_0123456789abcdef'])(
    'knows %s',
    (text) => expect(sensitive(text)).toBe(true),
  )

  it.each(['acme', 'tier_1', 'task-12', 'sk', 'risk-assessment', 'a@b'])('lets %s be', (text) =>
    expect(sensitive(text)).toBe(false),
  )
})

describe('plain', () => {
  it('strips control, zero-width and direction characters', () => {
    expect(plain(' a\u0000b\u202ec\n\td\u200b ')).toBe('a b c d')
  })
})
