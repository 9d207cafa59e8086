import type { Calendar } from '../../calendar.ts'
import type { Ledger, Row } from '../../ledger/ledger.ts'
import type { Scope } from '../../usage.ts'
import {
  type BudgetState,
  type BudgetsModel,
  type CrossingRow,
  NO_BUDGETS,
  type StoppedSession,
} from './budget-model.ts'
import { createLately } from './lately.ts'

const TOP = 10

/** What the ledger says of budgets. */
export type BudgetHistory = Pick<BudgetsModel, 'crossings' | 'stopped'>

export async function readBudgets(ledger: Ledger, calendar: Calendar, today: number): Promise<BudgetHistory> {
  const crossings = await ledger.query('crossings', { limit: TOP })
  const stopped = await ledger.query('stopped_sessions', { from: calendar.dayStart(today), limit: TOP })
  return { crossings: crossings.map(crossingRow), stopped: stopped.map(stoppedRow) }
}

export interface BudgetReader {
  /** Keeps count of what the process counts; to be called now and then. */
  look(): void
  read(history: BudgetHistory): BudgetsModel
}

/** Joins what the ledger says with how the budgets are doing now. */
export function createBudgetReader(state: (() => BudgetState) | undefined, now: () => number): BudgetReader {
  const undecided = createLately(now)
  const unsettled = createLately(now)
  const read = (history: BudgetHistory): BudgetsModel => {
    if (state === undefined) return { ...NO_BUDGETS, ...history }
    const found = state()
    const near = found.budgets.filter(({ threshold }) => threshold > 0)
    const paused = found.agents.filter((agent) => agent.paused !== null)
    const running = found.agents.filter((agent) => agent.paused === null)
    return {
      ...history,
      nearLimit: near.slice(0, TOP),
      leftOut: found.leftOut + Math.max(0, near.length - TOP),
      agents: [...paused, ...running],
      runawaySessions: found.runawaySessions,
      undecided: undecided(found.undecided),
      unsettled: unsettled(found.unsettled),
    }
  }
  return { look: () => void read(NO_BUDGETS), read }
}

function crossingRow(row: Row): CrossingRow {
  return {
    at: Number(row.recorded),
    scope: String(row.scope) as Scope,
    subject: String(row.subject),
    session: row.session === null ? null : String(row.session),
    name: String(row.name),
    threshold: Number(row.threshold),
    period: String(row.period),
    spent: row.spent as bigint,
    limit: row.limit as bigint,
    action: String(row.action),
  }
}

function stoppedRow(row: Row): StoppedSession {
  return {
    session: String(row.session),
    customer: String(row.customer),
    at: Number(row.recorded),
    spent: row.spent as bigint,
    limit: row.limit as bigint,
  }
}
