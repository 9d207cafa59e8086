import { METRICS } from '../../catalogue.ts'
import { decimalText } from './decimal.ts'
import { type Histogram, histogramFamily } from './histogram.ts'
import type { Collector, Family } from './sample.ts'

/** How the house itself is doing now. Null: not known yet, so not exposed. */
export interface HouseReadings {
  readonly ledger: { readonly writable: boolean; readonly seq: number } | null
  /** Whether the last reading of the policy file was accepted. */
  readonly policyAccepted: boolean | null
  /** Age in milliseconds by price source. */
  readonly priceBooks: readonly { readonly book: string; readonly ageMs: number | null }[]
  /** Whether the numbers are those of the built-in demonstration. */
  readonly demo: boolean
  /** Durable commits, observed in the unit that the histogram was made for. */
  readonly commits: Histogram | null
}

/** The state of the ledger, the policy and the price books. */
export function houseCollector(read: () => HouseReadings): Collector {
  return {
    name: 'house',
    collect: () => {
      const { ledger, policyAccepted, priceBooks, demo, commits } = read()
      return [
        gauge(METRICS.ledgerWritable, [[[], flag(ledger?.writable)]]),
        gauge(METRICS.ledgerEntries, [[[], ledger === null ? null : String(ledger.seq)]]),
        histogramFamily(METRICS.ledgerCommit, commits === null ? [] : [commits]),
        gauge(METRICS.policyReload, [[[], flag(policyAccepted)]]),
        gauge(
          METRICS.priceBookAge,
          priceBooks.map(({ book, ageMs }) => [[book], ageMs === null ? null : decimalText(Math.round(ageMs), 3)]),
        ),
        gauge(METRICS.demo, [[[], flag(demo)]]),
      ]
    },
  }
}

type Gauge = Extract<Family['metric'], { readonly type: 'counter' | 'gauge' }>

function gauge(metric: Gauge, rows: readonly (readonly [readonly string[], string | null])[]): Family {
  return { metric, samples: rows.flatMap(([labels, value]) => (value === null ? [] : [{ labels, value }])) }
}

function flag(is: boolean | null | undefined): string | null {
  return is === null || is === undefined ? null : is ? '1' : '0'
}
