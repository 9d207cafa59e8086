import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startUpstream, type Upstream } from '@marginwatch/sandbox'
import { expect, it, onTestFinished } from 'vitest'
import type { RowReader } from '../../src/ledger/ledger.ts'
import { eventually } from '../support/eventually.ts'
import { type Exporter, startExporter } from '../support/exporter.ts'
import { describeWithFixture } from '../support/fixture.ts'
import { gatewayConfig } from '../support/gateway-config.ts'
import { scratch } from '../support/ledger.ts'
import { type RealGateway, startRealGateway } from '../support/real-gateway.ts'
import { type Relay, startRelay } from '../support/relay.ts'
import { scrape, sumOf } from '../support/scrape.ts'
import { readLedger } from '../support/sql-truth.ts'

const HOOK = fileURLToPath(new URL('../../../gateway/marginwatch.py', import.meta.url))
const CALLERS = 16

describeWithFixture('Calls through the real LiteLLM', () => {
  it('arrive once each, with a slow, an absent and a killed exporter and a stop of the gateway', async () => {
    const world = await startWorld()
    const answered = await world.call(600, [
      [80, async () => world.relay.set({ afterMs: 3_000 })],
      [180, async () => world.relay.set('through')],
      [
        250,
        async () => {
          await world.exporter.program.stop()
          await pause(5_000)
          await world.startExporter()
        },
      ],
      [
        380,
        async () => {
          await world.exporter.program.kill()
          await world.startExporter()
        },
      ],
      [480, () => world.gateway.restart()],
    ])
    await world.untilRecorded(answered.length)
    expect(await world.recorded()).toEqual(answered)
  })

  it('arrive once each from two processes of one gateway, each with a spool of its own', async () => {
    const world = await startWorld({ workers: 2 })
    const answered = await world.call(200, [])
    await world.untilRecorded(answered.length)
    const page = await scrape(world.exporter.program.url)
    // The process that starts the two loads the file too, and says that it lives.
    expect(sumOf(page, 'marginwatch_gateway_processes', () => true)).toBeGreaterThanOrEqual(2_000_000_000n)
    expect(await world.recorded()).toEqual(answered)
  })
})

interface World {
  readonly relay: Relay
  readonly gateway: RealGateway
  readonly exporter: Exporter
  startExporter(): Promise<void>
  /** Makes so many calls, each as another customer, doing something at some of them; the customers that got an answer. */
  call(count: number, steps: readonly Step[]): Promise<string[]>
  /** Resolves when the exporter counts so many calls. */
  untilRecorded(count: number): Promise<void>
  /** The customer of each call in the ledger, in order; the exporter is stopped for it and started again. */
  recorded(): Promise<string[]>
}

type Step = readonly [number, () => Promise<unknown>]

async function startWorld({ workers = 1 }: { workers?: number } = {}): Promise<World> {
  const { path, remove } = await scratch()
  onTestFinished(remove)
  const upstream: Upstream = await startUpstream()
  onTestFinished(() => upstream.close())
  let exporter = await startExporter()
  const { data } = exporter
  const exporters = [exporter]
  onTestFinished(async () => {
    for (const one of exporters.toReversed()) await one.close()
  })
  const relay = await startRelay(() => exporter.program.port)
  onTestFinished(() => relay.close())
  const spool = join(path, 'spool')
  await mkdir(spool)
  const gateway = await startRealGateway({
    config: gatewayConfig({ upstream: upstream.url, litellm: { callbacks: ['marginwatch.gateway'] } }),
    hooks: [HOOK],
    env: { MARGINWATCH_URL: relay.url, MARGINWATCH_SPOOL: spool },
    workers,
  })
  onTestFinished(() => gateway.close())
  const again = async () => {
    exporter = await startExporter({ data })
    exporters.push(exporter)
  }
  return {
    relay,
    gateway,
    get exporter() {
      return exporter
    },
    startExporter: again,
    call: (count, steps) => callAll(gateway, count, steps),
    async untilRecorded(count) {
      let seen = 'no page'
      await eventually(
        () => `${count} calls recorded: ${seen}`,
        async () => {
          const page = await scrape(exporter.program.url)
          const recorded = Number(sumOf(page, 'llm_requests_total', () => true) / 1_000_000_000n)
          const waiting = Number(sumOf(page, 'marginwatch_gateway_spool_events', () => true) / 1_000_000_000n)
          seen = `${recorded} are, ${waiting} wait in the gateway`
          return recorded >= count ? true : null
        },
      )
    },
    async recorded() {
      await exporter.program.stop()
      const customers = await readLedger(data, customersOf)
      await again()
      return customers
    },
  }
}

/** A caller whose call the gateway does not take, because it is away, tries the same one again. */
async function callAll(gateway: RealGateway, count: number, steps: readonly Step[]): Promise<string[]> {
  const answered: string[] = []
  const due = [...steps]
  let under: Promise<unknown> = Promise.resolve()
  let next = 0
  const caller = async () => {
    while (next < count) {
      const user = `customer-${String(next++).padStart(4, '0')}`
      const messages = [{ role: 'user', content: 'Hello. upstream(input=10 output=5 first=30)' }]
      while (!(await isAnswered(gateway, { model: 'gpt-4o', user, messages }))) await pause(200)
      answered.push(user)
      while (due[0] && answered.length >= due[0][0]) under = under.then((due.shift() as Step)[1])
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  await under
  return answered.sort()
}

async function isAnswered(gateway: RealGateway, body: object): Promise<boolean> {
  try {
    await gateway.call('/v1/chat/completions', body)
    return true
  } catch {
    return false
  }
}

async function customersOf(rows: RowReader): Promise<string[]> {
  const list = await rows("SELECT customer FROM usage_event WHERE status = 'success' ORDER BY customer")
  return list.map(({ customer }) => String(customer))
}
