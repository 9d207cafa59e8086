import { expect, it } from 'vitest'
import { LADDER, limited, policyOf, USD } from '../../test/budgets/support.ts'
import { compileBudgets } from './compiled.ts'

const none = () => 0n

it('finds the limit of a customer before that of its tier, and none for who has neither', () => {
  const budgets = compileBudgets(policyOf(8n * USD, { customers: { big: 100n * USD } }))
  expect(budgets.customer('acme', 'tier_1', none)?.limit).toBe(8n * USD)
  expect(budgets.customer('big', 'tier_1', none)?.limit).toBe(100n * USD)
  expect(budgets.customer('big', null, none)?.limit).toBe(100n * USD)
  expect(budgets.customer('acme', 'tier_9', none)).toBeNull()
  expect(budgets.customer('acme', null, none)).toBeNull()
})

it('knows a customer by its tier or its own limit, and is not fooled by names of objects', () => {
  const own = Object.assign(Object.create(null) as Record<string, bigint>, { big: USD })
  const { tiers } = policyOf(USD)
  const budgets = compileBudgets(
    policyOf(USD, { customers: own }, { tiers: Object.assign(Object.create(null) as object, tiers) }),
  )
  expect(budgets.knows('big', null)).toBe(true)
  expect(budgets.knows('acme', 'tier_1')).toBe(true)
  expect(budgets.knows('acme', 'gold')).toBe(false)
  expect(budgets.knows('constructor', 'toString')).toBe(false)
  expect(budgets.customer('constructor', '__proto__', none)).toBeNull()
})

it('adds what was left of the period before, no more than the share that may be carried over', () => {
  const budgets = compileBudgets(policyOf(100n, { customer: { ...LADDER, carryOver: 2_000 } }))
  expect(budgets.customer('acme', 'tier_1', none)?.limit).toBe(100n)
  expect(budgets.customer('acme', 'tier_1', () => 7n)?.limit).toBe(107n)
  expect(budgets.customer('acme', 'tier_1', () => 90n)?.limit).toBe(120n)
  expect(budgets.customer('acme', 'tier_1', () => 90n)?.line).toBe(120n)
})

it('gives an agent what an administrator set, else its own limit, else the common one, else no budget', () => {
  const budgets = compileBudgets(policyOf(null, { agent: limited(50n), agents: { nightly: 5n } }))
  expect(budgets.agent('nightly', 9n)?.limit).toBe(9n)
  expect(budgets.agent('nightly', null)?.limit).toBe(5n)
  expect(budgets.agent('other', null)?.limit).toBe(50n)
  expect(budgets.agent('other', 0n)?.limit).toBe(0n)
  expect(compileBudgets(policyOf(null)).agent('nightly', 9n)).toBeNull()
})

it('keeps spend thresholds beside the budgets of everything, of a day and of a conversation', () => {
  const one = { severity: 'info', channels: [], message: '' } as const
  const budgets = compileBudgets(
    policyOf(null, {
      global: [limited(1_000n)],
      tenantDay: limited(10n, { period: 'day' }),
      tiers: { tier_1: limited(500n) },
      unknownCustomers: limited(3n),
      spend: [
        { name: 'week', usd: 5n, period: 'week', ...one },
        { name: 'talk', usd: 6n, period: 'conversation', ...one },
        { name: 'tenant', usd: 7n, period: 'tenant-day', ...one },
      ],
    }),
  )
  expect(budgets.global.map(({ limit, period }) => [limit, period])).toEqual([
    [1_000n, 'month'],
    [5n, 'week'],
  ])
  expect(budgets.tenantDay.map(({ limit, period, scope }) => [limit, period, scope])).toEqual([
    [10n, 'day', 'tenant_day'],
    [7n, 'day', 'tenant_day'],
  ])
  expect(budgets.conversation.map(({ limit }) => limit)).toEqual([6n])
  expect(budgets.tier('tier_1')).toMatchObject({ scope: 'tier', limit: 500n })
  expect(budgets.tier('tier_2')).toBeNull()
  expect(budgets.unknownCustomers).toMatchObject({ scope: 'unknown_customers', limit: 3n })
  expect(budgets.session).toBeNull()
})
