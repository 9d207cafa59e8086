import { type Calendar, dayText } from '../calendar.ts'
import type { Ledger, Row } from '../ledger/ledger.ts'
import { type ComparedRow, type Reconciled, reconcile } from '../margin/reconciliation.ts'
import { reconciliationCollector } from '../views/metrics/reconciliation.ts'
import type { Collector } from '../views/metrics/sample.ts'
import { NOTHING_COMPARED, type ReconciliationModel } from '../views/page/margin-model.ts'

export interface RunningReconciliation {
  readonly collector: Collector
  /** Compares anew, at most every five minutes; does nothing while no trace store is asked. */
  refresh(): Promise<void>
  /** For the page. */
  state(): ReconciliationModel
}

export interface ReconciliationDeps {
  readonly ledger: Pick<Ledger, 'query'>
  readonly calendar: Calendar
  readonly now: () => number
  /** Whether a trace store is asked at all. */
  readonly asked: () => boolean
  /** Whether it still tells of what lies behind: what was compared before stands meanwhile. */
  readonly reading: () => boolean
}

/** Days that are over, so that both sides had the time to be told of all that happened in them. */
const DAYS = 7
/** What started so lately may still be on its way to either side. */
const GRACE_MS = 3_600_000
const ANEW_MS = 300_000

/** Compares the ledger with what Langfuse has, day by day and model by model. */
export function createReconciliation({
  ledger,
  calendar,
  now,
  asked,
  reading,
}: ReconciliationDeps): RunningReconciliation {
  let found: Reconciled | null = null
  let at = Number.NEGATIVE_INFINITY
  return {
    collector: reconciliationCollector(() =>
      found?.days ? { against: 'langfuse', ratios: found.ratios, calls: found.calls } : null,
    ),
    async refresh() {
      if (!asked()) {
        found = null
        return
      }
      // Of a start there is soon something to show, and comparing whole days changes little after that.
      if (reading() || (found?.days && now() - at < ANEW_MS && now() >= at)) return
      at = now()
      const to = calendar.day(now())
      const rows = await ledger.query('reconciliation', { from: to - DAYS, to, grace: now() - GRACE_MS })
      found = reconcile(sinceObserved(rows).map(comparedRow))
    },
    state() {
      if (!found?.days) return NOTHING_COMPARED
      const { first, last } = found.days
      return {
        days: { first: dayText(first), last: dayText(last) },
        rows: found.differing.map(({ hereCost, thereCost, day, provider: _, ...row }) => ({
          ...row,
          day: dayText(day),
          here: hereCost,
          there: thereCost,
        })),
        agreeing: found.agreeing,
      }
    },
  }
}

/** Days before the first with an observation say nothing: nobody has read them. */
function sinceObserved(rows: readonly Row[]): readonly Row[] {
  const first = Math.min(...rows.filter((row) => Number(row.observations) > 0).map((row) => Number(row.day)))
  return rows.filter((row) => Number(row.day) >= first)
}

function comparedRow(row: Row): ComparedRow {
  const text = (value: unknown) => (value === '' || value === null || value === undefined ? null : String(value))
  return {
    day: Number(row.day),
    model: text(row.model),
    provider: text(row.provider),
    hereCost: BigInt(row.here_cost as bigint),
    thereCost: BigInt(row.there_cost as bigint),
    missingHere: Number(row.missing_here),
    missingThere: Number(row.missing_there),
    price: Number(row.price),
    tokens: Number(row.tokens),
    dayBoundary: Number(row.day_boundary),
  }
}
