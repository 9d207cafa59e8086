import type { DuckDBConnection } from '@duckdb/node-api'
import type { HistogramSpec } from '../observed.ts'
import { sumsOf } from '../queries.ts'
import { DAY_SUMS, type DaySum } from '../queries/query.ts'
import { toolRunsSql } from '../tools.ts'
import { customerSql, histogramSql, TOTALS_COLUMNS } from '../totals.ts'
import { TYPED_KINDS } from './typed.ts'

const TABLES = Object.keys(DAY_SUMS) as DaySum[]

/**
 * Appends the sums of the events after `rolled`, and remembers how far the sums now reach, in one transaction. Returns that
 * number.
 */
export async function rollUp(connection: DuckDBConnection, rolled: number, seq: number): Promise<number> {
  await inTransaction(connection, async () => {
    for (const table of TABLES) await connection.run(`INSERT INTO ${table} ${sumsOf(table, `e.seq > ${rolled}`)}`)
    await connection.run("DELETE FROM memory WHERE name = 'rolled'")
    await connection.run("INSERT INTO memory VALUES ('rolled', $seq)", { seq: String(seq) })
  })
  return seq
}

/**
 * Sums rows of one day and name into one, in days where rows have at least doubled by appending: so a day is rewritten seldom,
 * however often it is added to.
 */
export async function compactDays(connection: DuckDBConnection): Promise<void> {
  await inTransaction(connection, async () => {
    for (const table of TABLES) await compact(connection, table)
  })
}

async function compact(connection: DuckDBConnection, table: DaySum): Promise<void> {
  const names = DAY_SUMS[table]
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE piled AS SELECT day FROM ${table} GROUP BY day
     HAVING count(*) >= 2 * count(DISTINCT (${names}))`,
  )
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE summed AS
     SELECT day, ${names}, sum(calls)::BIGINT, sum(unpriced)::BIGINT, sum(tokens)::BIGINT, sum(cost)::BIGINT
     FROM ${table} WHERE day IN (SELECT day FROM piled) GROUP BY ALL`,
  )
  await connection.run(`DELETE FROM ${table} WHERE day IN (SELECT day FROM piled)`)
  await connection.run(`INSERT INTO ${table} SELECT * FROM summed`)
}

/** Makes the sums of all days that still have their events anew. */
export async function sumAgain(connection: DuckDBConnection): Promise<void> {
  for (const table of TABLES) {
    await connection.run(
      `DELETE FROM ${table} WHERE day >= (SELECT coalesce(max(value::INTEGER), -1000000) FROM memory WHERE name = 'retired_before')`,
    )
    await connection.run(`INSERT INTO ${table} ${sumsOf(table, 'true')}`)
  }
  await connection.run("DELETE FROM memory WHERE name = 'rolled'")
  await connection.run("INSERT INTO memory SELECT 'rolled', coalesce(max(seq), 0)::VARCHAR FROM event")
}

/**
 * Deletes events, metered amounts, observations and scores of days before `day`, adding first what the folds know of events,
 * metered amounts and runs of tools to the baseline, in one transaction. Returns how many events went. `seq` is kept, so that no number is
 * given out twice.
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
    await connection.run(`INSERT INTO baseline_metered ${meteredSql(where)}`)
    await connection.run(`INSERT INTO baseline_tool ${toolRunsSql(where)}`)
    await connection.run(
      `DELETE FROM correction_of WHERE seq IN (SELECT e.seq FROM event e WHERE e.kind = 1 AND ${where})`,
    )
    for (const kind of TYPED_KINDS) await connection.run(`DELETE FROM ${kind} e WHERE ${where}`)
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

/** Metered amounts by day and name, in the columns of `baseline_metered`. */
function meteredSql(where: string): string {
  return `SELECT day, source, resource, service, meter, min(recorded), max(until), sum(amount), sum(cost)::BIGINT, count(*),
      sum(1 - costed)::BIGINT
    FROM metered e WHERE ${where} GROUP BY ALL`
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
