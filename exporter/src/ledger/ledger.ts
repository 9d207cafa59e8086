import type { Entry, EntryKind, Usage } from '../usage.ts'

/** An entry with its place in the one sequence. Numbers rise without repeating; a gap is no loss. */
export interface Recorded<E extends Entry = Entry> {
  readonly seq: number
  /** When it became durable, epoch milliseconds by the ledger's clock. */
  readonly at: number
  /**
   * Which values had series of their own when the entry was recorded: bit i for the value of label i (see `admission.ts`), for
   * a fallback FALLBACK_BITS; 0 for other kinds.
   */
  readonly named: number
  /** Events with the same number share all their names (tier, model, …); 0 for other kinds. Only for caching. */
  readonly names: number
  readonly entry: E
}

/** A second report of an event that says something else about cost or tokens. The first report stands. */
export interface Conflict {
  readonly key: string
  readonly field: 'cost' | 'tokens' | 'status'
  readonly kept: string
  readonly reported: string
}

/** An entry that was not taken, by its place in the append. */
export interface Refusal {
  readonly index: number
  readonly reason: string
}

/** How many entries were new, and how many were there already. */
export interface Taken {
  readonly accepted: number
  readonly duplicates: number
}

/** What became of the entries of one append: each was accepted, a duplicate, or refused. */
export interface Receipt {
  /** Sequence number of the last entry of the commit that this append was part of. */
  readonly seq: number
  readonly accepted: number
  readonly duplicates: number
  /** The same for each kind of entry that the append held. */
  readonly byKind: Readonly<Partial<Record<EntryKind, Taken>>>
  readonly conflicts: readonly Conflict[]
  readonly refused: readonly Refusal[]
}

export interface Snapshot<S> {
  /** The state holds every entry up to and with this number. */
  readonly seq: number
  readonly state: S
}

/** Reads a view's starting state at one sequence number. `rows` runs SQL in the snapshot's own read transaction. */
export type SnapshotReader<S> = (rows: RowReader, seq: number) => Promise<S>
export type Row = Readonly<Record<string, unknown>>
export type RowReader = (sql: string, params?: Readonly<Record<string, SqlValue>>) => Promise<Row[]>
export type SqlValue = string | number | bigint | boolean | null
export type Close = () => Promise<void>

export interface LedgerHealth {
  readonly writable: boolean
  /** Why it cannot be written, in a sentence; null while it can. */
  readonly reason: string | null
  readonly since: number
  readonly seq: number
  readonly waitingEvents: number
  readonly waitingBytes: number
}

/**
 * The one exact record of usage. Two engines stand behind it; `testLedger(engine)` is the written contract.
 *
 * - `append` resolves when the entries are durable and no earlier; the same idempotency key is one event. It rejects with
 *   LedgerBusy (too much waiting: nothing of it was kept) or LedgerUnavailable (cannot be written now). Then nothing is
 *   acknowledged: hand it in again, its keys make it count once.
 * - `snapshot` + `follow(seq + 1)` show every entry exactly once; `follow` never delivers n after m > n.
 * - `query` answers one of the named questions in `queries/`.
 */
export interface Ledger {
  append(entries: readonly Entry[]): Promise<Receipt>
  snapshot<S>(read: SnapshotReader<S>): Promise<Snapshot<S>>
  follow(from: number, onEntries: (batch: readonly Recorded[]) => void): Close
  query(name: string, params?: Readonly<Record<string, SqlValue>>): Promise<Row[]>
  /** Entries of a kind in sequence order, from a number on: for audits, exports and rebuilding. */
  read(from: number, limit: number, kind?: EntryKind): Promise<Recorded[]>
  /**
   * Which idempotency keys are recorded, of entries of any kind and age; those that retention has folded away are not. A key
   * that was read back from a ledger stands for the one that it is the hash of.
   */
  has(keys: readonly string[]): Promise<ReadonlySet<string>>
  /** Usage without a price that was not priced since, in sequence order, from a number on. */
  unpriced(from: number, limit: number): Promise<Recorded<Usage>[]>
  health(): LedgerHealth
  /** Small values that must survive, such as a source's watermark. Durable when `remember` resolves. */
  remember(name: string, value: string): Promise<void>
  recall(name: string): Promise<string | null>
  /** Copies the ledger, consistent, into a new file while it stays open. */
  backup(file: string): Promise<void>
  /**
   * Folds events, metered amounts and runs of tools of days before `day` (a local day number) into the baseline and deletes them,
   * and the observations and scores of those days. Returns how many events went.
   */
  retire(day: number): Promise<number>
  /** Writes what is waiting, then closes. */
  close(): Promise<void>
}

/** Too much is waiting to be written. Nothing of this append was kept; try again after `retryAfterMs`. */
export class LedgerBusy extends Error {
  override readonly name = 'LedgerBusy'
  readonly retryAfterMs: number
  constructor(message: string, retryAfterMs: number) {
    super(message)
    this.retryAfterMs = retryAfterMs
  }
}

/** The ledger cannot be written now (disk full, directory read-only, …). Nothing of this append is acknowledged. */
export class LedgerUnavailable extends Error {
  override readonly name = 'LedgerUnavailable'
}
