import type { BudgetPolicy } from '../../src/policy/policy.ts'

/** A policy in which nothing has a limit. */
export const NO_BUDGETS: BudgetPolicy = {
  customer: { period: 'month', thresholds: [], grace: 0, carryOver: 0 },
  customers: {},
  tenantDay: null,
  agent: null,
  agents: {},
  session: { limit: null, warn: null, tokensPerMinute: null, calls: null },
  tiers: {},
  global: [],
  unknownCustomers: null,
  spend: [],
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
}
