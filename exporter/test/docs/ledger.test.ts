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

/** Names in the first cells of the first table after a text of the page. */
function namedAfter(text: string): string[] {
  const found = PAGE.indexOf(text)
  expect(found, `${text} is on the page`).toBeGreaterThan(-1)
  const [table = ''] = /^\|.*?(?=\n\n|$(?![\s\S]))/ms.exec(PAGE.slice(found)) ?? []
  return tableRows(table).flatMap(([columns = '']) => [...columns.matchAll(/`(\w+)`/g)].map(([, name]) => String(name)))
}

test.each([
  ['usage_event', '## Asking it by SQL'],
  ['metered', '\n`metered` has'],
  ['observation', '\n`observation` has'],
  ['score', '\n`score` has'],
])('docs/ledger.md names every column of %s, and no other', async (table, text) => {
  const columns = await withCopy((run) => run(`DESCRIBE ${table}`))
  expect(namedAfter(text).sort()).toEqual(columns.map((column) => column.column_name).sort())
})

test('docs/ledger.md names the view that holds all that was metered', async () => {
  expect(PAGE).toContain('`metered_sum`')
  expect(await withCopy((run) => run('SELECT * FROM metered_sum'))).toEqual([])
})
