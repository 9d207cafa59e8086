import type { Receipt } from '../../ledger/ledger.ts'
import type { Entry, Score, Usage } from '../../usage.ts'
import { contextOf } from '../litellm/context.ts'
import { type Json, Refused } from '../litellm/read.ts'
import type { KnownRefusals } from '../litellm/window.ts'
import { patiently } from '../patiently.ts'
import { outlineOf, type Quarantine } from '../quarantine.ts'
import type { Recorder, SourceDeps } from '../source.ts'
import { knownKeys } from './call-key.ts'
import { observe, type Seen } from './observation.ts'
import type { Page, Store } from './pages.ts'
import { readRow } from './row.ts'
import { readScore } from './score.ts'
import { isGatewaysFailure, usageOf } from './usage.ts'

export interface PassTarget {
  readonly recorder: Recorder
  readonly deps: SourceDeps
  readonly quarantine: Quarantine
  /** Name of the unit, for the quarantine. */
  readonly unit: string
  readonly known: KnownRefusals
  readonly project: string
  readonly signal: AbortSignal
  /** Whether calls that nobody else tells of are spend. */
  readonly spend: boolean
}

/**
 * The rows of a stretch of time, as they are read once or again and again. A row that has not changed is not handed on twice; of
 * two versions in one answer the newer one counts.
 */
export interface Pass {
  /** Resolves when what the page brought is durable. */
  take(page: Page, store: Store): Promise<void>
  takeScores(page: Page): Promise<void>
  /**
   * Makes spend of the calls that ended before `ended` or began before `began`, epoch milliseconds, where the ledger has no event
   * of theirs; each is looked at once.
   */
  settle(ended: number, began: number): Promise<void>
  /** Lets go of the rows that began before a moment; returns how many there were, by their day in UTC. */
  forget(before: number): ReadonlyMap<string, number>
  /** How many rows it holds. */
  size(): number
}

interface Held {
  readonly start: number
  readonly print: string
  readonly updatedAt: number
}

interface Waiting {
  readonly start: number
  readonly end: number
  readonly call: string | null
  readonly usage: Usage
}

const MOST_KEYS = 1000
/** Scores that are remembered as recorded; beyond it they are handed on again, and are duplicates. */
const MOST_SCORES = 100_000

export function createPass(target: PassTarget): Pass {
  const { deps, spend } = target
  const held = new Map<string, Held>()
  const waiting = new Map<string, Waiting>()
  const judged = new Set<string>()
  const scored = new Set<string>()

  function wait(seen: Seen): void {
    const { row, observation } = seen
    if (!spend || judged.has(row.id)) return
    // An earlier version may have said otherwise.
    waiting.delete(row.id)
    if (observation.what !== 'call' || isGatewaysFailure(seen)) return
    const usage = usageOf(seen, contextOf(deps))
    waiting.set(row.id, { start: row.start, end: row.end ?? row.start, call: observation.call, usage })
  }

  return {
    async take(page, store) {
      const { newest, refusals } = readPage(page, store, target)
      const changed = [...newest.values()].filter((seen) => isChanged(seen, held.get(seen.row.id)))
      const entries = changed.map(({ observation }) => observation)
      await record(entries, refusals, target)
      for (const seen of changed) {
        const { row, print } = seen
        held.set(row.id, { start: row.start, print, updatedAt: row.updatedAt ?? 0 })
        wait(seen)
      }
    },
    async takeScores(page) {
      const { scores, refusals } = readScores(page, target)
      const entries = scores.filter(({ key }) => !scored.has(key))
      await record(entries, refusals, target)
      if (scored.size > MOST_SCORES) scored.clear()
      for (const { key } of entries) scored.add(key)
    },
    async settle(ended, began) {
      const due = [...waiting].filter(([, { start, end }]) => end < ended || start < began)
      for (let i = 0; i < due.length; i += MOST_KEYS) {
        const some = due.slice(i, i + MOST_KEYS)
        const untold = await withoutEvent(
          some.map(([, one]) => one),
          deps,
        )
        await record(
          untold.map(({ usage }) => usage),
          [],
          target,
        )
        for (const [id] of some) {
          judged.add(id)
          waiting.delete(id)
        }
      }
    },
    forget(before) {
      const days = new Map<string, number>()
      for (const [id, { start }] of held) {
        if (start >= before) continue
        held.delete(id)
        judged.delete(id)
        days.set(dayOf(start), (days.get(dayOf(start)) ?? 0) + 1)
      }
      return days
    },
    size: () => held.size,
  }
}

