import type { NumbersAs, PlacedFault } from './faults.ts'
import type { Plan } from './limits.ts'
import type { Shown } from './wire-row.ts'

/** How the server behaves; each may be changed while it runs. */
export interface Switches {
  /**
   * How it writes: in `events_only`, the default of version 4, every legacy read is gone; in `dual` both families answer; in
   * `legacy` there are no v2 metrics.
   */
  readonly mode: 'events_only' | 'dual' | 'legacy'
  /** Whether the v2 reads are on at all. Off, with mode `legacy`, it is a server of version 3. */
  readonly v4Reads: boolean
  readonly version: string
  /** Langfuse Cloud on this plan, with its rate limits; null = self-hosted, without any. */
  readonly cloud: Plan | null
  readonly numbers: NumbersAs
  readonly modelKey: Shown['modelKey']
  /** Befalls every answer until it is taken away; null = none. */
  readonly fault: PlacedFault | null
  readonly healthy: boolean
  /** How long a span that was sent again stands there twice, until the parts of the table are merged. */
  readonly mergeMs: number
  /** Jobs by queue and state, as `/api/admin/bullmq` counts them; null = the count failed. */
  readonly queues: Readonly<Record<string, Readonly<Record<string, number>> | null>>
}

export const USUAL: Switches = {
  mode: 'events_only',
  v4Reads: true,
  version: '4.16.0',
  cloud: null,
  numbers: 'plain',
  modelKey: 'model',
  fault: null,
  healthy: true,
  mergeMs: 0,
  queues: {
    'otel-ingestion-queue': { active: 0, waiting: 0, delayed: 0, failed: 0, completed: 0, paused: 0, prioritized: 0 },
    'ingestion-queue': { active: 0, waiting: 0, delayed: 0, failed: 0, completed: 0, paused: 0, prioritized: 0 },
  },
}
