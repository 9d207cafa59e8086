import { openPriceBook } from '@marginwatch/pricing'
import type { Ask, AskedBy, Meter, MeterReading } from '../../src/budgets/ask.ts'
import { type Budget, budgetOf } from '../../src/budgets/ladder.ts'
import type { BudgetPolicy, Ladder, LimitedLadder, Policy, Threshold } from '../../src/policy/policy.ts'
import { NO_BUDGETS } from '../support/no-budgets.ts'
import { plan, policyWith } from '../support/world.ts'

export const BOOK = openPriceBook()
export const USD = 1_000_000_000n
/** Noon of 10 November 2026, UTC. */
export const NOON = Date.UTC(2026, 10, 10, 12)

export const WHO: AskedBy = {
  customer: 'acme',
  tier: 'tier_1',
  user: null,
  session: null,
  agent: null,
  trace: null,
  queryType: null,
}

export function threshold(at: number, what: Threshold['do']): Threshold {
  return { at, do: what, severity: 'info', channels: [] }
}

/** Log at 50 %, tell at 80 %, a cheaper model at 95 %, nothing more at 100 %. */
export const LADDER: Ladder = {
  period: 'month',
  thresholds: [
    threshold(5_000, 'log'),
    threshold(8_000, 'notify'),
    threshold(9_500, 'degrade'),
    threshold(10_000, 'block'),
  ],
  grace: 0,
  carryOver: 0,
}
/** Nothing but the end. */
export const WALL: Ladder = { ...LADDER, thresholds: [threshold(10_000, 'block')] }

export function limited(limit: bigint, over: Partial<Ladder> = {}): LimitedLadder {
  return { ...LADDER, limit, ...over }
}

/** A policy in which `tier_1` includes a budget. */
export function policyOf(
  budget: bigint | null,
  budgets: Partial<BudgetPolicy> = {},
  over: Partial<Policy> = {},
): Policy {
  return policyWith({
    tiers: { tier_1: plan(49n * USD, budget) },
    budgets: { ...NO_BUDGETS, customer: LADDER, ...budgets },
    ...over,
  })
}

/** A question of one call; override what matters to the test. */
export function asked(over: Partial<Ask> = {}): Ask {
  return {
    callId: '00000000-0000-4000-8000-000000000001',
    model: 'gpt-4o',
    maxTokens: 500,
    answers: 1,
    input: { bytes: 400, tokens: null, images: 0, opaque: 0, cacheWrites: false },
    serviceTier: null,
    settles: true,
    needs: [],
    who: WHO,
    ...over,
  }
}

export function meterOf(budget: Budget, subject = 'acme'): Meter {
  const start = Date.UTC(2026, 10, 1)
  const end = Date.UTC(2026, 11, 1)
  return { budget, subject, key: [budget.scope, subject, budget.period, start].join('\u001f'), start, end }
}

/** How a customer's monthly budget stands. */
export function reading(
  over: Partial<MeterReading> = {},
  budget = budgetOf('customer', LADDER, 10n * USD),
): MeterReading {
  return { meter: meterOf(budget), spent: 0n, held: 0n, inFlight: 0, crowd: 1, ...over }
}
