import type { Nano, Scope } from '../../usage.ts'

/** What the page shows of budgets. Lists come in the order in which they are drawn. */
export interface BudgetsModel {
  /** Past a threshold, nearest to the limit first; ten are drawn. */
  readonly nearLimit: readonly BudgetRow[]
  /** How many more there are of them than in the list. */
  readonly leftOut: number
  /** Latest first. */
  readonly crossings: readonly CrossingRow[]
  /** Ten are drawn, those that are paused before those that run. */
  readonly agents: readonly AgentRow[]
  /** Sessions of which calls were refused today because they reached their cap, latest first. */
  readonly stopped: readonly StoppedSession[]
  /** Sessions not closed yet that have cost more than the policy calls a runaway. */
  readonly runawaySessions: number
  /** Within the last hour: calls that left a gateway without a decision, and calls that were never heard of again. */
  readonly undecided: number
  readonly unsettled: number
}

export interface BudgetRow {
  readonly scope: Scope
  /** Whose it is; null where that does not apply to the scope. The tier of a customer is its plan. */
  readonly customer: string | null
  readonly agent: string | null
  readonly tier: string | null
  /** day, week, month or session. */
  readonly period: string
  readonly limit: Nano
  readonly spent: Nano
  readonly held: Nano
  /** When the next period begins, epoch milliseconds; null when there is none. */
  readonly resetAt: number | null
  /** What is done with its calls now: `degrade`, `block` or `pause`; null = they go on as asked. */
  readonly doing: string | null
  /** Hundredths of a percent of the highest threshold that it has reached, 0 for none: such a budget is not near. */
  readonly threshold: number
  /** What is done at the next threshold, and from which amount on; null = nothing more. */
  readonly next: { readonly do: string; readonly amount: Nano } | null
}

export interface CrossingRow {
  /** When it was recorded, epoch milliseconds. */
  readonly at: number
  readonly scope: Scope
  /** The customer, agent, tier, or `customer/session`; '' where the scope has only one. */
  readonly subject: string
  readonly session: string | null
  /** Name of a spend threshold, or ''. */
  readonly name: string
  /** Hundredths of a percent of the limit. */
  readonly threshold: number
  readonly period: string
  readonly spent: Nano
  readonly limit: Nano
  readonly action: string
}

export interface AgentRow {
  readonly agent: string
  /** Null while it runs. */
  readonly paused: Paused | null
  /** Of its running period; null limit = none. */
  readonly spent: Nano
  readonly limit: Nano | null
}

/** Since when an agent's calls are refused, by whom and why, and the trace that made it stop, where that is known. */
export interface Paused {
  readonly since: number
  readonly by: string
  readonly reason: string
  readonly trace: string | null
}

export interface StoppedSession {
  readonly session: string
  readonly customer: string
  readonly at: number
  readonly spent: Nano
  readonly limit: Nano
}

/** How the budgets are doing now; what the ledger does not say. Counts are of the running process. */
export interface BudgetState {
  /** Nearest to the limit first. */
  readonly budgets: readonly BudgetRow[]
  /** How many there are past a threshold that tells somebody, but not in the list. */
  readonly leftOut: number
  readonly agents: readonly AgentRow[]
  readonly runawaySessions: number
  readonly undecided: number
  readonly unsettled: number
}

/** Nothing has a limit. */
export const NO_BUDGETS: BudgetsModel = {
  nearLimit: [],
  leftOut: 0,
  crossings: [],
  agents: [],
  stopped: [],
  runawaySessions: 0,
  undecided: 0,
  unsettled: 0,
}
