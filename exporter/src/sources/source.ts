import type { Router } from 'express'
import type { Logger } from 'pino'
import type { DropReason } from '../catalogue.ts'
import type { Receipt } from '../ledger/ledger.ts'
import type { Policy } from '../policy/policy.ts'
import type { Entry } from '../usage.ts'
import type { Prices } from './prices.ts'

/** Makes entries durable; resolves when they are, rejects with LedgerBusy or LedgerUnavailable when nothing was kept. */
export type Recorder = (entries: readonly Entry[]) => Promise<Receipt>

export type Close = () => Promise<void>

/** What may become of something that a source took in; the `result` label of `marginwatch_events_total`. */
export const EVENT_RESULTS = [
  'accepted',
  'duplicate',
  'conflict',
  'refused',
  'attempt',
  'fallback',
  'observed',
  'score',
  'future',
  'estimated',
] as const
export type EventResult = (typeof EVENT_RESULTS)[number]

/** How a source tells the house how it is doing. The runner turns it into metrics, log lines, `/readyz` and the page. */
export interface SourceReport {
  count(result: EventResult, n?: number): void
  /** The neighbour answered, or pushed something. */
  succeeded(): void
  /** It did not, and why in a sentence. Logged once per change of state. */
  failed(reason: string): void
  /** Something worth knowing though it is well, in a sentence, until it is told otherwise; null when there is nothing. */
  noted(what: string | null): void
  /** True while a back-fill is running; rate alerts keep quiet meanwhile. */
  catchingUp(is: boolean): void
}

/** What the processes of a gateway say of the records that they keep until those are acknowledged. */
export interface GatewayHealth {
  /** Over the processes heard of within the last minute; null when there was none. */
  readonly spool: SpoolHealth | null
  /** Records lost, as far as was heard since the start; they only grow. */
  readonly dropped: Readonly<Record<DropReason, number>>
  /** Calls that left without a decision, as far as was heard since the start; they only grow. */
  readonly undecided: number
}

export interface SpoolHealth {
  readonly processes: number
  /** Records that are not acknowledged yet. */
  readonly events: number
  /** When the oldest of them was written, epoch milliseconds by our clock; null when none waits. */
  readonly oldest: number | null
  /** How far the clock that is furthest off is ahead of ours, milliseconds. */
  readonly skewMs: number
}

/** Jobs in a queue of a neighbour's, by their state. */
export interface QueueReading {
  readonly queue: string
  /** Null when the neighbour could not count them. */
  readonly jobs: Readonly<Record<string, number>> | null
}

/** Small values that a source keeps in the ledger's own file, such as a poll's watermark. */
export interface Memory {
  get(name: string): Promise<string | null>
  set(name: string, value: string): Promise<void>
}

export interface SourceDeps {
  /** The policy in force now; ask again for each answer, it changes on reload. */
  readonly policy: () => Policy
  readonly log: Logger
  readonly now: () => number
  /** Uniform in [0, 1): jitter. */
  readonly random: () => number
  /** Resolves after `ms`, or at once when `signal` aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  readonly memory: Memory
  readonly report: SourceReport
  /** Where bounded things on disk may lie (the quarantine). */
  readonly directory: string
  /** The price book in force now; ask again for each answer, it is replaced when newer prices arrive. */
  readonly prices: () => Prices
  /** The plan of a customer at a moment, by the whole roster; without it, by the policy's entries alone. */
  readonly tierAt?: (customer: string, at: number) => string | null
  /** Who owns the calls of an API key, by its alias; without it, the policy's entries alone. */
  readonly owners?: () => Policy['apiKeys']
  /** End of the last span of infrastructure that is recorded of a source, epoch milliseconds; null when there is none. */
  readonly lastMetered?: (source: string) => Promise<number | null>
  /** Which of these idempotency keys the ledger has recorded. */
  readonly has?: (keys: readonly string[]) => Promise<ReadonlySet<string>>
  /** Makes the short stable form of a key or an e-mail address; without it, SHA-256. */
  readonly hash?: (text: string) => string
}

/** A unit that turns one neighbour's answer into entries. The runner times, logs and counts; the unit only does. */
export interface Source {
  readonly name: string
  /** HTTP endpoints that it needs; mounted by the app at `/`. */
  routes?(recorder: Recorder, deps: SourceDeps): Router
  /** How a gateway is doing that keeps what it has to tell; absent for a source that hears of none. `now`: epoch milliseconds. */
  gateway?(now: number): GatewayHealth
  /** How full the neighbour's own queues are, as it said last; absent for one that has none. `now`: epoch milliseconds. */
  queues?(now: number): readonly QueueReading[]
  /** Starts; returns its closer. A source that only has routes starts nothing. */
  open(recorder: Recorder, deps: SourceDeps): Promise<Close>
}
