/**
 * Small batches: many callers at once, whose batches become durable together, and one caller alone, who waits for each. A
 * caller is held up only while `append` runs; the rest is waiting.
 */
import type { Ledger } from '@marginwatch/exporter/ledger/ledger'
import type { Usage } from '@marginwatch/exporter/usage'
import { type BenchRow, figureRow, quantile, spread, valueRow } from './row.ts'
import { createEvents, type Events } from './support/events.ts'
import { folder, type Setting } from './support/setting.ts'
import { DAY, openLedger } from './support/store.ts'

const CROWDS = [
  { batch: 1, callers: 500, batches: 40 },
  { batch: 50, callers: 100, batches: 20 },
  { batch: 500, callers: 20, batches: 16 },
]
const ALONE = 50

export async function run(setting: Setting): Promise<BenchRow[]> {
  const runs = setting.quick ? 1 : 5
  const commits: number[] = []
  const ledger = await openLedger(await folder(setting, 'batches'), { onCommit: (ms) => commits.push(ms) })
  const to = Date.now()
  const events = createEvents({ seed: 1, from: to - DAY, to, count: 1_000_000 })
  try {
    const rows: BenchRow[] = []
    for (const full of CROWDS) {
      const crowd = setting.quick ? { ...full, batches: full.batches / 4 } : full
      const paces: number[] = []
      await many(ledger, events, crowd)
      for (let i = 0; i < runs; i++) paces.push(await many(ledger, events, crowd))
      rows.push(
        figureRow(
          { name: `${crowd.callers} callers, each in batches of ${crowd.batch}`, unit: 'events/s', decimals: 0 },
          paces,
        ),
      )
    }
    commits.length = 0
    const alone = await one(ledger, events, setting.quick ? 50 : 400)
    return [...rows, ...aloneRows(alone, commits)]
  } finally {
    await ledger.close()
  }
}

interface Crowd {
  readonly batch: number
  readonly callers: number
  readonly batches: number
}

/** Events a second when each caller appends its next batch as soon as the one before is durable. */
async function many(ledger: Ledger, events: Events, { batch, callers, batches }: Crowd): Promise<number> {
  const work = Array.from({ length: callers }, () => Array.from({ length: batches }, () => take(events, batch)))
  const began = performance.now()
  await Promise.all(
    work.map(async (own) => {
      for (const entries of own) await ledger.append(entries)
    }),
  )
  return (callers * batches * batch * 1_000) / (performance.now() - began)
}

interface Alone {
  readonly caller: number[]
  readonly durable: number[]
}

/** One caller, one batch of 50 after another. */
async function one(ledger: Ledger, events: Events, times: number): Promise<Alone> {
  const caller: number[] = []
  const durable: number[] = []
  for (let i = 0; i < times; i++) {
    const entries = take(events, ALONE)
    const began = performance.now()
    const append = ledger.append(entries)
    caller.push(performance.now() - began)
    await append
    durable.push(performance.now() - began)
  }
  return { caller, durable }
}

function aloneRows({ caller, durable }: Alone, commits: readonly number[]): BenchRow[] {
  const row = (name: string, values: readonly number[], most: number) =>
    valueRow(
      { name: `a batch of ${ALONE} alone: ${name}, p99`, unit: 'ms', decimals: 2, goal: { most } },
      quantile(values, 0.99),
      `p50 ${quantile(values, 0.5).toFixed(2)}, ${spread(values, 2)}`,
    )
  return [
    row('time in the caller', caller, 5),
    row('time in the ledger’s commit', commits, 5),
    row('until it is durable', durable, 50),
  ]
}

function take(events: Events, count: number): Usage[] {
  return Array.from({ length: count }, events.next)
}
