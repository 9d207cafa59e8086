import { createHash } from 'node:crypto'
import type { BudgetPeriod } from '../policy/policy.ts'

/** Every budget of ours in LiteLLM begins so; what begins otherwise is somebody else's. */
export const PREFIX = 'marginwatch:'

/**
 * LiteLLM's words for our periods. `1d` ends at midnight, `7d` on Monday and `1mo` on the first, all in LiteLLM's own zone;
 * other numbers of days would run from whenever a budget was made (1.106.2, duration_parser.py).
 */
export const DURATIONS = { day: '1d', week: '7d', month: '1mo' } as const satisfies Record<BudgetPeriod, string>
export type Duration = (typeof DURATIONS)[BudgetPeriod]

/** Customers wait here until LiteLLM has set their spend to zero. */
export const SETTLING = `${PREFIX}settling`

// The period is part of the name: customers of one budget share the clock by which their spend is counted.
export function tierBudget(duration: Duration, tier: string): string {
  return `${PREFIX}${duration}:tier:${safe(tier)}`
}

export function customerBudget(duration: Duration, customer: string): string {
  return `${PREFIX}${duration}:customer:${safe(customer)}`
}

/** For customers that have lost their limit: LiteLLM cannot take a budget away, only give another. */
export function unlimitedBudget(duration: Duration): string {
  return `${PREFIX}${duration}:none`
}

export function isOurs(budgetId: string): boolean {
  return budgetId.startsWith(PREFIX)
}

/** The clock that a budget of ours runs by; null for others. */
export function durationOf(budgetId: string): Duration | null {
  const word = /^marginwatch:(1d|7d|1mo):/.exec(budgetId)?.[1]
  return Object.values(DURATIONS).find((duration) => duration === word) ?? null
}

const LONGEST = 160

/** A name that comes back from LiteLLM letter by letter as it was written. */
function safe(name: string): string {
  const text = encodeURIComponent(name.replace(/\p{Surrogate}/gu, '\ufffd'))
  if (text.length <= LONGEST) return text
  return `${text.slice(0, LONGEST - 17)}~${createHash('sha256').update(name).digest('hex').slice(0, 16)}`
}
