import type { Logger } from 'pino'
import type { TraceEventResult } from '../../catalogue.ts'
import type { LangfuseWriter } from '../../clients/langfuse.ts'
import type { TraceEvent } from './event.ts'
import { createOutbox, type Outbox, type TraceProject } from './outbox.ts'

export interface TraceEventsDeps {
  /** The projects that events are wanted in, as the policy has them now. */
  readonly projects: () => readonly TraceProject[]
  readonly writerFor: (project: TraceProject) => LangfuseWriter
  readonly log: Logger
  readonly random: () => number
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
}

/** What is written onto traces of calls that were moved to a cheaper model or refused. */
export interface TraceEvents {
  /** Whether any project wants events. */
  wanted(): boolean
  /** Takes an event and returns at once. The same decision on the same call is one event, however often it is asked for. */
  note(event: TraceEvent): void
  /** The policy has changed. */
  renew(): void
  /** Null while no project wants events and none was written. */
  counts(): Readonly<Record<TraceEventResult, number>> | null
  /** Writes what it can within two seconds. */
  close(): Promise<void>
}

const CLOSING_MS = 2_000
/** So many decisions are known as those that have their event: a caller asks again within seconds. */
const MOST_KNOWN = 20_000

export function createTraceEvents(deps: TraceEventsDeps): TraceEvents {
  const { projects } = deps
  const counts: Record<TraceEventResult, number> = { sent: 0, dropped: 0 }
  const outboxes = new Map<string, Outbox>()
  const known = createKnown(MOST_KNOWN)
  const outboxOf = (name: string): Outbox => {
    const open = outboxes.get(name)
    if (open) return open
    const outbox = createOutbox({
      ...deps,
      project: () => projects().find((project) => project.name === name) ?? null,
      count: (result, n) => {
        counts[result] += n
      },
    })
    outboxes.set(name, outbox)
    return outbox
  }
  const wanted = () => projects().length > 0
  return {
    wanted,
    note(event) {
      const to = projects()
      if (to.length === 0 || !known.add(`${event.action} ${event.callId}`)) return
      for (const { name } of to) outboxOf(name).put(event)
    },
    renew() {
      for (const outbox of outboxes.values()) outbox.renew()
    },
    counts: () => (wanted() || counts.sent + counts.dropped > 0 ? { ...counts } : null),
    async close() {
      const deadline = AbortSignal.timeout(CLOSING_MS)
      await Promise.all([...outboxes.values()].map((outbox) => outbox.close(deadline)))
    },
  }
}

/** The last ones of so many. */
function createKnown(most: number): { add(key: string): boolean } {
  const keys = new Set<string>()
  return {
    add(key) {
      if (keys.has(key)) return false
      keys.add(key)
      if (keys.size > most) for (const oldest of keys) return keys.delete(oldest)
      return true
    },
  }
}
