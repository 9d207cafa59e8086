import { describe, expect, it } from 'vitest'
import { asked, meterOf, NOON, policyOf, reading, USD, WALL } from '../../test/budgets/support.ts'
import { MESSAGE_REASONS, type Policy } from '../policy/policy.ts'
import { answerTo } from './answer.ts'
import type { Decided, Decision, MeterReading, Reason } from './ask.ts'
import { budgetOf } from './ladder.ts'
import type { Request } from './request.ts'

const spent = reading({ spent: 10n * USD }, budgetOf('customer', WALL, 10n * USD))
const decision = (over: Partial<Decision>): Decision => ({
  action: 'allow',
  reason: 'ok',
  model: 'gpt-4o',
  maxTokens: null,
  fallbacks: true,
  charges: [],
  tokens: 0,
  expected: { input: 0, output: 0 },
  because: null,
  retryAfterMs: null,
  readings: [],
  steps: [],
  ...over,
})
const request = (over: Partial<Request> = {}): Request => ({
  ask: asked(),
  asked: { who: asked().who, mark: (of) => (of === 'tier' ? null : `${of}=x`) },
  language: null,
  guard: false,
  ...over,
})
const answer = (over: Partial<Decision>, given: Partial<Request> = {}, policy: Policy = policyOf(USD)) =>
  answerTo(request(given), { ask: asked(), decision: decision(over), policy, at: NOON } as Decided) as Record<
    string,
    unknown
  >
const blocked = (reason: Reason, because: MeterReading | null = spent, over: Partial<Decision> = {}) =>
  answer({ action: 'block', reason, because, ...over })

describe('the answer', () => {
  it('tells a gateway, and no application, under which traceparent the call is to be traced', () => {
    const decided = { ask: asked(), decision: decision({}), policy: policyOf(USD), at: NOON } as Decided
    expect(answerTo(request(), decided, '00-a-b-01')).toMatchObject({ traceparent: '00-a-b-01' })
    expect(answerTo(request({ guard: true }), decided, '00-a-b-01')).not.toHaveProperty('traceparent')
    expect(answerTo(request(), decided, null)).not.toHaveProperty('traceparent')
  })

  it('to a call that goes as it is says little', () => {
    expect(answer({})).toMatchObject({
      version: 1,
      action: 'allow',
      reason: 'ok',
      fallbacks: 'keep',
      client_fallbacks: 'remove',
      unreachable: 'allow',
    })
    for (const name of ['model', 'max_tokens', 'refusal', 'remember']) expect(answer({})).not.toHaveProperty(name)
  })

  it('names another model, a bound and fallbacks that are off', () => {
    expect(answer({ action: 'degrade', model: 'gpt-4o-mini', maxTokens: 300, fallbacks: false })).toMatchObject({
      model: 'gpt-4o-mini',
      max_tokens: 300,
      fallbacks: 'off',
    })
    expect(blocked('customer')).not.toHaveProperty('model')
  })

  const STATUSES = {
    customer: [402, 'customer_budget_exceeded'],
    tenant_day: [402, 'daily_budget_exceeded'],
    agent: [402, 'agent_budget_exceeded'],
    agent_paused: [403, 'agent_paused'],
    session: [402, 'session_budget_exceeded'],
    session_calls: [429, 'session_call_limit'],
    session_rate: [429, 'session_rate_limited'],
    tier: [402, 'tier_budget_exceeded'],
    global: [402, 'budget_exceeded'],
    unknown_customers: [402, 'unknown_customers_budget_exceeded'],
    unpriced: [403, 'model_unpriced'],
    undegradable: [402, 'no_cheaper_model'],
    unreachable: [503, 'decision_unavailable'],
  } as const
  it.each(MESSAGE_REASONS)('to a refusal for %s has its status and type, and not a word of what we pay', (reason) => {
    const { refusal } = blocked(reason as Reason) as { refusal: { status: number; type: string; message: string } }
    expect([refusal.status, refusal.type]).toEqual(STATUSES[reason])
    expect(refusal.message).not.toMatch(/\$|10\.00|usd/i)
  })

  it('says when to try again: after the reset, or after the wait of a session', () => {
    const refusal = (of: unknown) => (of as { refusal: { retry_after?: number } }).refusal
    expect(refusal(blocked('customer')).retry_after).toBe(((spent.meter.end ?? 0) - NOON) / 1_000)
    expect(refusal(blocked('session_rate', null, { retryAfterMs: 1_200 })).retry_after).toBe(2)
    expect(refusal(blocked('agent_paused', null))).not.toHaveProperty('retry_after')
  })
})

describe('what a gateway may remember', () => {
  it('is a refusal of which a smaller call would be told the same, by marks that lead to whom it is for', () => {
    expect(blocked('customer').remember).toEqual({
      seconds: 30,
      when: ['customer=x'],
      model: 'gpt-4o',
      scope: 'customer',
      subject: 'acme',
    })
    expect(blocked('agent_paused', null).remember).toMatchObject({ when: ['agent=x'], scope: 'agent' })
    expect(blocked('session').remember).toMatchObject({ when: ['customer=x', 'session=x'] })
    expect(
      blocked('global', { ...spent, meter: meterOf(budgetOf('global', WALL, 10n * USD), '') }).remember,
    ).toMatchObject({ when: [] })
  })

  it('is not a refusal of a call that was only too large', () => {
    expect(blocked('customer', { ...spent, spent: 9n * USD, held: USD })).not.toHaveProperty('remember')
  })

  it('is not what no mark leads to, and not what passes by itself', () => {
    for (const reason of ['tier', 'unknown_customers', 'undegradable', 'unpriced'] as const)
      expect(blocked(reason)).not.toHaveProperty('remember')
  })

  it('does not outlive the period', () => {
    const meter = { ...spent.meter, end: NOON + 7_500 }
    expect(blocked('customer', { ...spent, meter }).remember).toMatchObject({ seconds: 7 })
    expect(blocked('customer', { ...spent, meter: { ...meter, end: NOON + 900 } })).not.toHaveProperty('remember')
  })

  it('is never that a call was let go', () => {
    expect(answer({})).not.toHaveProperty('remember')
  })

  it('is every answer for an application that asks for itself, but a wait', () => {
    expect(answer({}, { guard: true }).remember).toMatchObject({ seconds: 300, scope: 'customer', subject: 'acme' })
    expect(
      answer({ action: 'block', reason: 'session_rate', retryAfterMs: 5 }, { guard: true }).remember,
    ).toBeUndefined()
  })
})
