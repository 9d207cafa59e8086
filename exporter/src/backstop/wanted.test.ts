import { describe, expect, it } from 'vitest'
import { NO_BUDGETS } from '../../test/support/no-budgets.ts'
import { plan, policyWith } from '../../test/support/world.ts'
import type { BudgetPolicy, Ladder, Policy, Threshold, ThresholdAction } from '../policy/policy.ts'
import { wantedOf } from './wanted.ts'

const NOW = Date.UTC(2026, 10, 22, 10)
const DOLLAR = 1_000_000_000n
const at = (share: number, action: ThresholdAction): Threshold => ({
  at: share,
  do: action,
  severity: 'info',
  channels: [],
})
const LADDER: Ladder = {
  period: 'month',
  thresholds: [at(8000, 'notify'), at(9500, 'degrade'), at(10_000, 'block')],
  grace: 0,
  carryOver: 0,
}
const TIERS: Policy['tiers'] = {
  tier_1: plan(29n * DOLLAR, 8n * DOLLAR),
  tier_2: plan(99n * DOLLAR, 35n * DOLLAR),
  free: plan(0n),
}

function policy(budgets: Partial<BudgetPolicy> = {}, change: Partial<Policy> = {}): Policy {
  const backstop = { above: 500, everyMs: 60_000 }
  return policyWith({ tiers: TIERS, budgets: { ...NO_BUDGETS, customer: LADDER, backstop, ...budgets }, ...change })
}
const wanted = (one: Policy, known: Record<string, string | null> = {}, now = NOW) =>
  wantedOf({ policy: one, known: new Map(Object.entries(known)), now })
const limits = (one: Policy) =>
  Object.fromEntries([...wanted(one).budgets.values()].map(({ id, limit }) => [id, limit]))

describe('what is wanted of LiteLLM', () => {
  it('is a limit for each tier with a budget, and for each customer with one of its own, so much above ours', () => {
    expect(limits(policy({ customers: { 'acme corp': 100n * DOLLAR } }))).toEqual({
      'marginwatch:1mo:tier:tier_1': 8_400_000_000n,
      'marginwatch:1mo:tier:tier_2': 36_750_000_000n,
      'marginwatch:1mo:customer:acme%20corp': 105n * DOLLAR,
    })
  })

  it('lies above where our own limit stops calls, grace and what was carried over included', () => {
    const limit = (ladder: Partial<Ladder>) =>
      limits(policy({ customer: { ...LADDER, ...ladder } }))['marginwatch:1mo:tier:tier_1']
    expect(limit({ grace: 1000 })).toBe(9_240_000_000n)
    expect(limit({ carryOver: 5000 })).toBe(12_600_000_000n)
    expect(limit({ thresholds: [at(9000, 'block'), at(12_000, 'block')] })).toBe(7_560_000_000n)
    expect(limit({ thresholds: [at(10_000, 'degrade')] })).toBeUndefined()
  })

  it('has the period of the policy, and its end in the zone of the policy', () => {
    const period = (one: Policy) => wanted(one).period
    const zone = { timezone: 'Europe/Berlin' }
    expect(period(policy({}, zone))).toEqual({ duration: '1mo', end: Date.UTC(2026, 10, 30, 23) })
    expect(period(policy({ customer: { ...LADDER, period: 'week' } }))).toEqual({
      duration: '7d',
      end: Date.UTC(2026, 10, 23),
    })
    expect(period(policy({ customer: { ...LADDER, period: 'day' } }, zone))).toEqual({
      duration: '1d',
      end: Date.UTC(2026, 10, 22, 23),
    })
  })

  it('puts each customer into the budget of its tier at the moment, by the policy before what is known otherwise', () => {
    const customers = [
      { id: 'acme', tier: 'tier_1', from: null, to: NOW },
      { id: 'acme', tier: 'tier_2', from: NOW, to: null },
      { id: 'beta', tier: 'free', from: null, to: null },
    ].map((entry) => ({ ...entry, price: null, trialUntil: null }))
    const of = (now: number) =>
      wanted(policy({}, { customers }), { acme: 'tier_1', gamma: 'tier_1', delta: null }, now).customers
    expect(of(NOW - 1).get('acme')).toEqual({ budget: 'marginwatch:1mo:tier:tier_1', named: true })
    expect(of(NOW).get('acme')).toEqual({ budget: 'marginwatch:1mo:tier:tier_2', named: true })
    expect(of(NOW).get('beta')).toEqual({ budget: null, named: true })
    expect(of(NOW).get('gamma')).toEqual({ budget: 'marginwatch:1mo:tier:tier_1', named: false })
    expect(of(NOW).get('delta')).toEqual({ budget: null, named: false })
  })

  it('sets a limit of its own over that of the tier', () => {
    const { customers } = wanted(policy({ customers: { acme: DOLLAR } }), { acme: 'tier_2' })
    expect(customers.get('acme')).toEqual({ budget: 'marginwatch:1mo:customer:acme', named: true })
  })

  it('is nothing without a backstop', () => {
    expect(wanted(policy({ backstop: null }), { acme: 'tier_1' })).toEqual({
      budgets: new Map(),
      customers: new Map(),
      period: null,
      note: null,
    })
  })

  it('is nothing where LiteLLM would count what is free here, or knows customers by no name of ours; and says so', () => {
    const prices: Policy['prices'] = { profile: 'development', overrides: [] }
    expect(wanted(policy({}, { prices }))).toMatchObject({ period: null, note: expect.stringContaining('is free') })
    const attribution = { ...policy().attribution, customer: [{ in: 'tag', name: 'customer_id' }] } as const
    expect(wanted(policy({}, { attribution }))).toMatchObject({
      period: null,
      note: expect.stringContaining("'end_user'"),
    })
  })

  it('does not take names of tiers from traffic for more than names', () => {
    expect(wanted(policy(), { acme: 'constructor', beta: '__proto__' }).customers.get('acme')?.budget).toBeNull()
  })
})
