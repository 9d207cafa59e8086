/**
 * The contenders of the render bench. Each runs in a process of its own, so that none pays for another's garbage; the bench
 * asks them in turn over the process's channel.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { capture } from '@marginwatch/exporter/views/metrics/capture'
import { decimalText } from '@marginwatch/exporter/views/metrics/decimal'
import { createWriter } from '@marginwatch/exporter/views/metrics/exposition'
import type { Sample } from '@marginwatch/exporter/views/metrics/sample'
import { Gauge, Registry } from 'prom-client'

export const CONTENDERS = ['ours', 'ours with money → text', 'prom-client'] as const
export type ContenderName = (typeof CONTENDERS)[number]

export interface Asked {
  readonly turn: number
  /** Renders in a row: a small page is over before the CPU clock has ticked. */
  readonly repeats: number
}

export interface Measured {
  /** CPU milliseconds a render, all threads and the kernel's work for it. */
  readonly cpu: number
  /** The longest time in which nobody else had a turn, milliseconds. */
  readonly stall: number
}

interface Contender {
  /** Gives every series another value; not measured. */
  change(turn: number): void
  render(): Promise<number>
}

const METRIC = {
  name: 'bench_cost_usd',
  type: 'gauge',
  help: 'Cost in US dollars.',
  labels: ['team', 'model', 'key'],
} as const

const makers: Readonly<Record<ContenderName, (size: number) => Contender>> = {
  ours: (size) => ours(size, false),
  'ours with money → text': (size) => ours(size, true),
  'prom-client': promClient,
}

/** Answers the bench's questions until it hangs up. */
export function serve(name: ContenderName, size: number): void {
  const contender = makers[name](size)
  process.on('message', async (asked: Asked) => process.send?.(await measure(contender, asked)))
}

async function measure(contender: Contender, { turn, repeats }: Asked): Promise<Measured> {
  contender.change(turn)
  globalThis.gc?.()
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  await nextTurn()
  delay.reset()
  const before = process.cpuUsage()
  for (let i = 0; i < repeats; i++) await contender.render()
  const { user, system } = process.cpuUsage(before)
  await nextTurn()
  delay.disable()
  return { cpu: (user + system) / 1_000 / repeats, stall: delay.count === 0 ? 0 : delay.max / 1e6 }
}

function ours(size: number, converting: boolean): Contender {
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
      let bytes = 0
      const slices = writer.render([capture({ metric: METRIC, samples })], { format: 'text', onFault: raise })
      for await (const slice of slices) bytes += slice.length
      return bytes
    },
  }
}

function promClient(size: number): Contender {
  const registry = new Registry()
  const gauge = new Gauge({ name: METRIC.name, help: METRIC.help, labelNames: METRIC.labels, registers: [registry] })
  return {
    change(turn) {
      for (let i = 0; i < size; i++) gauge.labels(...labelsOf(i)).set(micros(i, turn) / 1e6)
    },
    render: async () => Buffer.from(await registry.metrics()).length,
  }
}

function labelsOf(i: number): [string, string, string] {
  return [`team-${i % 97}`, `provider/model-${i % 8}`, `key-${i}-of-a-usual-length-of-thirty`]
}

function micros(i: number, turn: number): number {
  return (i * 7919 + turn * 104_729) % 10_000_000
}

function raise(_family: unknown, error: Error): never {
  throw error
}
