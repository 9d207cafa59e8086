import { endKeys, heardKey, storedForm } from '../../src/budgets/calls.ts'
import type { Hold } from '../../src/budgets/holds.ts'
import type { BudgetLedger, Loaded } from '../../src/budgets/load.ts'
import { SESSION_GAP_MS, type SessionState } from '../../src/budgets/sessions.ts'
import type { Calendar } from '../../src/calendar.ts'
import { toJson } from '../../src/ledger/entry-json.ts'
import { LedgerUnavailable, type Receipt, type Recorded } from '../../src/ledger/ledger.ts'
import type { Correction, Entry, Usage } from '../../src/usage.ts'

/** A ledger in memory whose following the test steers, and which outlives the programs that open it. */
export interface MemoryLedger {
  readonly recorded: readonly Recorded[]
  writable: boolean
  /** Entries are handed to the follower as soon as they are recorded; else by `deliver`. */
  prompt: boolean
  /** What a snapshot waits for, and whether what it shows was read before the wait or after it. */
  gate: Promise<void> | null
  readBeforeGate: boolean
  /** Number of the last entry that the program knows of. */
  readonly delivered: number
  /** Number of the last entry that its latest snapshot showed. */
  readonly shown: number
  append(entries: readonly Entry[]): Promise<void>
  /** Hands over what was held back; `stored`: as it is read back from a disk, with hashed keys. */
  deliver(stored?: boolean): void
  /** What one process sees of it, until that process is killed. */
  attach(): BudgetLedger & { kill(): void }
}

export function createMemoryLedger(calendar: Calendar, now: () => number): MemoryLedger {
  const recorded: Recorded[] = []
  const keys = new Set<string>()
  let shown = 0
  let follower: { next: number; on: (batch: readonly Recorded[]) => void } | null = null
  const self: MemoryLedger = {
    recorded,
    writable: true,
    prompt: true,
    gate: null,
    readBeforeGate: true,
    get delivered() {
      return follower === null ? 0 : follower.next - 1
    },
    get shown() {
      return shown
    },
    async append(entries) {
      await Promise.resolve()
      if (!self.writable) throw new LedgerUnavailable('the test says so')
      for (const entry of entries) {
        if (keys.has(entry.key)) continue
        keys.add(entry.key)
        recorded.push({ seq: recorded.length + 1, at: now(), named: 0, names: 0, entry })
      }
      if (self.prompt) self.deliver()
    },
    deliver(stored = false) {
      if (follower === null || follower.next > recorded.length) return
      const batch = recorded.slice(follower.next - 1)
      follower.next = recorded.length + 1
      follower.on(stored ? batch.map(asStored) : batch)
    },
    attach() {
      let alive = true
      return {
        async append(entries) {
          if (!alive) return new Promise<never>(() => undefined)
          await self.append(entries)
          return { seq: recorded.length } as Receipt
        },
        follow(from, on) {
          follower = { next: from, on }
          return async () => undefined
        },
        async load(at, holds) {
          const { readBeforeGate } = self
          const early = readBeforeGate ? snapshot(recorded, calendar, at, holds) : null
          await self.gate
          const found = early ?? snapshot(recorded, calendar, at, holds)
          shown = found.seq
          return found
        },
        kill() {
          alive = false
          follower = null
        },
      }
    },
  }
  return self
}

function asStored(one: Recorded): Recorded {
  const { entry } = one
  if (entry.kind !== 'usage' && entry.kind !== 'correction') return one
  return { ...one, entry: { ...entry, key: storedForm(entry.key) } }
}

function snapshot(recorded: readonly Recorded[], calendar: Calendar, now: number, holds: readonly Hold[]) {
  const events = recorded
    .map(({ entry }) => entry)
    .filter((entry) => entry.kind === 'usage' || entry.kind === 'correction')
  const keys = new Set(recorded.map(({ entry }) => entry.key))
  const asked = holds.flatMap(({ callId }) => [...endKeys(callId), heardKey(callId)])
  const state: Loaded = {
    sums: events.flatMap(({ customer, tier, agent, start, cost }) => {
      const own = { day: calendar.day(start), cost: cost ?? 0n }
      return [{ ...own, customer, tier }, ...(agent === null ? [] : [{ ...own, agent }])]
    }),
    sessions: sessionsOf(events).filter(({ last }) => last >= now - 2 * SESSION_GAP_MS),
    entries: recorded
      .filter(({ entry: { kind } }) => kind === 'action' || kind === 'crossing')
      .map(({ at, entry }) => ({ at, body: toJson(entry) })),
    outputs: [],
    ended: new Set(asked.filter((key) => keys.has(key))),
  }
  return { seq: recorded.length, state }
}

/** The times of each session between its long pauses, by its calls in order. */
export function sessionsOf(events: readonly (Usage | Correction)[]): SessionState[] {
  const found: SessionState[] = []
  const latest = new Map<string, SessionState>()
  for (const event of events.toSorted((a, b) => a.start - b.start)) {
    const { customer, session, tier, agent, start, cost } = event
    if (session === null) continue
    const refused = event.status === 'blocked' || event.status === 'rejected'
    const calls = refused ? 0 : event.kind === 'correction' ? event.calls : 1
    const key = `${customer}/${session}`
    const known = latest.get(key)
    if (known && start - known.last <= SESSION_GAP_MS) {
      known.spent += cost ?? 0n
      known.calls += calls
      known.last = start
      continue
    }
    const fresh = {
      customer,
      session,
      tier,
      agent,
      first: start,
      last: start,
      spent: cost ?? 0n,
      calls,
      next: undefined,
    }
    latest.set(key, fresh)
    found.push(fresh)
  }
  return found
}
