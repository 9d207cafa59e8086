import type { DuckDBConnection } from '@duckdb/node-api'
import type { Calendar } from '../../calendar.ts'
import type { Admission, Correction, Entry, EntryKind, Usage } from '../../usage.ts'
import { hashKey, type KeyHash, keyWord } from '../key.ts'
import type { Conflict, Receipt, Recorded, Refusal, Taken } from '../ledger.ts'
import { appendRows } from './append.ts'
import { ENTRY_COLUMNS, type EntryRow, type OtherEntry } from './entry-row.ts'
import { CORRECTED_COLUMNS, correctedOf, EVENT_COLUMNS, type EventRow } from './event-row.ts'
import { type Asked, conflictOf, type Kept, keptFrom, lookUp } from './lookup.ts'
import { appendNames } from './names.ts'
import type { State } from './state.ts'
import { appendTyped, idsOf, isTyped, tableOf, unfit } from './typed.ts'
import { momentOf, type TypedRow } from './typed-row.ts'

export interface Committed {
  readonly receipts: Receipt[]
  readonly batch: Recorded[]
}

/**
 * Makes several appends durable in one transaction: finds what is already there, numbers the rest in order with the
 * admissions that it brings about, and writes. When it throws, the file holds nothing of it, but the state in memory must be
 * read again.
 */
export async function commit(
  state: State,
  calendar: Calendar,
  at: number,
  appends: readonly (readonly Entry[])[],
): Promise<Committed> {
  const hashes = appends.map((entries) => entries.map((entry) => hashKey(entry.key)))
  const kept = await lookUp(state.writer, doubtful(state, appends, hashes))
  const within = new Map<string, Entry>()
  const numbered = createNumbering(state, calendar, at)
  const receipts = appends.map((entries, a) => {
    const tally: Tally = { accepted: 0, duplicates: 0, byKind: {}, conflicts: [], refused: [] }
    entries.forEach((entry, index) => {
      const hash = hashes[a]?.[index] as KeyHash
      const reason = refusal(state, calendar, entry)
      if (reason !== null) tally.refused.push({ index, reason })
      else if (kept.has(hash.id)) noteDuplicate(tally, entry, kept.get(hash.id) ?? null)
      else if (within.has(hash.id)) noteDuplicate(tally, entry, keptFrom(within.get(hash.id) as Entry))
      else {
        within.set(hash.id, entry)
        numbered.add(entry, hash)
        note(tally, entry, 'accepted')
      }
    })
    return tally
  })
  if (numbered.batch.length > 0) await write(state.writer, state, numbered)
  for (const row of numbered.events) state.recent.add(keyWord(row.hash.id))
  for (const row of numbered.typed) state.recent.add(keyWord(row.hash.id))
  for (const row of numbered.others) state.recent.add(keyWord(row.hash.id))
  return { receipts: receipts.map((tally) => ({ seq: state.seq, ...tally })), batch: numbered.batch }
}

interface Tally {
  accepted: number
  duplicates: number
  byKind: Partial<Record<EntryKind, { -readonly [K in keyof Taken]: number }>>
  conflicts: Conflict[]
  refused: Refusal[]
}

/** Keys that the set of recent keys cannot answer for. */
function doubtful(state: State, appends: readonly (readonly Entry[])[], hashes: readonly KeyHash[][]): Asked[] {
  const list: Asked[] = []
  for (const [a, entries] of appends.entries()) {
    for (const [index, entry] of entries.entries()) {
      const hash = hashes[a]?.[index] as KeyHash
      const start = startOf(entry)
      const old = start !== null && start < state.recentFrom
      if (old || state.recent.has(keyWord(hash.id))) list.push({ hash, table: tableOf(entry.kind), start })
    }
  }
  return list
}

/** When an entry began that retention folds away with its day; null for those that stay. */
function startOf(entry: Entry): number | null {
  if (isEvent(entry)) return entry.start
  return isTyped(entry) ? momentOf(entry) : null
}

