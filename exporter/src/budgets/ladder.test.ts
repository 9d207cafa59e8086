import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LADDER, threshold, USD } from '../../test/budgets/support.ts'
import { NO_BUDGETS } from '../../test/support/no-budgets.ts'
import { budgetOf, RUNAWAY, sessionBudget, shareOf, spendBudgets } from './ladder.ts'

describe('a ladder', () => {
  it('rounds a share up, so that whoever has spent it has reached it', () => {
    expect(shareOf(100n, 9_500)).toBe(95n)
    expect(shareOf(99n, 9_500)).toBe(95n)
    expect(shareOf(1n, 1)).toBe(1n)
    expect(shareOf(0n, 9_500)).toBe(0n)
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 15n }), fc.nat(20_000), (amount, share) => {
        const found = shareOf(amount, share)
        expect(found * 10_000n >= amount * BigInt(share)).toBe(true)
        expect(found === 0n || (found - 1n) * 10_000n < amount * BigInt(share)).toBe(true)
      }),
    )
  })

  it('becomes amounts: cheaper models from its degrade threshold, the end at its block threshold', () => {
    const budget = budgetOf('customer', LADDER, 8n * USD)
    expect(budget.rungs.map(({ amount, do: what }) => [amount, what])).toEqual([
      [4n * USD, 'log'],
      [6_400_000_000n, 'notify'],
      [7_600_000_000n, 'degrade'],
      [8n * USD, 'block'],
    ])
    expect(budget).toMatchObject({ degradeAt: 7_600_000_000n, line: 8n * USD, period: 'month' })
    expect(budget.last?.do).toBe('block')
  })

  it('acts its grace beyond the threshold that stops, and tells of the threshold itself', () => {
    const agent = budgetOf('agent', { ...LADDER, thresholds: [threshold(10_000, 'pause')], grace: 1_000 }, 50n * USD)
    expect(agent.line).toBe(55n * USD)
    expect(agent.last).toMatchObject({ do: 'pause', amount: 50n * USD })
    expect(agent.degradeAt).toBeNull()
  })

  it('stops nothing without a threshold that blocks or pauses', () => {
    const budget = budgetOf('tier', { ...LADDER, thresholds: [threshold(8_000, 'notify')] }, USD)
    expect(budget).toMatchObject({ line: null, last: null, degradeAt: null })
  })

  it('sorts its thresholds by amount and stops at the first that stops', () => {
    const thresholds = [threshold(12_000, 'pause'), threshold(10_000, 'block'), threshold(5_000, 'log')]
    const budget = budgetOf('agent', { ...LADDER, thresholds }, 100n)
    expect(budget.rungs.map(({ at }) => at)).toEqual([5_000, 10_000, 12_000])
    expect(budget.line).toBe(100n)
  })
})

describe('spend thresholds', () => {
  const spend = [
    { name: 'a', usd: 5n, period: 'day', severity: 'warning', channels: ['slack'], message: 'x' },
    { name: 'b', usd: 6n, period: 'conversation', severity: 'info', channels: [], message: '' },
    { name: 'c', usd: 7n, period: 'tenant-day', severity: 'info', channels: [], message: '' },
  ] as const

  it('are each a budget of its own that tells and stops nothing', () => {
    const [only, ...others] = spendBudgets(spend, 'day', 'global')
    expect(others).toEqual([])
    expect(only).toMatchObject({ scope: 'global', period: 'day', limit: 5n, line: null, degradeAt: null })
    expect(only?.rungs).toEqual([
      { amount: 5n, at: 10_000, do: 'notify', severity: 'warning', channels: ['slack'], name: 'a', message: 'x' },
    ])
  })

  it('of a conversation count by session, of a tenant by its day', () => {
    expect(spendBudgets(spend, 'conversation', 'session')[0]?.period).toBe('session')
    expect(spendBudgets(spend, 'tenant-day', 'tenant_day')[0]?.period).toBe('day')
  })
})

describe('a session', () => {
  const of = (limit: bigint | null, warn: bigint | null) =>
    sessionBudget({ ...NO_BUDGETS, session: { limit, warn, tokensPerMinute: null, calls: null } })

  it('is capped at its limit and counts as runaway from its warning on', () => {
    expect(of(500n, 300n)).toMatchObject({ limit: 500n, line: 500n, period: 'session' })
    expect(of(500n, 300n)?.rungs.map(({ name, amount, at }) => [name, amount, at])).toEqual([
      [RUNAWAY, 300n, 6_000],
      ['', 500n, 10_000],
    ])
  })

  it('with a warning alone is never stopped, with neither has no budget, with a limit of nothing stops at once', () => {
    expect(of(null, 300n)).toMatchObject({ limit: 300n, line: null })
    expect(of(null, null)).toBeNull()
    expect(of(0n, null)).toMatchObject({ limit: 0n, line: 0n })
  })
})
