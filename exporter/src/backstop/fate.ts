import type { Found, FoundBudget, FoundCustomer } from './found.ts'
import { durationOf, isOurs, SETTLING } from './names.ts'
import type { Wanted } from './wanted.ts'

/** What is to become of a customer of LiteLLM. */
export type Fate =
  /** It has what it should have, or is none of ours. */
  | { readonly kind: 'stays' }
  | { readonly kind: 'moves'; readonly to: string }
  /** It had a budget of ours and should have none. */
  | { readonly kind: 'freed' }
  /** What LiteLLM says it has spent is not of this period: it has to be set to zero before it may count. */
  | { readonly kind: 'settles' }
  /** LiteLLM is about to set it to zero. */
  | { readonly kind: 'waits' }
  | { readonly kind: 'left alone' }

/**
 * Where the settling of customers stands, by the reset time of the budget in which they wait: far away while they gather, past
 * when LiteLLM is to act, and soon again when it has acted.
 */
export type Settling = 'absent' | 'gathering' | 'due' | 'done'

const YEAR = 366 * 86_400_000
/** When nothing is reset for the time being. */
export const NEVER = Date.UTC(2200, 0, 1)

export function settlingOf({ budgets, at }: Found): Settling {
  const budget = budgets.get(SETTLING)
  if (budget === undefined) return 'absent'
  if (isDue(budget, at)) return 'due'
  return (budget.resetsAt ?? 0) > at + YEAR ? 'gathering' : 'done'
}

/** LiteLLM will set the spend of its customers to zero when it next looks. */
export function isDue({ duration, resetsAt }: FoundBudget, at: number): boolean {
  return duration !== null && (resetsAt === null || resetsAt <= at)
}

function isDueNow(id: string, { budgets, at }: Found): boolean {
  const budget = budgets.get(id)
  return budget !== undefined && isDue(budget, at)
}

export function fateOf(customer: FoundCustomer, wanted: Wanted, found: Found): Fate {
  const { budgetId } = customer
  const want = wanted.customers.get(found.nameOf?.(customer.id) ?? customer.id)
  const target = want?.budget ?? null
  if (budgetId !== null && !isOurs(budgetId) && !want?.named) return { kind: target === null ? 'stays' : 'left alone' }
  if (target === null) return { kind: budgetId !== null && isOurs(budgetId) ? 'freed' : 'stays' }
  if (target === budgetId) return { kind: 'stays' }
  const settling = settlingOf(found)
  if (budgetId === SETTLING) return settling === 'done' ? { kind: 'moves', to: target } : { kind: 'waits' }
  if (budgetId !== null && durationOf(budgetId) === durationOf(target)) {
    // Its spend is of the period before until LiteLLM has looked; moved to where it has looked, it would stay so.
    const stale = isDueNow(budgetId, found) && !isDueNow(target, found)
    return stale ? { kind: 'waits' } : { kind: 'moves', to: target }
  }
  if (customer.spend === 0n) return { kind: 'moves', to: target }
  return { kind: settling === 'due' ? 'waits' : 'settles' }
}
