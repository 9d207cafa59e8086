import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Policy, Threshold } from './policy.ts'
import { formatHint, formatProblem } from './problem.ts'
import { readPolicy } from './read.ts'

const ENV = { LITELLM_KEY: 'sk', READER: 'r', INGEST: 'i', GATEWAY: 'g', ADMIN: 'a' }

function policyOf(text: string, env: Record<string, string> = ENV): Policy {
  const { policy, problems } = readPolicy(text, { file: 'f', env })
  if (!policy) throw new Error(problems.map(formatProblem).join('\n'))
  return policy
}

const FULL = policyOf(readFileSync(new URL('fixtures/good/full.yaml', import.meta.url), 'utf8'))
const STEPS: readonly Threshold[] = [
  { at: 5000, do: 'log', severity: 'info', channels: [] },
  { at: 8000, do: 'notify', severity: 'warning', channels: ['slack', 'email'] },
  { at: 9500, do: 'degrade', severity: 'warning', channels: [] },
  { at: 10_000, do: 'block', severity: 'critical', channels: [] },
]
const LADDER = { period: 'month', thresholds: STEPS, grace: 0, carryOver: 0 }

describe('the budgets of an empty file', () => {
  const { budgets } = policyOf('')

  test('have the ladder 50 % log, 80 % notify, 95 % degrade, 100 % block for a customer and month, and no limit', () => {
    expect(budgets.customer).toEqual(LADDER)
    expect(budgets).toMatchObject({ customers: {}, tenantDay: null, tiers: {}, global: [], unknownCustomers: null })
  })

  test('limit an agent to $50 a month, with a pause at 110 %', () => {
    expect(budgets.agent).toEqual({
      limit: 50_000_000_000n,
      period: 'month',
      thresholds: [
        { at: 5000, do: 'log', severity: 'info', channels: [] },
        { at: 7500, do: 'log', severity: 'info', channels: [] },
        { at: 9000, do: 'notify', severity: 'warning', channels: ['slack', 'email'] },
        { at: 10_000, do: 'pause', severity: 'critical', channels: ['slack', 'pagerduty', 'email'] },
      ],
      grace: 1000,
      carryOver: 0,
    })
  })

  test('limit a session to $0.50, 50,000 tokens a minute and 100 calls, with a warning above $0.30', () => {
    const session = { limit: 500_000_000n, warn: 300_000_000n, tokensPerMinute: 50_000, calls: 100 }
    expect(budgets.session).toEqual(session)
  })

  test('tell of five sums of spend', () => {
    const told = budgets.spend.map(({ name, usd, period, severity }) => [name, usd / 1_000_000_000n, period, severity])
    expect(told).toEqual([
      ['high_daily_cost', 100n, 'day', 'warning'],
      ['critical_daily_cost', 500n, 'day', 'critical'],
      ['high_conversation_cost', 10n, 'conversation', 'warning'],
      ['high_weekly_cost', 500n, 'week', 'warning'],
      ['tenant_daily_cost', 10n, 'tenant-day', 'warning'],
    ])
    expect(budgets.spend.map(({ message }) => message)).toEqual([
      'Daily cost threshold exceeded: {cost} > {threshold}',
      'Daily cost threshold exceeded: {cost} > {threshold}',
      'Conversation cost threshold exceeded: {cost} > {threshold}',
      'Weekly cost threshold exceeded: {cost} > {threshold}',
      'Daily cost threshold of {subject} exceeded: {cost} > {threshold}',
    ])
  })

  test('let through what cannot be judged, charge what was never heard of, and leave LiteLLM’s own budgets alone', () => {
    expect(budgets).toMatchObject({
      cooldownMs: 3_600_000,
      onUnreachable: 'allow',
      unpriced: 'allow',
      unsettled: 'charge',
      undegradable: 'allow',
      holdAllowanceMs: 120_000,
      minOutputTokens: 256,
      clientFallbacks: false,
      backstop: null,
      messages: [],
    })
  })
})

