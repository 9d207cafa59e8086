import type { Receipt } from '../../ledger/ledger.ts'
import type { Piece } from '../json-stream.ts'
import { outlineOf, type Quarantine } from '../quarantine.ts'
import type { Recorder, SourceDeps } from '../source.ts'
import type { Call } from './call.ts'
import { contextOf } from './context.ts'
import { type Event, type EventContext, eventOf } from './event.ts'
import { type Json, Refused } from './read.ts'

export interface Refusal {
  readonly index: number
  readonly reason: string
  /** The record itself, 13 kB and more, is let go. */
  readonly outline: ReturnType<typeof outlineOf>
}

/** Records on their way into the ledger: a bounded part of what one request or page brings. */
export class Slice {
  readonly events: (Event & { readonly index: number })[] = []
  refused: Refusal[] = []
  private readonly read: (record: Json) => Call
  private readonly context: EventContext

  constructor(read: (record: Json) => Call, deps: SourceDeps) {
    this.read = read
    this.context = contextOf(deps)
  }

  get size(): number {
    return this.events.length + this.refused.length
  }

  add(piece: Exclude<Piece, { kind: 'broken' }>): void {
    if (piece.kind === 'refused') {
      this.refused.push({ index: piece.index, reason: piece.reason, outline: {} })
      return
    }
    try {
      this.events.push({ ...eventOf(this.read(piece.value), this.context), index: piece.index })
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      this.refused.push({ index: piece.index, reason: error.message, outline: outlineOf(piece.value) })
    }
  }
}

export interface SliceTarget {
  readonly recorder: Recorder
  readonly deps: SourceDeps
  readonly quarantine: Quarantine
  readonly source: string
}

/**
 * Makes a slice durable; only then counts it and puts what was refused into quarantine, so that a sender who has to try again
 * leaves no trace twice. Rejects with what the recorder rejects with.
 */
export async function recordSlice(slice: Slice, target: SliceTarget): Promise<Receipt> {
  const { recorder, deps, quarantine, source } = target
  const { report } = deps
  const usages = slice.events.map((event) => event.usage)
  const receipt = usages.length === 0 ? NOTHING : await recorder(usages)
  for (const { index, reason } of receipt.refused) {
    slice.refused.push({ index: slice.events[index]?.index ?? index, reason, outline: {} })
  }
  const remarks = slice.events.flatMap((event) => event.remarks)
  report.count('accepted', receipt.accepted)
  report.count('duplicate', receipt.duplicates)
  report.count('conflict', receipt.conflicts.length)
  report.count('refused', slice.refused.length)
  for (const remark of remarks) report.count(remark)
  for (const { reason, outline } of slice.refused) quarantine.add(source, reason, outline)
  return receipt
}

const NOTHING: Receipt = { seq: 0, accepted: 0, duplicates: 0, conflicts: [], refused: [] }
