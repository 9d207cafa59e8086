import { METRICS } from '../../catalogue.ts'
import { decimalText } from './decimal.ts'
import type { Collector, Sample } from './sample.ts'

/** How LiteLLM's own budgets stand to the policy. */
export interface BackstopReadings {
  /** Null = never read. */
  readonly differences: number | null
  /** When there was none, epoch milliseconds; null = not yet. */
  readonly lastConfirmed: number | null
  /** Why the last try failed; null = it did not. */
  readonly failed: string | null
}

/** LiteLLM's own budgets as a backstop; `read` gives null where the policy has none. */
export function backstopCollector(read: () => BackstopReadings | null): Collector {
  return {
    name: 'backstop',
    collect() {
      const readings = read()
      if (readings === null) return []
      const { differences, lastConfirmed, failed } = readings
      // Before the first reading nobody knows whether it can be done.
      const known = failed !== null || differences !== null
      return [
        { metric: METRICS.backstopUp, samples: gauge(known ? (failed === null ? '1' : '0') : null) },
        { metric: METRICS.backstopDifferences, samples: gauge(differences === null ? null : String(differences)) },
        {
          metric: METRICS.backstopConfirmed,
          samples: gauge(lastConfirmed === null ? null : decimalText(Math.round(lastConfirmed), 3)),
        },
      ]
    },
  }
}

function gauge(value: string | null): Sample[] {
  return value === null ? [] : [{ labels: [], value }]
}
