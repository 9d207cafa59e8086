import { divideHalfEven } from '@marginwatch/pricing'
import type { Row } from '../ledger/ledger.ts'
import type { Nano } from '../usage.ts'
import { NO_TIER } from './figures.ts'
import type { MonthDays } from './month-days.ts'
import type { MarginLedger } from './rows.ts'

/** What the conversations of a plan's customers come to on average. */
export interface SessionFigures {
  readonly tier: string
  readonly sessions: number
  /** Nano-dollars. */
  readonly cost: Nano
  /** Thousandths of a call. */
  readonly calls: number
  /** From the start of the first call to the end of the last one, milliseconds. */
  readonly lengthMs: number
}

/**
 * Average cost, calls and length of a session by plan: of the sessions that clients named, what happened of them in the month.
 * A plan without one has no average and is left out, and so is a month of which single calls are not kept any more.
 */
export async function readSessions(ledger: Pick<MarginLedger, 'sessions'>, days: MonthDays): Promise<SessionFigures[]> {
  const rows = await ledger.sessions({ day: days.month, from: days.from, to: days.to })
  return rows.map(figuresOf)
}

function figuresOf(row: Row): SessionFigures {
  const sessions = BigInt(row.sessions as bigint)
  const average = (sum: unknown, scale = 1n) => divideHalfEven(BigInt(sum as bigint) * scale, sessions)
  return {
    tier: String(row.tier || NO_TIER),
    sessions: Number(sessions),
    cost: average(row.cost),
    calls: Number(average(row.calls, 1000n)),
    lengthMs: Number(average(row.length)),
  }
}
