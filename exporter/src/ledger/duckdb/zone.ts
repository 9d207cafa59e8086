import type { DuckDBConnection } from '@duckdb/node-api'
import type { Calendar } from '../../calendar.ts'
import { appendRows, bigint, type Column, integer } from './append.ts'
import { rows } from './connect.ts'
import { TIMED_TABLES } from './typed.ts'
import { sumAgain } from './upkeep.ts'

const QUARTER = 900_000

/**
 * Events, metered amounts, observations and scores carry their local day. When the policy's zone is another than the one they were cut in, days are cut again and the
 * day sums made anew; days whose events are already folded into the baseline keep the cut that they had.
 */
export async function adoptZone(connection: DuckDBConnection, calendar: Calendar): Promise<void> {
  const [row] = await rows(connection, "SELECT value FROM memory WHERE name = 'zone'")
  const zone = row?.value
  if (zone === calendar.zone) return
  await connection.run('BEGIN')
  if (zone !== undefined) await cutAgain(connection, calendar)
  await connection.run("DELETE FROM memory WHERE name = 'zone'")
  await connection.run("INSERT INTO memory VALUES ('zone', $zone)", { zone: calendar.zone })
  await connection.run('COMMIT')
}

async function cutAgain(connection: DuckDBConnection, calendar: Calendar): Promise<void> {
  const starts = TIMED_TABLES.map((table) => `SELECT start // ${QUARTER} AS cell FROM ${table}`)
  const cells = await rows(connection, starts.join(' UNION '))
  await connection.run('CREATE TEMP TABLE cut (cell BIGINT, day INTEGER)')
  const cut = cells.map((row) => ({ cell: row.cell as bigint, day: calendar.day(Number(row.cell) * QUARTER) }))
  await appendRows(connection, 'cut', CUT_COLUMNS, cut)
  for (const table of TIMED_TABLES) {
    await connection.run(`UPDATE ${table} SET day = cut.day FROM cut WHERE ${table}.start // ${QUARTER} = cut.cell`)
  }
  await connection.run('DROP TABLE cut')
  await sumAgain(connection)
}

const CUT_COLUMNS: readonly Column<{ cell: bigint; day: number }>[] = [
  bigint('cell', (row) => row.cell),
  integer('day', (row) => row.day),
]