describe('budgets that a file names', () => {
  test('are taken at their word, shares in hundredths of a percent', () => {
    const { customer, customers, tenantDay, agent, agents, session } = FULL.budgets
    expect(customer).toEqual({
      period: 'week',
      thresholds: [
        { at: 3333, do: 'notify', severity: 'info', channels: ['ops'] },
        { at: 10_000, do: 'block', severity: 'critical', channels: [] },
      ],
      grace: 1,
      carryOver: 2500,
    })
    expect(customers).toEqual({ '007': 20_000_000_000n })
    expect(tenantDay).toEqual({ limit: 3_000_000_000n, period: 'day', thresholds: [], grace: 500, carryOver: 1000 })
    const pause = { at: 10_000, do: 'pause', severity: 'critical', channels: [] }
    expect(agent).toEqual({ limit: 20_000_000_000n, period: 'day', thresholds: [pause], grace: 0, carryOver: 0 })
    expect(agents).toEqual({ nightly: 100_000_000_000n })
    expect(session).toEqual({ limit: null, warn: 1_000_000_000n, tokensPerMinute: null, calls: 7 })
  })

  test('have the built-in ladder where they say none', () => {
    const { tiers, global, unknownCustomers } = FULL.budgets
    const degrade = { at: 9000, do: 'degrade', severity: 'warning', channels: [] }
    expect(tiers).toEqual({ scale: { ...LADDER, limit: 4_000_000_000_000n, thresholds: [degrade] } })
    const notify = { at: 8000, do: 'notify', severity: 'warning', channels: [] }
    expect(global).toEqual([
      { ...LADDER, limit: 1_000_000_000_000n, period: 'day', thresholds: [notify], grace: 100 },
      { ...LADDER, limit: 20_000_000_000_000n },
    ])
    const block = { at: 10_000, do: 'block', severity: 'warning', channels: [] }
    expect(unknownCustomers).toEqual({ ...LADDER, limit: 100_000_000_000n, period: 'day', thresholds: [block] })
  })

  test('are taken at their word in all else', () => {
    const { spend, messages, ...rest } = FULL.budgets
    const month = { name: 'high_monthly_cost', usd: 2_500_000_000_000n, period: 'month', severity: 'warning' }
    expect(spend).toEqual([
      { ...month, channels: [], message: 'Monthly cost threshold exceeded: {cost} > {threshold}' },
      {
        name: 'dear_customer',
        usd: 500_000_000n,
        period: 'tenant-day',
        severity: 'critical',
        channels: ['slack'],
        message: '{name}: {subject} {cost} {threshold} {period}',
      },
    ])
    expect(messages).toEqual([
      { for: 'customer', tier: 'starter', language: 'pt-BR', text: 'Volte em {reset_date}: {tier}.' },
      { for: null, tier: null, language: null, text: 'Come back later.' },
    ])
    expect(rest).toMatchObject({
      cooldownMs: 0,
      onUnreachable: 'block',
      unpriced: 'block',
      unsettled: 'release',
      undegradable: 'block',
      holdAllowanceMs: 90_000,
      minOutputTokens: 64,
      clientFallbacks: true,
      backstop: { above: 1250, everyMs: 60_000 },
    })
  })

  test('leave out sessions or agents altogether by one word', () => {
    const none = { limit: null, warn: null, tokensPerMinute: null, calls: null }
    expect(policyOf('budgets: { session: none }').budgets.session).toEqual(none)
    expect(policyOf('budgets: { agent: none }').budgets.agent).toBeNull()
  })

  test('come with cheaper models in the file’s order, and with routes', () => {
    expect(FULL.degrade).toEqual([
      { from: 'gpt-*', to: 'on' },
      { from: 'gemini', to: 'local' },
    ])
    expect(FULL.routes).toEqual({
      byQueryType: {
        simple_lookup: { model: 'local', expected: [1_000_000n, 5_000_000n] },
        analysis: { model: 'gemini', expected: null },
      },
      otherwise: { model: 'gpt-4o', expected: null },
    })
  })
})

describe('AGENT_MAX_MONTHLY_COST_USD', () => {
  const agent = (text: string, limit: string) => policyOf(text, { AGENT_MAX_MONTHLY_COST_USD: limit }).budgets.agent

  test('stands over the built-in $50, and under what the file says', () => {
    expect(agent('', '75.50')?.limit).toBe(75_500_000_000n)
    expect(agent('', '')?.limit).toBe(50_000_000_000n)
    expect(agent('budgets: { agent: { grace: 0% } }', '75')).toMatchObject({ limit: 75_000_000_000n, grace: 0 })
    expect(agent('budgets: { agent: { limit_usd: 20 } }', '75')?.limit).toBe(20_000_000_000n)
    expect(agent('budgets: { agent: none }', '75')).toBeNull()
  })

  test('is no limit of another period', () => {
    const { problems } = readPolicy('budgets: { agent: { period: day } }', {
      file: 'f',
      env: { AGENT_MAX_MONTHLY_COST_USD: '75' },
    })
    expect(problems?.map(formatProblem)).toEqual([
      'f:1:12: budgets.agent.limit_usd: missing, expected dollars above 0, e.g. 8 or 0.50',
    ])
  })

  test('is refused in a sentence when it is no amount', () => {
    const { problems } = readPolicy('budgets:\n  agent:\n    grace: 5%\n', {
      file: 'f',
      env: { AGENT_MAX_MONTHLY_COST_USD: 'lots' },
    })
    expect(problems?.map(formatProblem)).toEqual([
      'f:2:3: budgets.agent.limit_usd: the environment variable AGENT_MAX_MONTHLY_COST_USD is the default of this: found "lots", expected dollars above 0, e.g. 8 or 0.50',
    ])
  })
})

