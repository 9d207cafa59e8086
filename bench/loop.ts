/**
 * Whether the program stays responsive: the delay of its event loop while Prometheus scrapes some 10,000 series once a second
 * and 20,000 events a second become durable. The events are made and appended inside of the program; more than a gateway posts
 * over HTTP on this machine. Beside it: 5,000 records a second over HTTP. The watch itself adds up to 1 ms to each figure.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type BenchRow, fixed, valueRow } from './row.ts'
import { type Client, createClient } from './support/client.ts'
import { startLoad } from './support/load-child.ts'
import { seriesOf, total } from './support/page.ts'
import { type Program, startProgram } from './support/program.ts'
import { folder, type Setting } from './support/setting.ts'
import { fillDay } from './support/store.ts'

const CUSTOMERS = 4_000
const POLICY = `metrics: { customers: ${CUSTOMERS} }\n`
const FED = 20_000
const POSTED = 5_000
const GOAL = { most: 50, aim: 15 }

export async function run(setting: Setting): Promise<BenchRow[]> {
  const fed = { rate: FED, customers: CUSTOMERS }
  const program = await startProgram({ directory: await folder(setting, 'loop'), policy: POLICY, fed })
  const row = await watched(program, { wanted: FED, quick: setting.quick })
  return [row, await posted(setting)]
}

async function posted(setting: Setting): Promise<BenchRow> {
  const directory = await folder(setting, 'loop')
  await fillDay(directory, { count: 50_000, customers: CUSTOMERS })
  const program = await startProgram({ directory, policy: POLICY })
  const load = await startLoad(program.url, POSTED)
  try {
    return await watched(program, { wanted: POSTED, quick: setting.quick })
  } finally {
    await load.stop()
  }
}

/** Scrapes once a second, and reads the delay when the program is warm. Stops the program. */
async function watched(program: Program, { wanted, quick }: { wanted: number; quick: boolean }): Promise<BenchRow> {
  const client = createClient(program.url)
  try {
    await scrapes(client, quick ? 3 : 15)
    await program.probe('watch delay')
    const { series, perSecond } = await scrapes(client, quick ? 4 : 30)
    const { delay: told } = await program.probe('delay')
    if (told === null) throw new Error('the probe did not watch')
    const name = `${fixed(series, 0)} series, ${fixed(perSecond, 0)} events/s of ${fixed(wanted, 0)}: p99`
    const around = `p50 ${told.p50.toFixed(1)}, longest ${told.max.toFixed(1)}`
    const row = valueRow({ name, unit: 'ms', decimals: 1, goal: GOAL }, told.p99, around)
    // A machine that does not keep pace proves nothing about what happens at that pace.
    return { ...row, ok: row.ok && perSecond > wanted * 0.95 }
  } finally {
    client.close()
    await program.stop()
  }
}

/** One scrape a second, as Prometheus asks: packed. */
async function scrapes(client: Client, seconds: number): Promise<{ series: number; perSecond: number }> {
  const count = async () => {
    const page = (await client.get('/metrics')).toString('utf8')
    return { series: seriesOf(page), calls: total(page, 'llm_requests_total'), at: performance.now() }
  }
  const first = await count()
  for (let i = 0; i < seconds; i++) {
    await delay(1_000)
    await client.get('/metrics', { 'Accept-Encoding': 'gzip' })
  }
  const last = await count()
  return { series: last.series, perSecond: ((last.calls - first.calls) * 1_000) / (last.at - first.at) }
}
