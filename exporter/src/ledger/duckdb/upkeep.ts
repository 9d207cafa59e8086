import type { DuckDBConnection } from '@duckdb/node-api'
import type { HistogramSpec } from '../observed.ts'
import { customerSql, histogramSql, TOTALS_COLUMNS } from '../totals.ts'

/** Sums the appended rows of these days into one row each name. */
export async function compactDays(connection: DuckDBConnection, days: readonly number[]): Promise<void> {
  if (days.length === 0) return
  const list = days.join(', ')
  await inTransaction(connection, async () => {
    await connection.run(
      `CREATE OR REPLACE TEMP TABLE compact AS
       SELECT day, customer, tier, model, provider, sum(calls)::BIGINT, sum(unpriced)::BIGINT, sum(tokens)::BIGINT,
         sum(cost)::BIGINT FROM day_total WHERE day IN (${list}) GROUP BY ALL`,
    )
    await connection.run(`DELETE FROM day_total WHERE day IN (${list})`)
    await connection.run('INSERT INTO day_total SELECT * FROM compact')
    await connection.run('DROP TABLE compact')
  })
}

/**
 * Deletes events of days before `day`, adding first what the folds know of them to the baseline, in one transaction.
 * Returns how many events went. `seq` is kept, so that no number is given out twice.
 */
export async function retire(
  connection: DuckDBConnection,
  day: number,
  seq: number,
  histograms: readonly HistogramSpec[],
): Promise<number> {
  const where = `e.day < ${day}`
  let deleted = 0
  await inTransaction(connection, async () => {
    await connection.run(
      `INSERT INTO baseline SELECT names, named, kind, min(recorded), ${TOTALS_COLUMNS} FROM event e WHERE ${where} GROUP BY names, named, kind`,
    )
    await connection.run(`INSERT INTO baseline_customer ${customerSql(where)}`)
    for (const histogram of histograms) {
      await connection.run(`INSERT INTO baseline_histogram ${histogramSql(histogram, where)}`)
    }
    const result = await connection.run(`DELETE FROM event e WHERE ${where}`)
    deleted = result.rowsChanged
    await connection.run("DELETE FROM memory WHERE name IN ('retired_before', 'seq')")
    await connection.run("INSERT INTO memory VALUES ('retired_before', $day), ('seq', $seq)", {
      day: String(day),
      seq: String(seq),
    })
  })
  return deleted
}

async function inTransaction(connection: DuckDBConnection, work: () => Promise<void>): Promise<void> {
  await connection.run('BEGIN')
  try {
    await work()
    await connection.run('COMMIT')
  } catch (cause) {
    await connection.run('ROLLBACK').catch(() => undefined)
    throw cause
  }
}
