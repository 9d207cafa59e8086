import type { DuckDBConnection } from '@duckdb/node-api'
import { type Entry, totalTokens, type Usage } from '../../usage.ts'
import { type KeyHash, keyId, keyWord } from '../key.ts'
import type { Conflict, Row } from '../ledger.ts'
import type { RecentKeys } from '../recent.ts'
import { appendRows, bigint, type Column } from './append.ts'
import { rows } from './connect.ts'
import { type EntryTable, TABLES_OF_ENTRIES, TIMED_TABLES } from './typed.ts'

/** What the ledger says of an event that was reported again; null for entries of other kinds. */
export interface Kept {
  readonly cost: bigint | null
  readonly tokens: number
  readonly status: string
}

/** A key that is looked for: in which table, and when its entry is said to have started; null for those without a start. */
export interface Asked {
  readonly hash: KeyHash
  readonly table: EntryTable
  readonly start: number | null
}

/** A second report of a call names the same start, give or take how it was rounded. */
const NEAR_MS = 3_600_000

/**
 * Finds which keys the file already holds, with what it says of them. First among the entries that started about then, which
 * the engine finds without reading the others; only keys that are not there are looked for in the whole table.
 */
export async function lookUp(connection: DuckDBConnection, asked: readonly Asked[]): Promise<Map<string, Kept | null>> {
  const found = new Map<string, Kept | null>()
  for (const table of TABLES_OF_ENTRIES) {
    const own = asked.filter((key) => key.table === table)
    if (own.length > 0) await lookIn(connection, table, { asked: own, found })
  }
  return found
}

interface Search {
  readonly asked: readonly Asked[]
  readonly found: Map<string, Kept | null>
}

async function lookIn(connection: DuckDBConnection, table: EntryTable, { asked, found }: Search): Promise<void> {
  await ask(connection, asked)
  if (table === 'entry') return keep(connection, table, { where: 'true', found })
  const starts = asked.map(({ start }) => start ?? 0)
  const from = starts.reduce((least, start) => Math.min(least, start)) - NEAR_MS
  const to = starts.reduce((most, start) => Math.max(most, start)) + NEAR_MS
  await keep(connection, table, { where: `start BETWEEN ${Math.floor(from)} AND ${Math.ceil(to)}`, found })
  const missing = asked.filter(({ hash }) => !found.has(hash.id))
  if (missing.length === 0) return
  await ask(connection, missing)
  await keep(connection, table, { where: 'true', found })
}

/**
 * Finds which of some keys the file holds, of entries of any kind. `recent` knows all of those that started at `recentFrom` or
 * later, so that others are looked for only among the older ones. Returns them in the form of maps.
 */
export async function findKeys(
  connection: DuckDBConnection,
  hashes: readonly KeyHash[],
  { recent, recentFrom }: { readonly recent: RecentKeys; readonly recentFrom: number },
): Promise<Set<string>> {
  const found = new Map<string, Kept | null>()
  const look = async (some: readonly KeyHash[], tables: readonly EntryTable[], where: string) => {
    if (some.length === 0) return
    await ask(
      connection,
      some.map((hash) => ({ hash })),
    )
    for (const table of tables) await keep(connection, table, { where, found })
  }
  const maybe = hashes.filter(({ id }) => recent.has(keyWord(id)))
  const surelyNotRecent = hashes.filter(({ id }) => !recent.has(keyWord(id)))
  await look(maybe, TABLES_OF_ENTRIES, 'true')
  await look(surelyNotRecent, TIMED_TABLES, `start < ${Math.ceil(recentFrom)}`)
  return new Set(found.keys())
}

async function ask(connection: DuckDBConnection, asked: readonly Pick<Asked, 'hash'>[]): Promise<void> {
  await connection.run('CREATE TEMP TABLE IF NOT EXISTS asked (k BIGINT, k2 BIGINT)')
  await connection.run('DELETE FROM asked')
  await appendRows(connection, 'asked', ASKED_COLUMNS, asked)
}

const ASKED_COLUMNS: readonly Column<Pick<Asked, 'hash'>>[] = [
  bigint('k', (key) => key.hash.high),
  bigint('k2', (key) => key.hash.low),
]

interface Keeping {
  readonly where: string
  readonly found: Map<string, Kept | null>
}

/** Notes the asked keys that are in a table; of events also what is compared with a second report. */
async function keep(connection: DuckDBConnection, table: EntryTable, { where, found }: Keeping): Promise<void> {
  const keys = `FROM ${table} SEMI JOIN asked USING (k, k2) WHERE ${where}`
  if (table !== 'event') return note(await rows(connection, `SELECT k, k2 ${keys}`), () => null, found)
  const list = await rows(
    connection,
    `SELECT e.k, e.k2, e.cost, n.basis, n.status, e.input::BIGINT + e.cache_read + e.cache_write_5m + e.cache_write_1h
       + e.output + e.reasoning + e.input_audio + e.output_audio + e.input_image + e.output_image AS tokens
     FROM (SELECT * ${keys}) e JOIN name_set n ON n.id = e.names`,
  )
  note(list, keptOf, found)
}

function note(list: readonly Row[], of: (row: Row) => Kept | null, found: Map<string, Kept | null>): void {
  for (const row of list) found.set(keyId(row.k as bigint, row.k2 as bigint), of(row))
}

function keptOf(row: Row): Kept {
  return {
    cost: row.basis === 'unpriced' ? null : (row.cost as bigint),
    tokens: Number(row.tokens),
    status: String(row.status),
  }
}

/** What an event says, in the form in which second reports are compared. */
export function keptFrom(entry: Entry): Kept | null {
  return entry.kind === 'usage' ? { cost: entry.cost, tokens: totalTokens(entry.tokens), status: entry.status } : null
}

/** The first thing in which a second report differs from what is kept, or null. */
export function conflictOf(entry: Usage, kept: Kept): Conflict | null {
  const say = (field: Conflict['field'], was: unknown, is: unknown): Conflict => ({
    key: entry.key,
    field,
    kept: String(was),
    reported: String(is),
  })
  if (kept.cost !== entry.cost) return say('cost', kept.cost, entry.cost)
  const tokens = totalTokens(entry.tokens)
  if (kept.tokens !== tokens) return say('tokens', kept.tokens, tokens)
  return kept.status === entry.status ? null : say('status', kept.status, entry.status)
}
