/**
 * The named questions of page and API to a ledger that holds a million events (and ten million with `--large`), one after the
 * other, on a machine where nothing else asks. Turning rows into JavaScript is in it. What a dashboard asks all the time has
 * the goal of DESIGN section 8; what reads every event of a month has that of any aggregate.
 */
import { createCalendar } from '@marginwatch/exporter/calendar'
import type { Ledger, SqlValue } from '@marginwatch/exporter/ledger/ledger'
import { type BenchRow, fixed, quantile, spread, valueRow } from './row.ts'
import type { Setting } from './support/setting.ts'
import { DAY, filledLedger, openLedger } from './support/store.ts'

const WARM_UPS = 3
const M = 1_000_000

interface Size {
  readonly events: number
  readonly goal: { readonly most: number; readonly aim: number }
}

export async function run(setting: Setting): Promise<BenchRow[]> {
  const sizes: Size[] = [{ events: setting.quick ? M / 5 : M, goal: { most: 10, aim: 5 } }]
  if (setting.large) sizes.push({ events: 10 * M, goal: { most: 100, aim: 60 } })
  const rows: BenchRow[] = []
  for (const size of sizes) rows.push(...(await ofSize(setting, size)))
  return rows
}

async function ofSize(setting: Setting, { events, goal }: Size): Promise<BenchRow[]> {
  const ledger = await openLedger(await filledLedger(setting, events))
  try {
    const rows: BenchRow[] = []
    for (const { name, query, params, raw } of questions(Date.now())) {
      const times = await measure(ledger, { query, params, times: setting.quick ? 20 : 100 })
      rows.push(
        valueRow(
          {
            name: `${fixed(events, 0)} events: ${name}, p95`,
            unit: 'ms',
            decimals: 1,
            goal: raw ? { most: 200 } : goal,
          },
          quantile(times, 0.95),
          `p50 ${quantile(times, 0.5).toFixed(1)}, ${spread(times, 1)}`,
        ),
      )
    }
    return rows
  } finally {
    await ledger.close()
  }
}

interface Question {
  readonly name: string
  /** It reads single events of all days, not their sums. */
  readonly raw?: true
  readonly query: string
  readonly params: Readonly<Record<string, SqlValue>>
}

function questions(now: number): Question[] {
  const today = createCalendar('UTC').day(now)
  const month = { from: today - 30, to: today + 1 }
  return [
    { name: 'days, 31 by tier', query: 'days', params: { from: today - 30 } },
    { name: 'tiers, 31 days', query: 'tiers', params: month },
    { name: 'models, 31 days', query: 'models', params: { ...month, limit: 50 } },
    { name: 'customers, 31 days, 50 dearest', query: 'customers', params: { ...month, limit: 50 } },
    { name: 'sessions, 1 day, 10 dearest', query: 'sessions', params: { from: now - DAY, to: now, limit: 10 } },
    {
      name: 'sessions, 31 days, 10 dearest',
      query: 'sessions',
      params: { from: now - 31 * DAY, to: now, limit: 10 },
      raw: true,
    },
    { name: 'active in 24 h', query: 'active', params: { from: now - DAY } },
    { name: 'active in 31 days', query: 'active', raw: true, params: { from: now - 31 * DAY } },
  ]
}

async function measure(
  ledger: Ledger,
  { query, params, times }: Omit<Question, 'name'> & { readonly times: number },
): Promise<number[]> {
  const taken: number[] = []
  for (let i = -WARM_UPS; i < times; i++) {
    const began = performance.now()
    await ledger.query(query, params)
    if (i >= 0) taken.push(performance.now() - began)
  }
  return taken
}
