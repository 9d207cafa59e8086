/**
 * What a pushed record costs before it reaches the ledger, step by step, in the thread that does it: cutting the body into
 * records, reading one, making an event of it.
 */
import { openPriceBook } from '@marginwatch/pricing'
import { readPolicy } from '@marginwatch/exporter/policy/read'
import { JsonSplitter } from '@marginwatch/exporter/sources/json-stream'
import { contextOf } from '@marginwatch/exporter/sources/litellm/context'
import { type EventContext, eventOf } from '@marginwatch/exporter/sources/litellm/event'
import { readRecord } from '@marginwatch/exporter/sources/litellm/record'
import { type BenchRow, figureRow } from './row.ts'
import { cpuNow, cpuSince } from './support/cpu.ts'
import { createRecords } from './support/records.ts'
import type { Setting } from './support/setting.ts'

const RECORDS = 2_000
const WARM_UPS = 3

type Step = 'cut' | 'read' | 'make'

export async function run({ quick }: Setting): Promise<BenchRow[]> {
  const context = shippedContext()
  const rows: BenchRow[] = []
  for (const slim of [true, false]) {
    const body = createRecords({ slim }).body(RECORDS)
    const costs: Record<Step, number>[] = []
    for (let turn = 0; turn < WARM_UPS + (quick ? 3 : 15); turn++) {
      const cost = measure(body, context)
      if (turn >= WARM_UPS) costs.push(cost)
    }
    const name = slim ? 'generic_api without texts' : 'generic_api, whole'
    const kilobytes = (body.length / RECORDS / 1_000).toFixed(1)
    const row = (what: string, step: Step) =>
      figureRow(
        { name: `${name} (${kilobytes} kB): ${what}`, unit: 'µs', decimals: 1 },
        costs.map((cost) => cost[step]),
      )
    rows.push(row('cut out of the body', 'cut'), row('read', 'read'), row('made an event', 'make'))
  }
  return rows
}

/** What the program's own defaults say. */
function shippedContext(): EventContext {
  const { policy } = readPolicy('version: 1', { file: 'defaults', env: {} })
  if (policy === undefined) throw new Error('the defaults are no policy')
  const prices = openPriceBook()
  return contextOf({ policy: () => policy, prices: () => prices, now: Date.now })
}

/** Microseconds of CPU a record. */
function measure(body: Buffer, context: EventContext): Record<Step, number> {
  const [cut, records] = timed(() => {
    const splitter = new JsonSplitter()
    return [...splitter.write(body), ...splitter.end()].map((piece) => (piece.kind === 'record' ? piece.value : {}))
  })
  const [read, calls] = timed(() => records.map(readRecord))
  const [make] = timed(() => calls.map((call) => eventOf(call, context)))
  return { cut, read, make }
}

function timed<T>(job: () => T): [microseconds: number, result: T] {
  const before = cpuNow()
  const result = job()
  const used = cpuSince(before)
  return [((used.main ?? used.process) * 1_000) / RECORDS, result]
}
