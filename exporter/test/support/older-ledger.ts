import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { migrate, migrations } from '../../src/ledger/duckdb/migrate.ts'
import type { Entry } from '../../src/usage.ts'
import { openLedger, scratch } from './ledger.ts'

/** Leaves in a folder what a version that knew schemas up to `schema` would have: these entries, with no sums rolled up. */
export async function leaveOlderLedger(
  folder: string,
  schema: number,
  { entries, now, sql = [] }: { entries: readonly Entry[]; now: () => number; sql?: readonly string[] },
): Promise<void> {
  const { path, remove } = await scratch()
  const ledger = await openLedger(path, now)
  await ledger.append(entries)
  await ledger.close()
  const instance = await DuckDBInstance.create(join(folder, 'ledger.duckdb'))
  const connection = await instance.connect()
  await migrate(connection, (await migrations()).slice(0, schema), () => Promise.resolve())
  await connection.run(`ATTACH '${join(path, 'ledger.duckdb')}' AS newer (READ_ONLY)`)
  for (const table of ['name_set', 'event', 'entry', 'memory']) {
    await connection.run(`INSERT INTO ${table} SELECT * FROM newer.${table}`)
  }
  for (const statement of sql) await connection.run(statement)
  connection.closeSync()
  instance.closeSync()
  await remove()
}
