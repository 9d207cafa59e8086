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

/** Finds which keys the file already holds, with what it says of them. */
export async function lookUp(
  connection: DuckDBConnection,
  keys: readonly KeyHash[],
): Promise<Map<string, Kept | null>> {
  const found = new Map<string, Kept | null>()
  if (keys.length === 0) return found
  await connection.run('CREATE TEMP TABLE IF NOT EXISTS asked (k BIGINT, k2 BIGINT)')
  await connection.run('DELETE FROM asked')
  await appendRows(connection, 'asked', ASKED_COLUMNS, keys)
  const add = (row: Row, kept: Kept | null) => found.set(keyId(row.k as bigint, row.k2 as bigint), kept)
  for (const row of await rows(connection, KEPT_EVENTS)) add(row, keptOf(row))
  for (const row of await rows(connection, 'SELECT k, k2 FROM entry SEMI JOIN asked USING (k, k2)')) add(row, null)
  return found
}

const ASKED_COLUMNS: readonly Column<KeyHash>[] = [bigint('k', (key) => key.high), bigint('k2', (key) => key.low)]

const KEPT_EVENTS = `
  SELECT e.k, e.k2, e.cost, n.basis, n.status, e.input::BIGINT + e.cache_read + e.cache_write_5m + e.cache_write_1h
    + e.output + e.reasoning + e.input_audio + e.output_audio + e.input_image + e.output_image AS tokens
  FROM (SELECT * FROM event SEMI JOIN asked USING (k, k2)) e JOIN name_set n ON n.id = e.names`

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