function isEvent(entry: Entry): entry is Usage | Correction {
  return entry.kind === 'usage' || entry.kind === 'correction'
}

/** A fallback goes with its event: it must not be counted where the call is not. */
function refusal(state: State, calendar: Calendar, entry: Entry): string | null {
  const wrong = isTyped(entry) ? unfit(entry) : null
  if (wrong !== null) return wrong
  const start = entry.kind === 'fallback' ? entry.start : startOf(entry)
  if (start === null || calendar.day(start) >= state.retiredBefore) return null
  return `started at ${new Date(start).toISOString()}, in a day whose single events were already folded away by retention; a second report of one could not be told from a new one`
}

function note(tally: Tally, { kind }: Entry, what: keyof Taken): void {
  tally[what]++
  let ofKind = tally.byKind[kind]
  if (!ofKind) {
    ofKind = { accepted: 0, duplicates: 0 }
    tally.byKind[kind] = ofKind
  }
  ofKind[what]++
}

function noteDuplicate(tally: Tally, entry: Entry, kept: Kept | null): void {
  note(tally, entry, 'duplicates')
  const conflict = kept && entry.kind === 'usage' ? conflictOf(entry, kept) : null
  if (conflict) tally.conflicts.push(conflict)
}

interface Numbering {
  readonly events: EventRow[]
  readonly typed: TypedRow[]
  readonly others: EntryRow[]
  readonly batch: Recorded[]
  add(entry: Entry, hash: KeyHash): void
}

/** Gives out sequence numbers, in the order of the batch. */
function createNumbering(state: State, calendar: Calendar, at: number): Numbering {
  const events: EventRow[] = []
  const typed: TypedRow[] = []
  const others: EntryRow[] = []
  const batch: Recorded[] = []
  const other = (entry: OtherEntry, hash: KeyHash, named = 0) => {
    const row: EntryRow = { seq: ++state.seq, at, named, names: 0, entry, hash }
    others.push(row)
    batch.push(row)
  }
  const admit = (admission: Admission) => {
    const key = `admission:${admission.label}:${admission.value}:${state.seq + 1}`
    other({ ...admission, key }, hashKey(key))
  }
  return {
    events,
    typed,
    others,
    batch,
    add(entry, hash) {
      if (entry.kind === 'attempt') return other(entry, hash, state.admissions.nameAttempt(entry, admit))
      if (entry.kind === 'fallback') return other(entry, hash, state.admissions.nameFallback(entry, admit))
      if (isTyped(entry)) {
        const day = calendar.day(momentOf(entry))
        const row: TypedRow = { seq: ++state.seq, at, named: 0, names: 0, entry, hash, day, ids: idsOf(entry) }
        typed.push(row)
        batch.push(row)
        return
      }
      if (!isEvent(entry)) return other(entry, hash)
      const names = state.names.idOf(entry)
      const named =
        entry.kind === 'usage' ? state.admissions.name(entry, names, at, admit) : state.admissions.nameCorrection(entry)
      const row = {
        seq: ++state.seq,
        at,
        named,
        names,
        entry,
        hash,
        day: calendar.day(entry.start),
      }
      events.push(row)
      batch.push(row)
    },
  }
}

async function write(connection: DuckDBConnection, state: State, numbered: Numbering): Promise<void> {
  await connection.run('BEGIN')
  try {
    await appendNames(connection, state.names.take())
    await appendRows(connection, 'event', EVENT_COLUMNS, numbered.events)
    await appendRows(connection, 'correction_of', CORRECTED_COLUMNS, numbered.events.flatMap(correctedOf))
    await appendTyped(connection, numbered.typed)
    await appendRows(connection, 'entry', ENTRY_COLUMNS, numbered.others)
    await connection.run('COMMIT')
  } catch (cause) {
    await connection.run('ROLLBACK').catch(() => undefined)
    throw cause
  }
}
