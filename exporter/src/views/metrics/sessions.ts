import { METRICS, type Metric } from '../../catalogue.ts'
import type { Recorded, RowReader } from '../../ledger/ledger.ts'
import type { SessionClosed } from '../../usage.ts'
import { distributionFamily } from './cells.ts'
import type { Family } from './sample.ts'

/** A closed session, as the histograms see it. */
export interface SessionSum {
  readonly cost: bigint
  readonly calls: number
  readonly n: number
}

/** Distribution of cost and calls over sessions; each session is observed once, when it is closed. */
export interface SessionDistributions {
  load(sums: readonly SessionSum[], at: number): void
  apply(batch: readonly Recorded[]): void
  families(): Family[]
}

/** Reads what closed sessions add up to, inside a snapshot. */
export async function readSessions(rows: RowReader): Promise<SessionSum[]> {
  const list = await rows(
    `SELECT rtrim(body->>'cost', 'n')::BIGINT AS cost, (body->>'calls')::BIGINT AS calls, count(*) AS n
     FROM entry WHERE kind = 'session_closed' GROUP BY ALL`,
  )
  return list.map((row) => ({ cost: row.cost as bigint, calls: Number(row.calls), n: Number(row.n) }))
}

export function createSessions(): SessionDistributions {
  const cost = distributionFamily(METRICS.sessionCost, 9)
  const calls = distributionFamily(METRICS.sessionCalls, 0)
  const costBounds = bounds(METRICS.sessionCost, 9)
  const callBounds = bounds(METRICS.sessionCalls, 0)
  const observe = (sum: SessionSum, at: number) => {
    const n = BigInt(sum.n)
    const byCost = cost.series([], at)
    const byCalls = calls.series([], at)
    const costBucket = bucket(costBounds, sum.cost)
    const callBucket = bucket(callBounds, BigInt(sum.calls))
    byCost.counts[costBucket] = (byCost.counts[costBucket] ?? 0) + sum.n
    byCost.total += sum.cost * n
    byCalls.counts[callBucket] = (byCalls.counts[callBucket] ?? 0) + sum.n
    byCalls.total += BigInt(sum.calls) * n
  }
  return {
    load(sums, at) {
      for (const sum of sums) observe(sum, at)
    },
    apply(batch) {
      for (const { entry, at } of batch) {
        if (entry.kind === 'session_closed') observe({ ...pickSum(entry), n: 1 }, at)
      }
    },
    families: () => [cost.family(), calls.family()],
  }
}

function pickSum(entry: SessionClosed): { cost: bigint; calls: number } {
  return { cost: entry.cost, calls: entry.calls }
}

function bounds(metric: Metric, places: number): bigint[] {
  return (metric.buckets ?? []).map((bound) => BigInt(Math.round(Number(bound) * 10 ** places)))
}

function bucket(list: readonly bigint[], value: bigint): number {
  const index = list.findIndex((bound) => value <= bound)
  return index < 0 ? list.length : index
}
