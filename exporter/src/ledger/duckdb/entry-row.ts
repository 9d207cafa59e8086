import type { Correction, Entry, Usage } from '../../usage.ts'
import { fromJson, toJson } from '../entry-json.ts'
import type { KeyHash } from '../key.ts'
import type { Recorded, Row } from '../ledger.ts'
import { bigint, type Column, text } from './append.ts'
import type { Typed } from './typed-row.ts'

/** Entries that come seldom: kept as JSON. */
export type OtherEntry = Exclude<Entry, Usage | Correction | Typed>

export interface EntryRow extends Recorded<OtherEntry> {
  readonly hash: KeyHash
}

export const ENTRY_COLUMNS: readonly Column<EntryRow>[] = [
  bigint('seq', (row) => BigInt(row.seq)),
  bigint('recorded', (row) => BigInt(row.at)),
  bigint('k', (row) => row.hash.high),
  bigint('k2', (row) => row.hash.low),
  text('kind', (row) => row.entry.kind),
  text('body', bodyOf),
]

/** Which of its values had series of their own stands in the body beside them; the table has no column for it. */
function bodyOf({ entry, named }: EntryRow): string {
  return toJson(entry.kind === 'attempt' || entry.kind === 'fallback' ? { ...entry, named } : entry)
}

/** A stored row → the entry that was recorded. */
export function entryOf(row: Row): Recorded<OtherEntry> {
  const { named = 0, ...entry } = fromJson(String(row.body)) as OtherEntry & { readonly named?: number }
  return { seq: Number(row.seq), at: Number(row.recorded), named, names: 0, entry: entry as OtherEntry }
}
