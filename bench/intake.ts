/**
 * Durable intake: `ledger.append` of prepared events in batches of 5,000, two under way, a tenth of them reported before, some
 * 4,000 combinations of names, 1,000 customers, over 35 days. Making the events is not measured. Also onto a ledger that
 * holds a million, and the second report of everything, as the poll behind a push brings it.
 */
import type { Usage } from '@marginwatch/exporter/usage'
import { type BenchRow, figureRow } from './row.ts'
import { cpuNow, cpuSince } from './support/cpu.ts'
import { createEvents, type Events } from './support/events.ts'
import { folder, type Setting } from './support/setting.ts'
import { appendAll, BATCH, copyLedger, DAY, filledLedger, openLedger, WINDOW } from './support/store.ts'

/** Events are made in portions, so that the heap holds what a busy program's holds and not a whole run. */
const PORTION = 50_000
const PAGE = 200

/** Of one run. */
interface Pace {
  readonly perSecond: number
  /** Microseconds of CPU an event: all threads, and the one of JavaScript (NaN where the system does not tell). */
  readonly cpu: number
  readonly main: number
}

export async function run(setting: Setting): Promise<BenchRow[]> {
  const { quick } = setting
  const runs = quick ? 2 : 6
  const count = quick ? 50_000 : 400_000
  await intake(await folder(setting, 'warm-up'), { seed: 99, count: PORTION })
  const fresh: Pace[] = []
  for (let seed = 1; seed <= runs; seed++) fresh.push(await intake(await folder(setting, 'intake'), { seed, count }))
  const filled = await filledLedger(setting, quick ? 200_000 : 1_000_000)
  const onto: Pace[] = []
  for (let seed = 11; seed < 11 + runs / 2; seed++) {
    onto.push(await intake(await copyLedger(setting, filled), { seed, count: count / 2 }))
  }
  const again = await repeated(await copyLedger(setting, filled), count / 10)
  const held = quick ? '200,000' : '1 M'
  return [
    figureRow(
      { name: 'into an empty ledger', unit: 'events/s', decimals: 0, goal: { least: 50_000, aim: 80_000 } },
      fresh.map(({ perSecond }) => perSecond),
    ),
    microseconds('CPU an event, all threads', fresh, ({ cpu }) => cpu),
    microseconds('CPU an event, the thread of JavaScript', fresh, ({ main }) => main),
    figureRow(
      { name: `into a ledger of ${held} events`, unit: 'events/s', decimals: 0, goal: { least: 50_000, aim: 80_000 } },
      onto.map(({ perSecond }) => perSecond),
    ),
    microseconds('the same, CPU an event, all threads', onto, ({ cpu }) => cpu),
    figureRow({ name: `pages of ${PAGE}, each reported before`, unit: 'events/s', decimals: 0 }, [again]),
  ]
}

function microseconds(name: string, paces: readonly Pace[], of: (pace: Pace) => number): BenchRow {
  return figureRow({ name, unit: 'µs', decimals: 1 }, paces.map(of))
}

async function intake(path: string, { seed, count }: { seed: number; count: number }): Promise<Pace> {
  const ledger = await openLedger(path)
  const to = Date.now()
  const events = createEvents({ seed, from: to - WINDOW + DAY / 24, to, count })
  let wall = 0
  let cpu = 0
  let main = 0
  try {
    for (let made = 0; made < count; made += PORTION) {
      const batches = portion(events, Math.min(PORTION, count - made))
      const before = cpuNow()
      const began = performance.now()
      await appendAll(ledger, batches)
      wall += performance.now() - began
      const used = cpuSince(before)
      cpu += used.process
      main += used.main ?? Number.NaN
    }
  } finally {
    await ledger.close()
  }
  return { perSecond: (count * 1_000) / wall, cpu: (cpu * 1_000) / count, main: (main * 1_000) / count }
}

function portion(events: Events, count: number): Usage[][] {
  const batches: Usage[][] = []
  for (let made = 0; made < count; made += BATCH) batches.push(events.reports(Math.min(BATCH, count - made)))
  return batches
}

/** Events a second when a page of them was recorded a moment ago, and everything before it too. */
async function repeated(path: string, count: number): Promise<number> {
  const ledger = await openLedger(path)
  try {
    const to = Date.now()
    const events = createEvents({ seed: 31, from: to - DAY, to, count })
    const pages: Usage[][] = []
    for (let made = 0; made < count; made += PAGE) pages.push(Array.from({ length: PAGE }, events.next))
    await appendAll(ledger, pages)
    const began = performance.now()
    await appendAll(ledger, pages)
    return (count * 1_000) / (performance.now() - began)
  } finally {
    await ledger.close()
  }
}
