import type { DuckDBConnection } from '@duckdb/node-api'
import type { HistogramSpec } from '../observed.ts'
import { dayTotals } from '../queries.ts'
import { customerSql, histogramSql, TOTALS_COLUMNS } from '../totals.ts'

/**
 * Adds the events after `rolled` to the sums of their days, one row each name and day, and remembers how far the sums now
 * reach; all in one transaction. Returns that number.
 */
export async function rollUp(connection: DuckDBConnection, rolled: number, seq: number): Promise<number> {
  await inTransaction(connection, async () => {
    const touched = `SELECT DISTINCT day FROM event WHERE seq > ${rolled}`
    await connection.run(
      `CREATE OR REPLACE TEMP TABLE fresh AS
       SELECT day, customer, tier, model, provider, sum(calls)::BIGINT, sum(unpriced)::BIGINT, sum(tokens)::BIGINT,
         sum(cost)::BIGINT
       FROM (SELECT * FROM day_total WHERE day IN (${touched}) UNION ALL ${dayTotals(`e.seq > ${rolled}`)}) GROUP BY ALL`,
    )
    await connection.run(`DELETE FROM day_total WHERE day IN (${touched})`)
    await connection.run('INSERT INTO day_total SELECT * FROM fresh')
    await connection.run('DROP TABLE fresh')
    await connection.run("DELETE FROM memory WHERE name = 'rolled'")
    await connection.run("INSERT INTO memory VALUES ('rolled', $seq)", { seq: String(seq) })
  })
  return seq
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
