/**
 * What a scrape costs: CPU time of rendering the same series by our writer and by prom-client, one after the other in one
 * process, every value changed before each render (unmeasured). The ratio holds on a loaded machine, the milliseconds do not.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { pathToFileURL } from 'node:url'
import { capture } from '@marginwatch/exporter/views/metrics/capture'
import { decimalText } from '@marginwatch/exporter/views/metrics/decimal'
import { createWriter } from '@marginwatch/exporter/views/metrics/exposition'
import type { Sample } from '@marginwatch/exporter/views/metrics/sample'
import { Gauge, Registry } from 'prom-client'
import { type BenchRow, median, print, spread } from './row.ts'

const SIZES = [1_000, 10_000, 100_000]
const RUNS = 7
const WARM_UPS = 3
/** Renders a run; small pages are over before the CPU clock has ticked. */
const REPEATS: Readonly<Record<number, number>> = { 1_000: 20, 10_000: 4, 100_000: 1 }

const METRIC = {
  name: 'bench_cost_usd',
  type: 'gauge',
  help: 'Cost in US dollars.',
  labels: ['team', 'model', 'key'],
} as const

/** Measures all sizes; some 30 s. */
export async function run(): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const size of SIZES) rows.push(...(await measure(size)))
  return rows
}

async function measure(size: number): Promise<BenchRow[]> {
  const contenders = { ours: ours(size), converting: ours(size, { converting: true }), theirs: theirs(size) }
  const cpu: Record<keyof typeof contenders, number[]> = { ours: [], converting: [], theirs: [] }
  for (let turn = 0; turn < WARM_UPS + RUNS; turn++) {
    for (const name of ['ours', 'converting', 'theirs'] as const) {
      const ms = await cpuOf(contenders[name], turn, REPEATS[size] ?? 1)
      if (turn >= WARM_UPS) cpu[name].push(ms)
    }
  }
  const stall = await longestStall(contenders.ours)
  const ratios = cpu.theirs.map((ms, i) => ms / (cpu.ours[i] ?? Number.NaN))
  const converted = cpu.theirs.map((ms, i) => ms / (cpu.converting[i] ?? Number.NaN))
  const label = size.toLocaleString('en')
  return [
    row(`${label} series: prom-client CPU / ours`, ratios, { goal: 1, aim: 10, unit: '×' }),
    row(`${label} series: the same with money → text counted`, converted, { goal: 1, aim: 10, unit: '×' }),
    info(`${label} series: ours, CPU`, cpu.ours),
    info(`${label} series: ours with money → text, CPU`, cpu.converting),
    info(`${label} series: prom-client, CPU`, cpu.theirs),
    {
      ...info(`${label} series: longest turn of the event loop`, [stall]),
      goal: '≤ 15 ms',
      aim: '≤ 5 ms',
      ok: stall <= 15,
    },
  ]
}

interface Contender {
  /** Gives every series another value. */
  change(turn: number): void
  render(): Promise<number>
}

function ours(size: number, { converting = false } = {}): Contender {
  const writer = createWriter()
  const nanos = new Array<bigint>(size).fill(0n)
  const samples = nanos.map((_, i): Sample => ({ labels: labelsOf(i), value: '0' }))
  const toText = () => {
    for (let i = 0; i < size; i++) (samples[i] as Sample).value = decimalText(nanos[i] as bigint, 9)
  }
  return {
    change(turn) {
      for (let i = 0; i < size; i++) nanos[i] = BigInt(micros(i, turn)) * 1_000n
      toText()
    },
    async render() {
      if (converting) toText()
      const captured = [capture({ metric: METRIC, samples })]
      let bytes = 0
      for await (const slice of writer.render(captured, { format: 'text', onFault: raise })) bytes += slice.length
      return bytes
    },
  }
}

function theirs(size: number): Contender {
  const registry = new Registry()
  const gauge = new Gauge({ name: METRIC.name, help: METRIC.help, labelNames: METRIC.labels, registers: [registry] })
  return {
    change(turn) {
      for (let i = 0; i < size; i++) gauge.labels(...labelsOf(i)).set(micros(i, turn) / 1e6)
    },
    async render() {
      return Buffer.byteLength(await registry.metrics())
    },
  }
}

function labelsOf(i: number): [string, string, string] {
  return [`team-${i % 97}`, `provider/model-${i % 8}`, `key-${i}-of-a-usual-length-of-thirty`]
}

function micros(i: number, turn: number): number {
  return (i * 7919 + turn * 104_729) % 10_000_000
}

/** CPU milliseconds a render, both of the process's threads and of the kernel for it. */
async function cpuOf(contender: Contender, turn: number, repeats: number): Promise<number> {
  contender.change(turn)
  globalThis.gc?.()
  const before = process.cpuUsage()
  for (let i = 0; i < repeats; i++) await contender.render()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000 / repeats
}

/** The median over renders of the longest time in which nobody else had a turn, in milliseconds. */
async function longestStall(contender: Contender): Promise<number> {
  const stalls: number[] = []
  for (let turn = 0; turn < RUNS; turn++) {
    contender.change(turn)
    const delay = monitorEventLoopDelay({ resolution: 1 })
    await new Promise((resolve) => setImmediate(resolve))
    delay.enable()
    await contender.render()
    delay.disable()
    stalls.push(Number.isFinite(delay.max) ? delay.max / 1e6 : 0)
  }
  return median(stalls)
}

function row(
  name: string,
  values: number[],
  { goal, aim, unit }: { goal: number; aim: number; unit: string },
): BenchRow {
  const value = median(values)
  return {
    name,
    value: `${value.toFixed(1)} ${unit}`,
    spread: spread(values, 1),
    goal: `≥ ${goal} ${unit}`,
    aim: `≥ ${aim} ${unit}`,
    ok: value >= goal,
  }
}

function info(name: string, values: number[]): BenchRow {
  return { name, value: `${median(values).toFixed(2)} ms`, spread: spread(values, 2), goal: '', aim: '', ok: true }
}

function raise(_family: unknown, error: Error): never {
  throw error
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) print(await run())
