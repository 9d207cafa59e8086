import type { DuckDBConnection } from '@duckdb/node-api'
import { type Entry, totalTokens, type Usage } from '../../usage.ts'
import { type KeyHash, keyId } from '../key.ts'
import type { Conflict, Row } from '../ledger.ts'
import { appendRows, bigint, type Column } from './append.ts'
import { rows } from './connect.ts'

/** What the ledger says of an event that was reported again; null for entries of other kinds. */
export interface Kept {
  readonly cost: bigint | null
  readonly tokens: number
  readonly status: string
}

/** A key that is looked for, and when its event is said to have started; null for entries that are no events. */
export interface Asked {
  readonly hash: KeyHash
  readonly start: number | null
}

/** A second report of a call names the same start, give or take how it was rounded. */
const NEAR_MS = 3_600_000

/**
 * Finds which keys the file already holds, with what it says of them. First among the events that started about then, which
 * the engine finds without reading the others; only keys that are not there are looked for in the whole table.
 */
export async function lookUp(connection: DuckDBConnection, asked: readonly Asked[]): Promise<Map<string, Kept | null>> {
  const found = new Map<string, Kept | null>()
  const events = asked.filter(({ start }) => start !== null)
  const others = asked.filter(({ start }) => start === null)
  if (events.length > 0) {
    const starts = events.map(({ start }) => start ?? 0)
    const from = starts.reduce((least, start) => Math.min(least, start)) - NEAR_MS
    const to = starts.reduce((most, start) => Math.max(most, start)) + NEAR_MS
    await ask(connection, events)
    await keep(connection, `start BETWEEN ${Math.floor(from)} AND ${Math.ceil(to)}`, found)
    const missing = events.filter(({ hash }) => !found.has(hash.id))
    if (missing.length > 0) {
      await ask(connection, missing)
      await keep(connection, 'true', found)
    }
  }
  if (others.length > 0) {
    await ask(connection, others)
    for (const row of await rows(connection, 'SELECT k, k2 FROM entry SEMI JOIN asked USING (k, k2)')) {
      found.set(keyId(row.k as bigint, row.k2 as bigint), null)
    }
  }
  return found
}

async function ask(connection: DuckDBConnection, asked: readonly Asked[]): Promise<void> {
  await connection.run('CREATE TEMP TABLE IF NOT EXISTS asked (k BIGINT, k2 BIGINT)')
  await connection.run('DELETE FROM asked')
  await appendRows(connection, 'asked', ASKED_COLUMNS, asked)
}

const ASKED_COLUMNS: readonly Column<Asked>[] = [
  bigint('k', (key) => key.hash.high),
  bigint('k2', (key) => key.hash.low),
]

async function keep(connection: DuckDBConnection, where: string, found: Map<string, Kept | null>): Promise<void> {
  const list = await rows(
    connection,
    `SELECT e.k, e.k2, e.cost, n.basis, n.status, e.input::BIGINT + e.cache_read + e.cache_write_5m + e.cache_write_1h
       + e.output + e.reasoning + e.input_audio + e.output_audio + e.input_image + e.output_image AS tokens
     FROM (SELECT * FROM event SEMI JOIN asked USING (k, k2) WHERE ${where}) e JOIN name_set n ON n.id = e.names`,
  )
  for (const row of list) found.set(keyId(row.k as bigint, row.k2 as bigint), keptOf(row))
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
