import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import type { LangfuseWriter } from '../../clients/langfuse.ts'
import type { TraceEventResult } from '../../catalogue.ts'
import { spanOf, type TraceEvent } from './event.ts'
import { retryOf } from './retry.ts'

/** A project that events are written into. */
export interface TraceProject {
  readonly name: string
  readonly url: string
  readonly publicKey: string
  readonly secretKey: string
  readonly timeoutMs: number
}

export interface OutboxDeps {
  /** As the policy has it now; null = no events are wanted there any more. */
  readonly project: () => TraceProject | null
  readonly writerFor: (project: TraceProject) => LangfuseWriter
  readonly count: (result: TraceEventResult, n: number) => void
  readonly log: Logger
  readonly random: () => number
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
}

/** Events on their way into one project. */
export interface Outbox {
  /** Never waits: what has no room is dropped and counted. */
  put(event: TraceEvent): void
  /** The policy has changed: whatever was waited for may be otherwise. */
  renew(): void
  /** Writes what it can before the signal aborts; the rest is dropped and counted. */
  close(deadline: AbortSignal): Promise<void>
}

/** So many events wait while Langfuse cannot be reached: about two megabytes. */
export const MOST_WAITING = 2_000
/** So many are written at once. */
export const BATCH = 100
/** How long the first event waits for company. */
const COMPANY_MS = 200

export function createOutbox(deps: OutboxDeps): Outbox {
  const { project, count, log, random, sleep } = deps
  const waiting: TraceEvent[] = []
  let writer: { readonly of: TraceProject; readonly to: LangfuseWriter } | null = null
  let running: Promise<void> | null = null
  let napping = new AbortController()
  const giveUp = new AbortController()
  /** It is to end: no more naps. */
  let closing = false
  let patient = false
  /** What is wrong, once said; null = all is well. */
  let trouble: string | null = null
  let lost = 0

  const nap = async (ms: number) => {
    if (!closing) await sleep(ms, napping.signal)
  }
  const drop = (n: number, reason: string) => {
    if (n === 0) return
    count('dropped', n)
    if (lost === 0) log.warn({ reason }, 'events for traces are dropped; marginwatch_trace_events_total counts them')
    lost += n
  }
  const writerOf = (now: TraceProject): LangfuseWriter => {
    if (writer !== null && isDeepStrictEqual(writer.of, now)) return writer.to
    writer?.to.close()
    writer = { of: now, to: deps.writerFor(now) }
    return writer.to
  }
  const well = (sent: number) => {
    count('sent', sent)
    if (trouble !== null || lost > 0) log.info({ dropped: lost }, 'events for traces are written to Langfuse again')
    trouble = null
    lost = 0
  }
  const ill = (name: string, error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    if (trouble === null) log.warn({ project: name, reason }, 'events for traces wait: Langfuse does not take them')
    trouble = reason
  }
  /** Writes the oldest; returns how long to wait before the next. Throws nothing. */
  const writeSome = async (failures: number): Promise<number | null> => {
    const to = project()
    if (to === null) {
      drop(waiting.splice(0).length, 'the policy has no project for them any more')
      return null
    }
    const batch = waiting.slice(0, BATCH)
    try {
      await writerOf(to).write(batch.map(spanOf), giveUp.signal)
    } catch (error) {
      const retry = retryOf(error, failures, random)
      if (retry.do === 'wait') {
        ill(to.name, error)
        patient = retry.patience
        return retry.ms
      }
      waiting.splice(0, batch.length)
      drop(batch.length, error instanceof Error ? error.message : String(error))
      return null
    }
    waiting.splice(0, batch.length)
    well(batch.length)
    return null
  }
  const run = async () => {
    await nap(COMPANY_MS)
    for (let failures = 0; waiting.length > 0; ) {
      const wait = await writeSome(failures)
      if (wait === null) {
        failures = 0
        continue
      }
      failures++
      if (closing) return
      await nap(wait)
      // Who has asked for patience is not asked once more because this program ends.
      if (closing && patient) return
      patient = false
    }
  }
  const start = () => {
    running ??= run().finally(() => {
      running = null
      if (waiting.length > 0 && !closing) start()
    })
  }
  return {
    put(event) {
      if (closing || waiting.length >= MOST_WAITING) return drop(1, `${MOST_WAITING} are waiting already`)
      waiting.push(event)
      start()
    },
    renew() {
      if (writer === null || isDeepStrictEqual(project(), writer.of)) return
      napping.abort()
      napping = new AbortController()
    },
    async close(deadline) {
      closing = true
      if (deadline.aborted) giveUp.abort()
      deadline.addEventListener('abort', () => giveUp.abort(), { once: true })
      napping.abort()
      await running
      drop(waiting.splice(0).length, 'the program ends')
      writer?.to.close()
    },
  }
}