describe('hints', () => {
  function hints(text: string): string[] {
    const { hints, problems } = readPolicy(text, { file: 'f', env: ENV })
    expect(problems?.map(formatProblem)).toBeUndefined()
    return (hints ?? []).map(formatHint)
  }
  /** A file with one threshold of spend and the caps that stand beside it. */
  const spend = (period: string, caps: string) =>
    hints(`budgets: { spend: [{ name: s, usd: 100, period: ${period} }], ${caps} }`).map((hint) =>
      hint.replace('f:1:20: budgets.spend[0]: hint: ', ''),
    )

  test('name a sum of a conversation that the session’s cap keeps from being reached, and none with the cap off', () => {
    const session = 'session: { limit_usd: 0.50 }'
    expect(spend('conversation', session)).toEqual([
      's at $100 is never reached: budgets.session stops a conversation at $0.50',
    ])
    expect(spend('conversation', 'session: { limit_usd: 100 }')).toEqual([])
    expect(spend('conversation', 'session: { limit_usd: none }')).toEqual([])
    expect(spend('conversation', 'session: none')).toEqual([])
    expect(spend('day', session)).toEqual([])
  })

  test.each([
    ['day', 'day', 99, 'budgets.total[0] stops all calls of a day at $99'],
    ['day', 'month', 99, 'budgets.total[0] stops all calls of a month at $99'],
    ['week', 'day', 14, 'budgets.total[0] stops all calls of a day at $14'],
    ['week', 'day', 15, null],
    ['week', 'month', 49, 'budgets.total[0] stops all calls of a month at $49'],
    ['week', 'month', 51, null],
    ['month', 'day', 3, 'budgets.total[0] stops all calls of a day at $3'],
    ['month', 'week', 17, null],
    ['tenant-day', 'week', 99, 'budgets.total[0] stops all calls of a week at $99'],
    ['day', 'day', 100, null],
  ])('judge a sum of a %s by what all calls of a %s may cost: $%d', (period, capped, usd, why) => {
    const total = `total: [{ limit_usd: ${usd}, period: ${capped} }]`
    expect(spend(period, total)).toEqual(why === null ? [] : [`s at $100 is never reached: ${why}`])
  })

  test('count the grace and what may be carried over, and no budget that only tells', () => {
    expect(spend('day', 'total: [{ limit_usd: 90, period: day, grace: 12% }]')).toEqual([])
    expect(spend('day', 'total: [{ limit_usd: 90, period: day, carry_over: 12% }]')).toEqual([])
    expect(spend('day', 'total: [{ limit_usd: 90, period: day, thresholds: [{ at: 50%, do: notify }] }]')).toEqual([])
  })

  test('judge a customer’s day by its own cap, and by the months of all customers when each has one', () => {
    expect(spend('tenant-day', 'tenant_day: { limit_usd: 3 }')).toEqual([
      's at $100 is never reached: budgets.tenant_day stops a customer at $3',
    ])
    const plans = (more: string, budget = ', budget_usd: 18') =>
      hints(
        `tiers: { a: { price_usd: 9, budget_usd: 8 }, b: { price_usd: 9${budget} } }\n` +
          `budgets: { spend: [{ name: s, usd: 20, period: tenant-day }], ${more} }`,
      )
    const unknown = 'unknown_customers: { limit_usd: 5 }'
    expect(plans(unknown)).toEqual([
      "f:2:20: budgets.spend[0]: hint: s at $20 is never reached: no customer's month goes beyond $18",
    ])
    expect(plans(`${unknown}, customers: { acme: { limit_usd: 21 } }`)).toEqual([])
    expect(plans(unknown, '')).toEqual([])
    expect(plans('cooldown: 1m')).toEqual([])
  })

  test('name shares beyond the one where calls stop, and a warning beyond the session’s cap', () => {
    const text = `budgets:
  spend: []
  customer:
    thresholds: [{ at: 100%, do: block }, { at: 105%, do: notify }, { at: 110.01%, do: log }]
    grace: 10%
  session: { limit_usd: 0.50, warn_usd: 0.60 }
`
    expect(hints(text)).toEqual([
      'f:4:69: budgets.customer.thresholds[2]: hint: 110.01% is never reached: calls stop at 110%',
      'f:6:41: budgets.session.warn_usd: hint: a warning at $0.60 is never given: the session stops at $0.50',
    ])
  })

  test('say of a cheaper model that it may not be cheaper, when that depends on the call', () => {
    const text = `budgets: { spend: [] }
prices: { overrides: [{ model: a, input_usd_per_million: 1, output_usd_per_million: 10 }, { model: b, input_usd_per_million: 2, output_usd_per_million: 5 }] }
degrade: { a: b }
`
    expect(hints(text)).toEqual([
      'f:3:15: degrade.a: hint: whether b is cheaper than a depends on the call: $2 against $1 for a million tokens of input, but $5 against $10 for a million tokens of output',
    ])
  })

  test('are none of the defaults but the one that the session’s cap gives cause to', () => {
    expect(hints('')).toEqual([
      'f:1:1: budgets.spend[2]: hint: high_conversation_cost at $10 is never reached: budgets.session stops a conversation at $0.50',
    ])
  })
})
