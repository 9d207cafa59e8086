/**
 * From the answer that the real LiteLLM gives to its caller until the call is counted on `/metrics`: LiteLLM tells the file of
 * it, the file writes it down and posts it. The page is asked for again and again, so the time of a scrape is in it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { startUpstream } from '@marginwatch/sandbox'
import { type BenchRow, quantile, spread, valueRow } from './row.ts'
import { type Client, createClient } from './support/client.ts'
import { counted, untilCounted } from './support/counted.ts'
import { type Gateway, question, startFiled, withGateways } from './support/gateway.ts'
import { startProgram } from './support/program.ts'
import { folder, type Setting } from './support/setting.ts'

export function run(setting: Setting): Promise<BenchRow[]> {
  const calls = setting.quick ? 20 : 100
  return withGateways(async (support, later) => {
    const upstream = await startUpstream()
    later(upstream.close)
    const program = await startProgram({ directory: await folder(setting, 'gateway-metric') })
    later(program.stop)
    const directory = await folder(setting, 'gateway-metric')
    const proxy = await startFiled(support, { upstream: upstream.url, exporter: program.url, directory })
    later(proxy.close)
    const client = createClient(program.url)
    later(async () => client.close())
    await measure(proxy, client, calls / 5)
    return rowsOf(await measure(proxy, client, calls))
  })
}

async function measure(proxy: Gateway, client: Client, calls: number): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < calls; i++) {
    const before = await counted(client)
    await proxy.call('/v1/chat/completions', question(0))
    const began = performance.now()
    await untilCounted(client, before)
    times.push(performance.now() - began)
    // Not in step with whatever happens at regular times inside.
    await delay(Math.random() * 100)
  }
  return times
}

function rowsOf(times: readonly number[]): BenchRow[] {
  const figure = { unit: 'ms', decimals: 1 }
  return [
    valueRow({ name: 'p50', ...figure }, quantile(times, 0.5), spread(times, 1)),
    valueRow(
      { name: `p99 of ${times.length} calls`, ...figure, goal: { most: 1_000 } },
      quantile(times, 0.99),
      spread(times, 1),
    ),
  ]
}
