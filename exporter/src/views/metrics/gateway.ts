import { DROP_REASONS, type DropReason, METRICS } from '../../catalogue.ts'
import { decimalText } from './decimal.ts'
import type { Collector, Family, Sample } from './sample.ts'

/** How the gateway is doing that keeps its records until they are acknowledged. */
export interface GatewayReadings {
  /** Over the processes heard of lately; null when there was none. */
  readonly spool: {
    readonly processes: number
    readonly events: number
    /** When the oldest record was written, epoch milliseconds; null when none waits. */
    readonly oldest: number | null
    readonly skewMs: number
  } | null
  readonly dropped: Readonly<Record<DropReason, number>>
  /** Since when losses are counted, epoch milliseconds. */
  readonly since: number
}

/**
 * The gateway's spools. Of a gateway that nobody hears of the gauges are absent, for nobody knows; `read` gives null where none
 * can report at all.
 */
export function gatewayCollector(read: () => GatewayReadings | null, now: () => number): Collector {
  return {
    name: 'gateway',
    collect() {
      const readings = read()
      return readings === null ? [] : familiesOf(readings, now())
    },
  }
}

function familiesOf({ spool, dropped, since }: GatewayReadings, now: number): Family[] {
  const age = spool === null || spool.oldest === null ? 0 : Math.max(0, Math.round(now - spool.oldest))
  const gauge = (value: string): Sample[] => (spool === null ? [] : [{ labels: [], value }])
  return [
    { metric: METRICS.gatewayProcesses, samples: gauge(String(spool?.processes)) },
    { metric: METRICS.gatewaySpoolEvents, samples: gauge(String(spool?.events)) },
    { metric: METRICS.gatewaySpoolOldest, samples: gauge(decimalText(age, 3)) },
    {
      metric: METRICS.gatewayDropped,
      samples: DROP_REASONS.map((reason) => ({ labels: [reason], value: String(dropped[reason]), created: since })),
    },
    { metric: METRICS.clockSkew, samples: gauge(decimalText(Math.round(spool?.skewMs ?? 0), 3)) },
  ]
}
