import { fromJson } from '../ledger/entry-json.ts'
import type { Close, Ledger, Recorded, RowReader } from '../ledger/ledger.ts'
import type { PlanPrice, RosterChange } from '../usage.ts'
import { createTimeline, type RosterRecord } from './timeline.ts'

/** The roster as a fold over the ledger: the same for everybody who reads it, after a restart too. */
export interface RosterFold {
  readonly timeline: RosterRecord
  /** Reads the ledger and follows it from there; resolves when it was read, rejects when it cannot be. */
  open(): Promise<void>
  /** Resolves when the entry with this number is taken in. */
  reached(seq: number): Promise<void>
  close(): Promise<void>
}

export function createRosterFold(ledger: Pick<Ledger, 'snapshot' | 'follow'>): RosterFold {
  const timeline = createTimeline()
  let seen = 0
  let waiting: { readonly seq: number; readonly wake: () => void }[] = []
  let stop: Close | null = null
  let closed = false
  const wake = () => {
    for (const one of waiting) if (one.seq <= seen || closed) one.wake()
    waiting = waiting.filter((one) => one.seq > seen && !closed)
  }
  const take = (batch: readonly Recorded[]) => {
    for (const { seq, entry } of batch) {
      if (entry.kind === 'roster_change' || entry.kind === 'plan_price') timeline.apply(entry, seq)
      seen = seq
    }
    wake()
  }
  return {
    timeline,
    async open() {
      const { seq, state } = await ledger.snapshot(readRoster)
      for (const one of state) timeline.apply(one.entry, one.seq)
      seen = seq
      if (!closed) stop = ledger.follow(seq + 1, take)
    },
    reached(seq) {
      if (seq <= seen || closed) return Promise.resolve()
      return new Promise((resolve) => waiting.push({ seq, wake: resolve }))
    },
    async close() {
      closed = true
      wake()
      await stop?.()
    },
  }
}

interface Read {
  readonly seq: number
  readonly entry: RosterChange | PlanPrice
}

async function readRoster(rows: RowReader): Promise<Read[]> {
  const list = await rows("SELECT seq, body FROM entry WHERE kind IN ('roster_change', 'plan_price') ORDER BY seq")
  return list.map((row) => ({ seq: Number(row.seq), entry: fromJson(String(row.body)) as RosterChange | PlanPrice }))
}