/** The rows of a page by their ids, of two with one id the newer, and those that cannot be used. */
function readPage(page: Page, store: Store, { deps, project }: PassTarget) {
  const { attribution } = contextOf(deps)
  const newest = new Map<string, Seen>()
  const refusals = refusalsOf(page)
  page.records.forEach((record, index) => {
    try {
      const seen = observe(readRow(record, store.traceOf(record.traceId)), project, attribution)
      const before = newest.get(seen.row.id)
      if (before === undefined || isNewer(seen, before)) newest.set(seen.row.id, seen)
    } catch (error) {
      refusals.push(refusalOf(error, record, index))
    }
  })
  return { newest, refusals }
}

function readScores(page: Page, { deps, project }: PassTarget) {
  const { hash } = contextOf(deps).attribution
  const scores: Score[] = []
  const refusals = refusalsOf(page)
  page.records.forEach((record, index) => {
    try {
      const score = readScore(record, project, hash)
      if (score !== null) scores.push(score)
    } catch (error) {
      refusals.push(refusalOf(error, record, index))
    }
  })
  return { scores, refusals }
}

function refusalsOf({ refused }: Page): Refusal[] {
  return refused.map(({ index, reason }) => ({ index, reason, outline: {} }))
}

/** The day of a moment in UTC, in which Langfuse counts. */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}

function isNewer({ row, print }: Seen, than: Seen): boolean {
  const [at, other] = [row.updatedAt ?? 0, than.row.updatedAt ?? 0]
  return at > other || (at === other && print > than.print)
}

/** An older version may still be given where the parts of the table are not merged yet. */
function isChanged({ row, print }: Seen, held: Held | undefined): boolean {
  return held === undefined || (held.print !== print && (row.updatedAt ?? 0) >= held.updatedAt)
}

async function withoutEvent(calls: readonly Waiting[], { has }: SourceDeps): Promise<readonly Waiting[]> {
  // Without a ledger to ask, a call that names its event is taken to have one.
  if (has === undefined) return calls.filter(({ call }) => call === null)
  const keys = calls.flatMap(({ call }) => (call === null ? [] : knownKeys(call)))
  const told = keys.length === 0 ? new Set<string>() : await has(keys)
  return calls.filter(({ call }) => call === null || !knownKeys(call).some((key) => told.has(key)))
}

interface Refusal {
  readonly index: number
  readonly reason: string
  readonly outline: ReturnType<typeof outlineOf>
}

function refusalOf(error: unknown, row: Json, index: number): Refusal {
  if (!(error instanceof Refused)) throw error
  return { index, reason: error.message, outline: outlineOf(row) }
}

/** Makes entries durable; only then counts them and puts what was refused into quarantine. */
async function record(entries: readonly Entry[], refusals: readonly Refusal[], target: PassTarget): Promise<void> {
  const { recorder, deps, quarantine, unit, known, signal } = target
  const { report } = deps
  const receipt = entries.length === 0 ? null : await patiently(() => recorder(entries), deps, signal)
  const unkept = (receipt?.refused ?? []).map(({ index, reason }) => {
    const entry = entries[index]
    return { index, reason, outline: entry !== undefined && 'id' in entry ? { id: entry.id } : {} }
  })
  const fresh = [...refusals, ...unkept].filter((refusal) => known.isNew(refusal))
  known.add(fresh)
  report.count('refused', fresh.length)
  for (const { reason, outline } of fresh) quarantine.add(unit, reason, outline)
  if (receipt !== null) count(receipt, target)
}

function count({ byKind: { usage, observation, score }, conflicts }: Receipt, { deps: { report } }: PassTarget): void {
  report.count('accepted', usage?.accepted ?? 0)
  report.count('observed', observation?.accepted ?? 0)
  report.count('score', score?.accepted ?? 0)
  const told = [usage, observation, score].reduce((sum, taken) => sum + (taken?.duplicates ?? 0), 0)
  report.count('duplicate', told)
  report.count('conflict', conflicts.length)
}
