import type { DuckDBConnection } from '@duckdb/node-api'
import type { EntryKind, Usage } from '../../usage.ts'
import type { Recorded } from '../ledger.ts'
import { rows } from './connect.ts'
import { entryOf } from './entry-row.ts'
import { eventOf, READ_EVENTS } from './event-row.ts'

/** Entries from a number on, in order, at most `limit`; of one kind if it is named. */
export async function readEntries(
  connection: DuckDBConnection,
  from: number,
  limit: number,
  kind?: EntryKind,
): Promise<Recorded[]> {
  const inEvents = kind === undefined || kind === 'usage' || kind === 'correction'
  const inEntries = kind === undefined || !inEvents
  const eventKind = kind === 'usage' ? 'AND e.kind = 0' : kind === 'correction' ? 'AND e.kind = 1' : ''
  const events = inEvents
    ? await rows(connection, `${READ_EVENTS} WHERE e.seq >= $from ${eventKind} ORDER BY e.seq LIMIT $limit`, {
        from,
        limit,
      })
    : []
  const others = inEntries
    ? await rows(
        connection,
        `SELECT * FROM entry WHERE seq >= $from ${kind ? 'AND kind = $kind' : ''} ORDER BY seq LIMIT $limit`,
        kind ? { from, limit, kind } : { from, limit },
      )
    : []
  const all: Recorded[] = [...events.map(eventOf), ...others.map(entryOf)]
  return all.sort((a, b) => a.seq - b.seq).slice(0, limit)
}

/** Usage without a price that no correction speaks of. */
export async function readUnpriced(
  connection: DuckDBConnection,
  from: number,
  limit: number,
): Promise<Recorded<Usage>[]> {
  const key = "'#' || lpad(lower(to_hex(e.k)), 16, '0') || lpad(lower(to_hex(e.k2)), 16, '0')"
  const list = await rows(
    connection,
    `${READ_EVENTS} WHERE e.seq >= $from AND e.kind = 0 AND n.basis = 'unpriced'
       AND ${key} NOT IN (SELECT extra->>'of' FROM event WHERE kind = 1)
     ORDER BY e.seq LIMIT $limit`,
    { from, limit },
  )
  return list.map((row) => eventOf(row) as Recorded<Usage>)
}
