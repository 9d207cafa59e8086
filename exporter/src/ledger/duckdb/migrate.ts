import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { DuckDBConnection } from '@duckdb/node-api'
import { LedgerUnavailable } from '../ledger.ts'
import { rows } from './connect.ts'

const FOLDER = fileURLToPath(new URL('../../../migrations/duckdb/', import.meta.url))

export interface Migration {
  readonly number: number
  readonly name: string
  readonly sql: string
}

/** The numbered files of the migrations folder, in order. */
export async function migrations(folder = FOLDER): Promise<Migration[]> {
  const files = (await readdir(folder)).filter((name) => /^\d{6}_.+\.sql$/.test(name)).sort()
  return Promise.all(
    files.map(async (name) => ({ number: Number(name.slice(0, 6)), name, sql: await readFile(folder + name, 'utf8') })),
  )
}

/**
 * Brings the schema up to date, one transaction a migration. `beforeChange` is called once before the first change to a
 * ledger that already holds something (it makes the backup). A ledger written by a newer version is refused.
 */
export async function migrate(
  connection: DuckDBConnection,
  list: readonly Migration[],
  beforeChange: (from: number) => Promise<void>,
): Promise<void> {
  await connection.run('CREATE TABLE IF NOT EXISTS migration (number INTEGER NOT NULL, name VARCHAR NOT NULL)')
  const [row] = await rows(connection, 'SELECT coalesce(max(number), 0) AS number FROM migration')
  const current = Number(row?.number ?? 0)
  const newest = list.at(-1)?.number ?? 0
  if (current > newest) {
    throw new LedgerUnavailable(
      `the ledger has schema ${current}, this version knows schemas up to ${newest}: it was written by a newer version; ` +
        'start that version, or restore the backup that was made before its migration',
    )
  }
  const due = list.filter((migration) => migration.number > current)
  if (current > 0 && due.length > 0) await beforeChange(current)
  for (const migration of due) {
    await connection.run('BEGIN')
    await connection.run(migration.sql)
    await connection.run('INSERT INTO migration VALUES ($number, $name)', {
      number: migration.number,
      name: migration.name,
    })
    await connection.run('COMMIT')
  }
}
