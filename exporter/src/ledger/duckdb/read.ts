import type { DuckDBConnection } from '@duckdb/node-api'
import type { EntryKind, Usage } from '../../usage.ts'
import type { Recorded, Row } from '../ledger.ts'
import { rows } from './connect.ts'
import { entryOf } from './entry-row.ts'
import { eventOf, READ_EVENTS } from './event-row.ts'
import { type EntryTable, TABLES_OF_ENTRIES, tableOf, typedOf } from './typed.ts'

/** Entries from a number on, in order, at most `limit`; of one kind if it is named. */
export async function readEntries(
  connection: DuckDBConnection,
  from: number,
  limit: number,
  kind?: EntryKind,
): Promise<Recorded[]> {
  const all: Recorded[] = []
  let to = Number.MAX_SAFE_INTEGER
  for (const { table, columns, of } of kind ? [sourceOf(tableOf(kind))] : TABLES_OF_ENTRIES.map(sourceOf)) {
    const list = await rows(
      connection,
      `${columns} WHERE e.seq >= $from AND e.seq <= $to ${kind ? KINDS[table](kind) : ''} ORDER BY e.seq LIMIT $limit`,
      { from, to, limit },
    )
    for (const row of list) all.push(of(row))
    // A table that fills the page by itself says how far it reaches, and no other is read beyond that.
    if (list.length === limit) to = all.at(-1)?.seq ?? to
  }
  return all.sort((a, b) => a.seq - b.seq).slice(0, limit)
}

interface TableSource {
  readonly table: EntryTable
  readonly columns: string
  readonly of: (row: Row) => Recorded
}

function sourceOf(table: EntryTable): TableSource {
  if (table === 'event') return { table, columns: READ_EVENTS, of: eventOf }
  const columns = `SELECT * FROM ${table} e`
  return { table, columns, of: table === 'entry' ? entryOf : (row) => typedOf(table, row) }
}

/** What tells the kinds apart that share a table. */
const KINDS: Readonly<Record<EntryTable, (kind: EntryKind) => string>> = {
  event: (kind) => `AND e.kind = ${kind === 'usage' ? 0 : 1}`,
  entry: (kind) => `AND e.kind = '${kind}'`,
  metered: () => '',
  observation: () => '',
  score: () => '',
}

/** Usage without a price that no correction speaks of. */
export async function readUnpriced(
  connection: DuckDBConnection,
  from: number,
  limit: number,
): Promise<Recorded<Usage>[]> {
  const list = await rows(
    connection,
    `${READ_EVENTS} WHERE e.seq >= $from AND e.kind = 0 AND n.basis = 'unpriced'
       AND NOT EXISTS (SELECT 1 FROM correction_of c WHERE c.of_k = e.k AND c.of_k2 = e.k2)
     ORDER BY e.seq LIMIT $limit`,
    { from, limit },
  )
  return list.map((row) => eventOf(row) as Recorded<Usage>)
}
