import { type Call, pushRecords } from '@marginwatch/sandbox'
import type { Calendar } from '../calendar.ts'
import { type EventContext, eventOf } from '../sources/litellm/event.ts'
import { readRecord } from '../sources/litellm/record.ts'
import type { Usage } from '../usage.ts'

/** Shows how far a piece of work is. */
export interface Progress {
  start(total: number, what: string): void
  to(done: number): void
  stop(): void
}

export interface BringIn {
  readonly from: number
  readonly to: number
  /** Calls from `from` on, in order of their start. */
  readonly calls: Iterable<Call>
  readonly context: EventContext
  readonly append: (entries: readonly Usage[]) => Promise<unknown>
  readonly progress: Progress
  readonly stopped: AbortSignal
}

/** About 210,000 calls a month: enough for days and weeks to have their shape, and brought in within 20 s. */
export const HISTORY_DENSITY = 0.75
const MONTH_MS = 30 * 86_400_000
const BATCH = 2_000

/** From when on there is history: a month, and all of the running one; after that from where it was left. */
export function historyFrom(calendar: Calendar, known: number | null, now: number): number {
  return Math.max(known ?? 0, Math.min(now - MONTH_MS, calendar.dayStart(calendar.monthOf(calendar.day(now)))))
}

/**
 * Records calls as LiteLLM with our hook would have told of them, while the next batch is being made. Returns how far it came: `to`, unless it
 * was stopped.
 */
export async function bringIn(options: BringIn): Promise<number> {
  const { from, to, calls, context, append, progress, stopped } = options
  const what = to - from > MONTH_MS / 2 ? 'a month of history' : 'what happened since the last run'
  progress.start(to - from, what)
  let batch: Usage[] = []
  let pending: Promise<unknown> = Promise.resolve()
  let reached = to
  for (const call of calls) {
    if (stopped.aborted) {
      reached = call.start
      break
    }
    for (const record of pushRecords(call, { slim: true, hook: true }))
      batch.push(eventOf(readRecord({ ...record }), context).usage)
    if (batch.length < BATCH) continue
    await pending
    pending = append(batch)
    // A rejection is met at the next turn; until then it must not count as unhandled.
    pending.catch(() => undefined)
    batch = []
    progress.to(call.start - from)
    await new Promise(setImmediate)
  }
  await pending
  if (batch.length > 0) await append(batch)
  progress.to(reached - from)
  progress.stop()
  return reached
}
