/**
 * From a call that is posted until its counter has moved on `/metrics`: one record is posted, then the page is asked for again
 * and again. So the time of one scrape is in it. On an idle program, and while another process posts 5,000 records a second.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type BenchRow, fixed, quantile, spread, valueRow } from './row.ts'
import { type Client, createClient } from './support/client.ts'
import { counted, untilCounted } from './support/counted.ts'
import { startLoad } from './support/load-child.ts'
import { startProgram } from './support/program.ts'
import { createRecords } from './support/records.ts'
import { folder, type Setting } from './support/setting.ts'

const INTAKE = '/v1/sources/litellm'
const LOAD = 5_000
/** The calls that are waited for have an environment of their own. */
const OWN = 'environment="waited-for"'

export async function run(setting: Setting): Promise<BenchRow[]> {
  const calls = setting.quick ? 20 : 200
  const program = await startProgram({ directory: await folder(setting, 'latency') })
  const client = createClient(program.url)
  try {
    const post = createRecords({ slim: true, over: { environment: 'waited-for' } })
    const measure = async () => {
      const times: number[] = []
      for (let i = 0; i < calls; i++) {
        times.push(await untilShown(client, post.next()))
        // Not in step with whatever happens at regular times inside.
        await delay(Math.random() * 20)
      }
      return times
    }
    await measure()
    const idle = await measure()
    const load = await startLoad(program.url, LOAD)
    const rate = arrivalRate(client)
    const busy = await measure()
    const arrived = await rate()
    await load.stop()
    return [...rowsOf('idle', idle), ...rowsOf(`under ${fixed(arrived, 0)} records/s`, busy)]
  } finally {
    client.close()
    await program.stop()
  }
}

async function untilShown(client: Client, record: string): Promise<number> {
  const before = await counted(client, OWN)
  const began = performance.now()
  await client.post(INTAKE, record)
  await untilCounted(client, before, OWN)
  return performance.now() - began
}

/** Records a second that the program took in from now until it is asked. */
function arrivalRate(client: Client): () => Promise<number> {
  const first = counted(client).then((value) => ({ value, at: performance.now() }))
  return async () => {
    const { value, at } = await first
    return ((await counted(client)) - value) / ((performance.now() - at) / 1_000)
  }
}

function rowsOf(name: string, times: readonly number[]): BenchRow[] {
  return [
    valueRow({ name: `${name}: p50`, unit: 'ms', decimals: 1 }, quantile(times, 0.5), spread(times, 1)),
    valueRow(
      { name: `${name}: p99 of ${times.length} calls`, unit: 'ms', decimals: 1, goal: { most: 1_000, aim: 100 } },
      quantile(times, 0.99),
      spread(times, 1),
    ),
  ]
}
