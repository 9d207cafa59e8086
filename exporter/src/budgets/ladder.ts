import type { BasisPoints, Ladder, Policy, SpendPeriod, SpendThreshold, Threshold } from '../policy/policy.ts'
import type { Nano, Scope } from '../usage.ts'

/** One amount of a budget and what happens when it is reached. */
export interface Rung {
  readonly amount: Nano
  /** Share of the limit; 10000 for a spend threshold, which is its own limit. */
  readonly at: BasisPoints
  readonly do: Threshold['do']
  readonly severity: Threshold['severity']
  readonly channels: readonly string[]
  /** Name of a spend threshold; '' for a share of a budget. */
  readonly name: string
  readonly message: string
}

export type Period = 'day' | 'week' | 'month' | 'session'

/** A limit as it holds for one subject, with everything that happens on the way to it. */
export interface Budget {
  readonly scope: Scope
  readonly period: Period
  readonly limit: Nano
  /** Ascending by amount. */
  readonly rungs: readonly Rung[]
  /** From here on calls are moved to a cheaper model, by spent and held; null = never. */
  readonly degradeAt: Nano | null
  /** Spent and held never pass this; null = nothing stops here. */
  readonly line: Nano | null
  /** The rung that the line belongs to. */
  readonly last: Rung | null
}

/** A share of an amount, rounded up: whoever reaches the result has reached the share. */
export function shareOf(amount: Nano, share: BasisPoints): Nano {
  return (amount * BigInt(share) + 9_999n) / 10_000n
}

/** The budget of a limit by a ladder of the policy. Block and pause act their ladder's grace beyond their threshold. */
export function budgetOf(scope: Scope, ladder: Ladder, limit: Nano, period: Period = ladder.period): Budget {
  const rungs = ladder.thresholds.map((threshold) => rungOf(threshold, limit))
  return finished({ scope, period, limit, rungs }, shareOf(limit, ladder.grace))
}

/** What stands beside a budget: sums that are told of and stop nothing. Each is a budget of its own limit. */
export function spendBudgets(spend: readonly SpendThreshold[], period: SpendPeriod, scope: Scope): Budget[] {
  const own: Period = period === 'conversation' ? 'session' : period === 'tenant-day' ? 'day' : period
  return spend
    .filter((one) => one.period === period)
    .map(({ name, usd, severity, channels, message }) => {
      const rung: Rung = { amount: usd, at: 10_000, do: 'notify', severity, channels, name, message }
      return finished({ scope, period: own, limit: usd, rungs: [rung] }, 0n)
    })
}

/** A session's cap, with the amount from which on it counts as runaway. */
export function sessionBudget({ session }: Policy['budgets']): Budget | null {
  const { limit, warn } = session
  const most = limit ?? warn
  if (most === null) return null
  const common = { channels: [], message: '', name: '' }
  const rungs: Rung[] = []
  if (warn !== null) {
    const at = most === 0n ? 10_000 : Number((warn * 10_000n) / most)
    rungs.push({ ...common, amount: warn, at, do: 'notify', severity: 'warning', name: RUNAWAY })
  }
  if (limit !== null) rungs.push({ ...common, amount: limit, at: 10_000, do: 'block', severity: 'info' })
  return finished({ scope: 'session', period: 'session', limit: most, rungs }, 0n)
}

/** Name of the threshold from which on a session counts as runaway. */
export const RUNAWAY = 'runaway_session'

function rungOf(threshold: Threshold, limit: Nano): Rung {
  return { ...threshold, amount: shareOf(limit, threshold.at), name: '', message: '' }
}

function finished(budget: Omit<Budget, 'degradeAt' | 'line' | 'last'>, grace: Nano): Budget {
  const rungs = budget.rungs.toSorted((a, b) => (a.amount < b.amount ? -1 : a.amount > b.amount ? 1 : 0))
  const last = rungs.find((rung) => rung.do === 'block' || rung.do === 'pause') ?? null
  const degrade = rungs.find((rung) => rung.do === 'degrade')
  return {
    ...budget,
    rungs,
    degradeAt: degrade?.amount ?? null,
    line: last === null ? null : last.amount + grace,
    last,
  }
}
