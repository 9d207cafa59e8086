import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { DAY, T0, usage } from '../support/entries.ts'
import { openLedger, scratch } from '../support/ledger.ts'
import { blocks, read, tableRows } from './pages.ts'

const PAGE = read('docs/ledger.md')

/** A copy of a small ledger, open for reading only, as the page tells people to ask it. */
async function withCopy<T>(job: (run: (sql: string) => Promise<Record<string, unknown>[]>) => Promise<T>): Promise<T> {
  const { path, remove } = await scratch()
  try {
    const ledger = await openLedger(path, () => T0 + DAY)
    await ledger.append([usage('a', { customer: 'acme', tier: 'tier_1', cost: 6_000_000n })])
    await ledger.backup(join(path, 'copy.duckdb'))
    await ledger.close()
    const copy = await DuckDBInstance.create(join(path, 'copy.duckdb'), { access_mode: 'READ_ONLY' })
    const connection = await copy.connect()
    try {
      return await job(async (sql) => (await connection.runAndReadAll(sql)).getRowObjects())
    } finally {
      connection.closeSync()
      copy.closeSync()
    }
  } finally {
    await remove()
  }
}

test('docs/ledger.md asks what a copy of the ledger answers', async () => {
  const queries = blocks(PAGE, 'sql')
  expect(queries.length).toBeGreaterThan(0)
  await withCopy(async (run) => {
    for (const sql of queries)
      expect(await run(sql)).toEqual([{ customer: 'acme', tier: 'tier_1', calls: 1n, usd: 0.006 }])
  })
})

test('docs/ledger.md names every column of usage_event, and no other', async () => {
  const named = tableRows(PAGE.slice(PAGE.indexOf('## Asking it by SQL'))).flatMap(([columns = '']) =>
    [...columns.matchAll(/`(\w+)`/g)].map(([, name]) => name),
  )
  const columns = await withCopy((run) => run('DESCRIBE usage_event'))
  expect(named.sort()).toEqual(columns.map((column) => column.column_name).sort())
})
