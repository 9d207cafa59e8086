import type { DuckDBConnection } from '@duckdb/node-api'
import type { Entry } from '../../usage.ts'
import type { KeyHash } from '../key.ts'
import type { Recorded, Row } from '../ledger.ts'
import { appendRows } from './append.ts'
import { METERED } from './metered-row.ts'
import { OBSERVATION } from './observation-row.ts'
import { SCORE } from './score-row.ts'
import type { Typed, TypedRow, TypedTable } from './typed-row.ts'

export type TypedKind = Typed['kind']

/** The tables by their kind, which is also their name. */
const TABLES = { metered: METERED, observation: OBSERVATION, score: SCORE } as unknown as Readonly<
  Record<TypedKind, TypedTable>
>
export const TYPED_KINDS = ['metered', 'observation', 'score'] as const satisfies readonly TypedKind[]

/** Tables whose rows have a moment (`start`) and its local day, and that retention folds away. */
export const TIMED_TABLES = ['event', ...TYPED_KINDS] as const
export type TimedTable = (typeof TIMED_TABLES)[number]

/** All tables of entries. */
export const TABLES_OF_ENTRIES = [...TIMED_TABLES, 'entry'] as const
export type EntryTable = (typeof TABLES_OF_ENTRIES)[number]

export function isTyped(entry: Entry): entry is Typed {
  return entry.kind in TABLES
}

/** In which table entries of a kind lie. */
export function tableOf(kind: Entry['kind']): EntryTable {
  if (kind === 'usage' || kind === 'correction') return 'event'
  return kind in TABLES ? (kind as TypedKind) : 'entry'
}

/** Hashes of what an entry refers to. */
export function idsOf(entry: Typed): readonly KeyHash[] {
  return TABLES[entry.kind].idsOf(entry)
}

/** Why an entry cannot be kept, in a sentence; null when it can. */
export function unfit(entry: Typed): string | null {
  return TABLES[entry.kind].unfit(entry)
}

/** A row of a table → the entry that was recorded, but for keys, which come back as their hashes. */
export function typedOf(kind: TypedKind, row: Row): Recorded<Typed> {
  const entry = TABLES[kind].entryOf(row)
  return { seq: Number(row.seq), at: Number(row.recorded), named: 0, names: 0, entry }
}

/** Appends entries, each to the table of its kind. */
export async function appendTyped(connection: DuckDBConnection, rows: readonly TypedRow[]): Promise<void> {
  if (rows.length === 0) return
  for (const kind of TYPED_KINDS) {
    const own = rows.filter((row) => row.entry.kind === kind)
    await appendRows(connection, kind, TABLES[kind].columns, own)
  }
}
