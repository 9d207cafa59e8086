import { describe, expect, it } from 'vitest'
import { policyOf, USD } from '../../test/budgets/support.ts'
import { MESSAGE_REASONS, type MessageRule } from '../policy/policy.ts'
import { type MessageFor, messageFor } from './messages.ts'

const rule = (text: string, over: Partial<MessageRule> = {}): MessageRule => ({
  for: null,
  tier: null,
  language: null,
  text,
  ...over,
})
const ask: MessageFor = { reason: 'customer', tier: 'tier_1', language: null, resetAt: Date.UTC(2026, 11, 1) }
const say = (messages: readonly MessageRule[], over: Partial<MessageFor> = {}, timezone = 'UTC') =>
  messageFor(policyOf(USD, { messages }, { timezone }), { ...ask, ...over })

describe('what a refused caller reads', () => {
  it('says when it starts afresh, as a date in the policy’s zone', () => {
    expect(say([])).toBe('You have used all that your plan includes for now. It starts afresh on December 1, 2026.')
    expect(say([], { resetAt: Date.UTC(2026, 10, 30, 23) }, 'Europe/Berlin')).toContain('December 1, 2026')
    expect(say([], { resetAt: Date.UTC(2026, 11, 1) }, 'America/New_York')).toContain('November 30, 2026')
  })

  it('says later where nobody knows when', () => {
    expect(say([rule('again {reset_date}, {tier}, {else}')], { resetAt: null })).toBe('again later, tier_1, {else}')
  })

  it('is in the policy’s words: those for the reason before those for the tier before those for the language', () => {
    const words = [
      rule('any'),
      rule('german', { language: 'de' }),
      rule('tier', { tier: 'tier_1' }),
      rule('reason', { for: 'customer' }),
      rule('reason and tier', { for: 'customer', tier: 'tier_1' }),
      rule('other reason', { for: 'session', tier: 'tier_1', language: 'de' }),
    ]
    expect(say(words)).toBe('reason and tier')
    expect(say(words, { tier: 'tier_2' })).toBe('reason')
    expect(say(words, { reason: 'global' })).toBe('tier')
    expect(say(words, { reason: 'global', tier: null, language: 'de' })).toBe('german')
    expect(say(words, { reason: 'global', tier: null, language: 'fr' })).toBe('any')
  })

  it('is in German for who asks for Swiss German, with the date in German, and not the other way round', () => {
    const words = [rule('ab {reset_date}', { language: 'de' }), rule('from {reset_date}')]
    expect(say(words, { language: 'de-CH' })).toBe('ab 1. Dezember 2026')
    expect(say(words, { language: 'DE' })).toBe('ab 1. Dezember 2026')
    expect(say(words, { language: 'den' })).toBe('from December 1, 2026')
    expect(say([rule('x', { language: 'de-CH' })], { language: 'de' })).not.toBe('x')
  })

  it('has words for every reason, survives a language that is none, and never speaks of money', () => {
    for (const reason of MESSAGE_REASONS) {
      const text = say([], { reason, language: 'xx-invalid-language-tag-x' })
      expect(text.length).toBeGreaterThan(20)
      expect(text).not.toMatch(/\$|\bcost|\d\.\d\d/i)
      expect(text).not.toContain('{')
    }
    expect(say([rule('{reset_date}')], { language: 'x!' })).toBe('December 1, 2026')
  })

  it('leaves a place that it does not know as it stands, whatever objects call it', () => {
    expect(say([rule('{constructor} {toString}')])).toBe('{constructor} {toString}')
  })
})
