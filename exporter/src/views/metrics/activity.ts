import { usd } from '@marginwatch/pricing'
import type { Calendar } from '../../calendar.ts'
import { METRICS } from '../../catalogue.ts'
import type { Ledger, Row } from '../../ledger/ledger.ts'
import type { Collector, Family } from './sample.ts'

/** Windows of the active gauges: the label's value and its length. */
const WINDOWS: readonly (readonly [string, number])[] = [
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['24h', 86_400_000],
]
const TOP = 10

export interface Activity extends Collector {
  /** Asks the ledger again; a scrape shows what the last asking found. */
  refresh(): Promise<void>
}

/** Distinct customers and sessions of late, and the dearest sessions of the running day. */
export function createActivity(ledger: Ledger, calendar: Calendar, now: () => number): Activity {
  let families: Family[] = []
  return {
    name: 'activity',
    async refresh() {
      const at = now()
      const customers: Row[] = []
      for (const [, ms] of WINDOWS) customers.push(...(await ledger.query('active', { from: at - ms })))
      const today = calendar.dayStart(calendar.day(at))
      const sessions = await ledger.query('sessions', { from: today, to: at + 300_000, limit: TOP })
      const windowed = (column: string) =>
        customers.map((row, index) => ({ labels: [WINDOWS[index]?.[0] ?? ''], value: String(row[column]) }))
      families = [
        { metric: METRICS.activeCustomers, samples: windowed('customers') },
        { metric: METRICS.activeSessions, samples: windowed('sessions') },
        {
          metric: METRICS.topSession,
          samples: sessions.map((row) => ({
            labels: [String(row.session), String(row.customer)],
            value: usd(row.cost as bigint),
          })),
        },
      ]
    },
    collect: () => families,
  }
}
