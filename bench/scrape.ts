/**
 * A scrape at 1,000 customers on 3 models, all of whom have series of their own: how long Prometheus waits, how much CPU the
 * program needs, and how large the page is. LiteLLM's own exposition of the same takes 7–9 s, 90 MB and 225,000 series.
 */
import { gunzipSync } from 'node:zlib'
import { type BenchRow, figureRow, fixed, quantile, spread, valueRow } from './row.ts'
import { type Client, createClient } from './support/client.ts'
import { CUSTOMERS } from './support/events.ts'
import { seriesOf } from './support/page.ts'
import { type Program, settled, startProgram } from './support/program.ts'
import { folder, type Setting } from './support/setting.ts'
import { fillDay } from './support/store.ts'

const MODELS = 3
const EVENTS = 100_000
const WARM_UPS = 5
const PACKED = { 'Accept-Encoding': 'gzip' }

export async function run(setting: Setting): Promise<BenchRow[]> {
  const directory = await folder(setting, 'scrape')
  await fillDay(directory, { count: EVENTS, customers: CUSTOMERS, models: MODELS })
  const program = await startProgram({ directory, policy: `metrics: { customers: ${CUSTOMERS} }\n` })
  const client = createClient(program.url)
  try {
    const times = setting.quick ? 10 : 100
    await settled(program)
    const plain = await measure(program, client, { times, headers: {} })
    const packed = await measure(program, client, { times, headers: PACKED })
    const series = seriesOf(gunzipSync(packed.page).toString('utf8'))
    const page = `${fixed(series, 0)} series`
    return [
      wallRow(`${page}: time of a scrape, p95`, plain.wall),
      wallRow(`${page}: time of a scrape, packed, p95`, packed.wall),
      figureRow({ name: `${page}: the program’s CPU`, unit: 'ms', decimals: 1 }, [plain.cpu]),
      figureRow({ name: `${page}: the program’s CPU, packed`, unit: 'ms', decimals: 1 }, [packed.cpu]),
      sizeRow(`${page}: size`, plain.page),
      sizeRow(`${page}: size, packed`, packed.page),
    ]
  } finally {
    client.close()
    await program.stop()
  }
}

interface Scrapes {
  readonly wall: number[]
  /** Milliseconds of the program's CPU a scrape. */
  readonly cpu: number
  readonly page: Buffer
}

async function measure(
  program: Program,
  client: Client,
  { times, headers }: { times: number; headers: Record<string, string> },
): Promise<Scrapes> {
  let page: Buffer = Buffer.alloc(0)
  for (let i = 0; i < WARM_UPS; i++) page = await client.get('/metrics', headers)
  const before = await program.probe('cpu')
  const wall: number[] = []
  for (let i = 0; i < times; i++) {
    const began = performance.now()
    page = await client.get('/metrics', headers)
    wall.push(performance.now() - began)
  }
  const after = await program.probe('cpu')
  return { wall, cpu: (after.cpu - before.cpu) / times, page }
}

function wallRow(name: string, wall: readonly number[]): BenchRow {
  const around = `p50 ${quantile(wall, 0.5).toFixed(1)}, ${spread(wall, 1)}`
  return valueRow({ name, unit: 'ms', decimals: 1, goal: { most: 200, aim: 50 } }, quantile(wall, 0.95), around)
}

function sizeRow(name: string, page: Buffer): BenchRow {
  return valueRow({ name, unit: 'MB', decimals: 2, goal: { most: 2, aim: 1 } }, page.length / 1e6, '')
}
