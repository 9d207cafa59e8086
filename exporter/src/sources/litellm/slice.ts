import type { Receipt } from '../../ledger/ledger.ts'
import type { Attempt, Entry } from '../../usage.ts'
import type { Piece } from '../json-stream.ts'
import { outlineOf, type Quarantine } from '../quarantine.ts'
import type { EventResult, Recorder, SourceDeps } from '../source.ts'
import { contextOf } from './context.ts'
import type { Event, EventContext } from './event.ts'
import { type Json, Refused } from './read.ts'

export interface Refusal {
  readonly index: number
  readonly reason: string
  /** The record itself, 13 kB and more, is let go. */
  readonly outline: ReturnType<typeof outlineOf>
}

/** Makes of one record what is to be kept of it. Throws Refused when it cannot be used. */
export type Reader = (record: Json, context: EventContext) => Event | Attempt

/** Records on their way into the ledger: a bounded part of what one request or page brings. */
export class Slice {
  /** In their order, a fallback behind its event: they become durable together. */
  readonly entries: Entry[] = []
  readonly remarks: EventResult[] = []
  refused: Refusal[] = []
  /** Records that were read or refused. */
  size = 0
  private readonly places: number[] = []
  private readonly read: Reader
  private readonly context: EventContext

  constructor(read: Reader, deps: SourceDeps) {
    this.read = read
    this.context = contextOf(deps)
  }

  add(piece: Exclude<Piece, { kind: 'broken' }>): void {
    this.size++
    if (piece.kind === 'refused') {
      this.refused.push({ index: piece.index, reason: piece.reason, outline: {} })
      return
    }
    try {
      this.keep(this.read(piece.value, this.context), piece.index)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      this.refused.push({ index: piece.index, reason: error.message, outline: outlineOf(piece.value) })
    }
  }

  /** The ledger did not take an entry. A fallback is refused with its event, which says it for both. */
  refuse(entry: number, reason: string): void {
    if (this.entries[entry]?.kind === 'fallback') return
    this.refused.push({ index: this.places[entry] ?? entry, reason, outline: {} })
  }

  private keep(made: Event | Attempt, index: number): void {
    if ('usage' in made) {
      this.put(made.usage, index)
      if (made.fallback !== null) this.put(made.fallback, index)
      this.remarks.push(...made.remarks)
    } else this.put(made, index)
  }

  private put(entry: Entry, index: number): void {
    this.entries.push(entry)
    this.places.push(index)
  }
}

export interface SliceTarget {
  readonly recorder: Recorder
  readonly deps: SourceDeps
  readonly quarantine: Quarantine
  readonly source: string
}

/** What became of a slice, as numbers of records: each was accepted, an attempt, a duplicate, or refused. */
export interface Outcome {
  readonly accepted: number
  readonly attempts: number
  readonly duplicates: number
  readonly conflicts: number
}

/**
 * Makes a slice durable; only then counts it and puts what was refused into quarantine, so that a sender who has to try again
 * leaves no trace twice. Rejects with what the recorder rejects with.
 */
export async function recordSlice(slice: Slice, target: SliceTarget): Promise<Outcome> {
  const { recorder, deps, quarantine, source } = target
  const { report } = deps
  const receipt = slice.entries.length === 0 ? NOTHING : await recorder(slice.entries)
  for (const { index, reason } of receipt.refused) slice.refuse(index, reason)
  const outcome = outcomeOf(receipt)
  report.count('accepted', outcome.accepted)
  report.count('duplicate', outcome.duplicates)
  report.count('conflict', outcome.conflicts)
  report.count('refused', slice.refused.length)
  report.count('attempt', outcome.attempts)
  // Told with each report of its call, so it is counted when it is new, like a remark.
  report.count('fallback', receipt.byKind.fallback?.accepted ?? 0)
  for (const remark of slice.remarks) report.count(remark)
  for (const { reason, outline } of slice.refused) quarantine.add(source, reason, outline)
  return outcome
}

function outcomeOf({ byKind: { usage = NONE, attempt = NONE }, conflicts }: Receipt): Outcome {
  return {
    accepted: usage.accepted,
    attempts: attempt.accepted,
    duplicates: usage.duplicates + attempt.duplicates,
    conflicts: conflicts.length,
  }
}

const NONE = { accepted: 0, duplicates: 0 }
const NOTHING: Receipt = { seq: 0, ...NONE, byKind: {}, conflicts: [], refused: [] }
