import { nano } from '@marginwatch/pricing'
import { describe, expect, it } from 'vitest'
import { action, crossing } from '../../../test/support/entries.ts'
import { actionText, crossingText } from './sentence.ts'

describe('a crossing in words', () => {
  it.each([
    [
      crossing('a', { threshold: 9_500, action: 'degrade', spent: nano('7.612'), held: nano('0.12') }),
      'Customer acme has reached 95 % of its limit: $7.61 of $8.00 in its month, and $0.12 is held for calls under way. Its calls go to a cheaper model where there is one.',
    ],
    [
      crossing('b', { scope: 'agent', subject: 'nightly', threshold: 11_000, action: 'pause', held: 0n }),
      'Agent nightly has reached 110 % of its limit: $6.40 of $8.00 in its month. It is paused: its calls are refused until somebody resumes it.',
    ],
    [
      crossing('c', {
        scope: 'session',
        subject: 'acme/s-1',
        session: 's-1',
        period: 'session',
        action: 'block',
        held: 0n,
      }),
      'Session s-1 of acme has reached 80 % of its limit: $6.40 of $8.00. Its calls are refused.',
    ],
    [
      crossing('d', { scope: 'tenant_day', period: 'day', action: 'block', held: 0n }),
      'The day of customer acme has reached 80 % of its limit: $6.40 of $8.00. Its calls are refused until the period ends or the limit is raised.',
    ],
    [
      crossing('e', { scope: 'unknown_customers', subject: '', threshold: 5_050, action: 'log', held: 0n }),
      'The sum of all unknown customers has reached 50.5 % of its limit: $6.40 of $8.00 in its month.',
    ],
    [
      crossing('f', {
        scope: 'global',
        subject: '',
        period: 'day',
        name: 'high_daily_cost',
        threshold: 10_000,
        held: 0n,
      }),
      'The sum of all calls has reached high_daily_cost: $6.40 spent in its day, the threshold is $8.00.',
    ],
  ])('says who, how far and what is done: %#', (entry, text) => {
    expect(crossingText(entry)).toBe(text)
  })

  it("of a spend threshold is the policy's message", () => {
    const message = 'Daily cost threshold exceeded: $12.50 > $10.00'
    expect(crossingText(crossing('a', { name: 'high_daily_cost', message }))).toBe(message)
    expect(crossingText(crossing('a', { name: 'high_daily_cost', message, action: 'block' }))).toBe(
      `${message}. Its calls are refused until the period ends or the limit is raised.`,
    )
    expect(crossingText(crossing('a', { message }))).not.toContain(message)
  })
})

describe('an action in words', () => {
  it.each([
    [action('a'), 'Agent nightly was paused and its calls are refused, by ada: it loops'],
    [action('b', { action: 'unpause', reason: '' }), 'Agent nightly was resumed, by ada'],
    [
      action('c', { action: 'budget', reason: 'launch', details: { limit: '75000000000' } }),
      'Agent nightly has a new limit of $75.00, by ada: launch',
    ],
    [
      action('d', { action: 'reset', reason: '' }),
      'Agent nightly begins its period afresh, with nothing spent, by ada',
    ],
    [
      action('e', { subject: 'customer:acme', action: 'rename', reason: 'merged' }),
      'Customer:acme was changed (rename), by ada: merged',
    ],
  ])('says what was done, by whom and why: %#', (entry, text) => {
    expect(actionText(entry)).toBe(text)
  })
})
