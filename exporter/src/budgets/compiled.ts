import type { LimitedLadder, Policy } from '../policy/policy.ts'
import type { Nano } from '../usage.ts'
import { type Budget, budgetOf, sessionBudget, shareOf, spendBudgets } from './ladder.ts'

/** The policy's budgets, ready to be asked for any subject. */
export interface CompiledBudgets {
  readonly policy: Policy
  /** Of everything together, the spend thresholds of day, week and month among them. */
  readonly global: readonly Budget[]
  readonly unknownCustomers: Budget | null
  readonly session: Budget | null
  /** Spend thresholds of a conversation. */
  readonly conversation: readonly Budget[]
  /** Of a customer's day, its spend thresholds among them. */
  readonly tenantDay: readonly Budget[]
  tier(tier: string): Budget | null
  /** `unused`: what the period before left of the limit, for the carry-over. Null for customers that nobody knows. */
  customer(customer: string, tier: string | null, unused: (limit: Nano) => Nano): Budget | null
  /** `limit` stands over the policy's; null = the policy's. */
  agent(agent: string, limit: Nano | null): Budget | null
  /** Whether a customer has a tier or a limit in the policy. */
  knows(customer: string, tier: string | null): boolean
}

/** More limits than a company has plans; carry-over makes one for each customer. */
const REMEMBERED = 50_000

/** Compiles once for each policy; the result is as frozen as the policy is. */
export function compileBudgets(policy: Policy): CompiledBudgets {
  const { budgets, tiers } = policy
  const { spend } = budgets
  const byTier = new Map(Object.entries(budgets.tiers).map(([tier, ladder]) => [tier, limited('tier', ladder)]))
  const customers = remembering((limit) => budgetOf('customer', budgets.customer, limit))
  const agents = remembering((limit) => budgetOf('agent', budgets.agent as LimitedLadder, limit))
  const ownLimit = (customer: string, tier: string | null): Nano | null =>
    budgets.customers[customer] ?? (tier === null ? null : (tiers[tier]?.budget ?? null))
  return {
    policy,
    global: [
      ...budgets.global.map((ladder) => limited('global', ladder)),
      ...(['day', 'week', 'month'] as const).flatMap((period) => spendBudgets(spend, period, 'global')),
    ],
    unknownCustomers: budgets.unknownCustomers && limited('unknown_customers', budgets.unknownCustomers),
    session: sessionBudget(budgets),
    conversation: spendBudgets(spend, 'conversation', 'session'),
    tenantDay: [
      ...(budgets.tenantDay ? [budgetOf('tenant_day', budgets.tenantDay, budgets.tenantDay.limit, 'day')] : []),
      ...spendBudgets(spend, 'tenant-day', 'tenant_day'),
    ],
    tier: (tier) => byTier.get(tier) ?? null,
    customer(customer, tier, unused) {
      const limit = ownLimit(customer, tier)
      if (limit === null) return null
      const most = shareOf(limit, budgets.customer.carryOver)
      if (most === 0n) return customers(limit)
      const left = unused(limit)
      return customers(limit + (left < most ? left : most))
    },
    agent(agent, limit) {
      if (budgets.agent === null) return null
      return agents(limit ?? budgets.agents[agent] ?? budgets.agent.limit)
    },
    knows: (customer, tier) => customer in budgets.customers || (tier !== null && tier in tiers),
  }
}

function limited(scope: Budget['scope'], ladder: LimitedLadder): Budget {
  return budgetOf(scope, ladder, ladder.limit)
}

function remembering(make: (limit: Nano) => Budget): (limit: Nano) => Budget {
  const known = new Map<Nano, Budget>()
  return (limit) => {
    let budget = known.get(limit)
    if (!budget) {
      budget = make(limit)
      if (known.size >= REMEMBERED) known.clear()
      known.set(limit, budget)
    }
    return budget
  }
}
