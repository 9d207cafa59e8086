import { LABEL_BOUNDS, METRICS } from '../../catalogue.ts'
import { UNKNOWN } from '../../usage.ts'
import type { Collector } from './sample.ts'

/** What the ledger and another record of the same calls have otherwise. */
export interface ReconciliationReading {
  /** The other record, e.g. `langfuse`. */
  readonly against: string
  /** What it has more, as a share of what the ledger has; null provider = not known. */
  readonly ratios: ReadonlyMap<string | null, number>
  /** Calls by the reason for which they are not the same. */
  readonly calls: Readonly<Record<string, number>>
}

/** Differences between the ledger and others; nothing while nothing was compared. */
export function reconciliationCollector(read: () => ReconciliationReading | null): Collector {
  return {
    name: 'reconciliation',
    collect() {
      const found = read()
      if (found === null) return []
      const { against, ratios, calls } = found
      return [
        {
          metric: METRICS.reconciliationDifference,
          samples: [...ratios].slice(0, LABEL_BOUNDS.provider).map(([provider, ratio]) => ({
            labels: [against, provider ?? UNKNOWN],
            value: String(ratio),
          })),
        },
        {
          metric: METRICS.reconciliationCalls,
          samples: Object.entries(calls).map(([reason, n]) => ({ labels: [against, reason], value: String(n) })),
        },
      ]
    },
  }
}
