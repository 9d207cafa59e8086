import { METRICS } from '../../catalogue.ts'
import type { Recorded, RowReader } from '../../ledger/ledger.ts'
import { add, counterFamily } from './cells.ts'
import { decimalText } from './decimal.ts'
import type { Family } from './sample.ts'

/** Crossings that are counted together. */
export interface CrossingTotal {
  readonly scope: string
  /** Of a spend threshold of the policy; '' for a share of a limit. */
  readonly name: string
  /** Hundredths of a percent of the limit. */
  readonly threshold: number
  /** When the first of them was recorded, epoch milliseconds. */
  readonly firstAt: number
  readonly n: number
}

/** Crossings as a fold over the ledger. Scopes are ours and thresholds are the policy's, so their series are few. */
export interface CrossingCounts {
  load(totals: readonly CrossingTotal[]): void
  apply(batch: readonly Recorded[]): void
  families(): Family[]
}

/** Reads how often each threshold was reached, inside a snapshot. */
export async function readCrossings(rows: RowReader): Promise<CrossingTotal[]> {
  const list = await rows(
    `SELECT body->>'scope' AS scope, body->>'name' AS name, (body->>'threshold')::BIGINT AS threshold,
       min(recorded) AS first_at, count(*) AS n
     FROM entry WHERE kind = 'crossing' GROUP BY ALL`,
  )
  return list.map((row) => ({
    scope: String(row.scope),
    name: String(row.name),
    threshold: Number(row.threshold),
    firstAt: Number(row.first_at),
    n: Number(row.n),
  }))
}

export function createCrossings(): CrossingCounts {
  const counts = counterFamily(METRICS.crossings, 'count')
  const count = ({ scope, name, threshold, firstAt, n }: CrossingTotal) =>
    add(counts.cell([scope, thresholdLabel(name, threshold)], firstAt), n)
  return {
    load(totals) {
      for (const total of totals) count(total)
    },
    apply(batch) {
      for (const { entry, at } of batch) if (entry.kind === 'crossing') count({ ...entry, firstAt: at, n: 1 })
    },
    families: () => [counts.family()],
  }
}

/** A spend threshold by its name, a share of a limit as a ratio: 9500 → `0.95`. */
export function thresholdLabel(name: string, threshold: number): string {
  return name === '' ? decimalText(threshold, 4) : name
}
