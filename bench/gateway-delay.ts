/**
 * What the file adds to the time of a call: two real LiteLLM on one upstream, one with the file and one without, asked in turn,
 * so that whatever else the machine does meets both. The program that the file posts to runs on the same machine.
 */
import { startUpstream } from '@marginwatch/sandbox'
import { type BenchRow, fixed, median, quantile, spread, valueRow } from './row.ts'
import type { Later } from './support/cleanup.ts'
import { type GatewaySupport, type Gateway, question, startFiled, withGateways } from './support/gateway.ts'
import { startProgram } from './support/program.ts'
import { folder, type Setting } from './support/setting.ts'

const CROWDS = [
  ['one caller', 1],
  ['16 callers', 16],
] as const
/** The difference of these parts of the pairs shows how sure the difference of all is. */
const PARTS = 5
/** A provider takes some hundred milliseconds until its first token: what is a hundredth of that, nobody can tell. */
const AIM = '< 5 ms'

/** Milliseconds of one call with the file and one without, next to each other. */
interface Pair {
  readonly filed: number
  readonly bare: number
}

export function run(setting: Setting): Promise<BenchRow[]> {
  const pairs = setting.quick ? 100 : 500
  return withGateways(async (support, later) => {
    const proxies = await startTwo(support, later, setting)
    const rows: BenchRow[] = []
    for (const [name, callers] of CROWDS) {
      await ask(proxies, pairs / 5, callers)
      rows.push(...rowsOf(name, await ask(proxies, pairs, callers)))
    }
    return rows
  })
}

interface Two {
  readonly filed: Gateway
  readonly bare: Gateway
}

const NAMES: readonly (keyof Two)[] = ['filed', 'bare']

async function startTwo(support: GatewaySupport, later: Later, setting: Setting): Promise<Two> {
  const upstream = await startUpstream()
  later(upstream.close)
  const program = await startProgram({ directory: await folder(setting, 'gateway-delay') })
  later(program.stop)
  const directory = await folder(setting, 'gateway-delay')
  const filed = await startFiled(support, { upstream: upstream.url, exporter: program.url, directory })
  later(filed.close)
  const bare = await support.startRealGateway({ config: support.gatewayConfig({ upstream: upstream.url }) })
  later(bare.close)
  return { filed, bare }
}

/**
 * All callers ask the one at once, and when all have their answers, the other; every other time in the other order. Callers
 * that went on by themselves would gather at whichever is slower by a hair, and their times would tell of the crowd there.
 */
async function ask(two: Two, count: number, callers: number): Promise<Pair[]> {
  const pairs: Pair[] = []
  for (let round = 0; round < count / callers; round++) {
    const times: Record<keyof Two, number[]> = { filed: [], bare: [] }
    for (const name of round % 2 === 0 ? NAMES : NAMES.toReversed())
      times[name] = await Promise.all(Array.from({ length: callers }, () => timeOf(two[name])))
    pairs.push(...times.filed.map((filed, i) => ({ filed, bare: times.bare[i] ?? Number.NaN })))
  }
  return pairs
}

async function timeOf(proxy: Gateway): Promise<number> {
  const began = performance.now()
  await proxy.call('/v1/chat/completions', question(0))
  return performance.now() - began
}

function rowsOf(name: string, pairs: readonly Pair[]): BenchRow[] {
  const differences = pairs.map(({ filed, bare }) => filed - bare)
  const p99 = `p99 of ${fixed(pairs.length, 0)}`
  const row = (label: string, value: number, around: string): BenchRow =>
    valueRow({ name: `${name}: ${label}`, unit: 'ms', decimals: 1 }, value, around)
  const both = (label: string, times: readonly number[]) => [
    row(`${label}, p50`, median(times), spread(times, 1)),
    row(`${label}, ${p99}`, quantile(times, 0.99), spread(times, 1)),
  ]
  return [
    ...both(
      'with the file',
      pairs.map(({ filed }) => filed),
    ),
    ...both(
      'without it',
      pairs.map(({ bare }) => bare),
    ),
    { ...row('difference in a pair, p50', median(differences), spread(medians(differences), 1)), aim: AIM },
    row(`difference in a pair, ${p99}`, quantile(differences, 0.99), spread(differences, 1)),
  ]
}

/** The median of each part, one after the other. */
function medians(values: readonly number[]): number[] {
  const size = Math.ceil(values.length / PARTS)
  return Array.from({ length: PARTS }, (_, i) => median(values.slice(i * size, (i + 1) * size)))
}
