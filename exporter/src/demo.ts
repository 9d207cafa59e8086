import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import {
  type Call,
  createTraffic,
  type Docker,
  type Langfuse,
  type Litellm,
  replay,
  runShowcase,
  startDocker,
  startLangfuse,
  startLitellm,
  type Traffic,
} from '@marginwatch/sandbox'
import type { Prepare } from './app.ts'
import { createCalendar } from './calendar.ts'
import { resumed, type Spent, spentThisMonth } from './demo/budgets.ts'
import { clientele, trafficOf } from './demo/clientele.ts'
import { bringInContainers } from './demo/containers.ts'
import { bringIn, HISTORY_DENSITY, historyFrom, type Progress } from './demo/history.ts'
import { type DemoPlace, demoPolicy, dockerPolicy, RATES } from './demo/policy.ts'
import {
  besideLangfuse,
  MODEL_PRICES,
  passesGateway,
  pastTraces,
  stretches,
  traceBackfill,
  tracesFrom,
} from './demo/traces.ts'
import type { Ledger } from './ledger/ledger.ts'
import type { Policy } from './policy/policy.ts'
import { contextOf } from './sources/litellm/context.ts'

export type { Progress } from './demo/history.ts'

export interface DemoOptions {
  /** The policy that the demonstration borrows its tiers, zone and listening address from. */
  readonly policy: Policy
  /** How many times as dense as the history the live traffic is. */
  readonly speed: number
  readonly now: () => number
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  readonly progress: Progress
  /** Called when the policy is another one. */
  readonly onPolicy: () => void
}

/** A demonstration: stand-ins for LiteLLM, Langfuse and a Docker engine that replay real traffic of an invented company. */
export interface Demo {
  /** The policy to run with: the stand-ins as its only sources. Once there is history it has limits that fit what was spent. */
  current(): Policy
  /** Brings in a month of history, or what was missed since the last run; when it is stopped, the next run goes on there. */
  prepare(tools: Prepare, stopped: AbortSignal): Promise<void>
  /** Lets the traffic go on, over HTTP. */
  live(): void
  close(): Promise<void>
}

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
const SEED = 1
const NOTHING: Spent = { customers: new Map(), agents: new Map(), tiers: new Map() }
/** Under which names the ledger keeps how far the history reaches, and when the demonstration was first started. */
export const THROUGH = 'demo/through'
export const BEGAN = 'demo/began'
/** Of which stretches of the history Langfuse may not have told all. */
const UNREAD = 'demo/unread'
/** The company's containers had been running for so long by then. */
const UP_MS = 40 * DAY_MS

/** Starts the stand-ins. The exporter must then listen on `policy.server.port`. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { now, sleep, speed, onPolicy, progress } = options
  const port = options.policy.server.port === 0 ? await freePort() : options.policy.server.port
  let began = now()
  const stands = await startStands(port, now, () => began - UP_MS)
  const { langfuse, docker, traces } = stands
  const calendar = createCalendar(options.policy.timezone)
  const place = placeOf(stands, port, traceBackfill(calendar, now()))
  let policy = demoPolicy(options.policy, place, NOTHING)
  let traffic: Traffic = createTraffic({ seed: SEED })
  const stop = new AbortController()
  let running: Promise<unknown> = Promise.resolve()
  let remember: ((through: number) => Promise<void>) | null = null
  let begin = now()
  return {
    current: () => policy,
    async prepare({ ledger, prices }, stopped) {
      const to = now()
      began = await firstStart(ledger, to)
      const customers = clientele(traffic.company, began, calendar)
      traffic = trafficOf(traffic, customers)
      policy = demoPolicy(options.policy, place, NOTHING, customers)
      const known = Number(await ledger.recall(THROUGH)) || null
      const from = historyFrom(calendar, known, to)
      const calls = throughGateway(traffic.calls(from, to, { density: HISTORY_DENSITY }))
      const context = contextOf({ policy: () => policy, prices: prices.current, now })
      const reached = await bringIn({ from, to, calls, context, append: ledger.append, progress, stopped })
      remember = async (through) => {
        await ledger.remember(THROUGH, String(through))
        if (traces.tidy()) await ledger.remember(UNREAD, '[]')
      }
      const added = { from: tracesFrom(calendar, known, to), to: reached }
      const history = stretches(await ledger.recall(UNREAD), added)
      await ledger.remember(UNREAD, JSON.stringify(history))
      await remember(reached)
      await bringInContainers(
        { docker, settings: dockerPolicy(docker.url), rates: RATES, ledger, calendar, stopped },
        historyFrom(calendar, null, to),
        to,
      )
      traces.of(traffic, HISTORY_DENSITY, history)
      if (known !== null) await ledger.append([resumed(now())])
      const spent = await spentThisMonth(ledger, calendar, now())
      policy = demoPolicy(options.policy, place, spent, customers)
      onPolicy()
      begin = reached
    },
    live() {
      langfuse.set({ fault: null })
      const { signal } = stop
      running = play({ stands, traffic, begin, speed, now, sleep, signal, keep: async () => remember?.(now()) })
    },
    async close() {
      stop.abort()
      await running
      await stands.close()
    },
  }
}

interface Play extends Pick<DemoOptions, 'speed' | 'now' | 'sleep'> {
  readonly stands: Stands
  readonly traffic: Traffic
  /** Where the history ends. */
  readonly begin: number
  /** Remembers how far it came. */
  readonly keep: () => Promise<unknown>
  readonly signal: AbortSignal
}

/** Plays ordinary traffic and the cast until the signal aborts. */
function play({ stands, traffic, begin, speed, now, sleep, keep, signal }: Play): Promise<unknown> {
  const server = besideLangfuse(stands.server, stands.langfuse)
  const keeping = async () => {
    while (!signal.aborted) {
      await sleep(MINUTE_MS, signal)
      await keep().catch(() => undefined)
    }
  }
  const density = speed * HISTORY_DENSITY
  return Promise.allSettled([
    replay({ traffic, from: begin, density, server, now, sleep, signal }),
    // With the seed of another run the ledger would take its calls for those of that run.
    runShowcase({ company: traffic.company, server, seed: begin, now, sleep, signal }),
    keeping(),
  ])
}

/** The neighbours of an exporter, on ports of their own. */
interface Stands {
  readonly server: Litellm
  readonly gatewayKey: string
  readonly langfuse: Langfuse
  readonly docker: Docker
  readonly traces: ReturnType<typeof pastTraces>
  close(): Promise<void>
}

async function startStands(port: number, now: () => number, since: () => number): Promise<Stands> {
  const gatewayKey = randomBytes(18).toString('hex')
  const exporter = `http://127.0.0.1:${port}/v1`
  const server = await startLitellm({
    now,
    record: { slim: true },
    push: { url: `${exporter}/sources/litellm`, key: gatewayKey, form: 'marginwatch', flushMs: 1000 },
    decide: { url: `${exporter}/decisions`, key: gatewayKey },
  })
  // Nobody asks it before it is there.
  const traces = pastTraces(() => langfuse, now)
  const langfuse: Langfuse = await startLangfuse({
    now,
    projects: [{ name: 'main', past: traces.past, models: MODEL_PRICES }],
    // Its history takes the time that the page needs for its first numbers, so it begins a little later.
    fault: { kind: 'slow', ms: 4_000 },
  })
  const docker = await startDocker({ now, since })
  const close = async () => {
    await Promise.all([server.close(), langfuse.close(), docker.close()])
  }
  return { server, gatewayKey, langfuse, docker, traces, close }
}

function placeOf({ server, gatewayKey, langfuse, docker }: Stands, port: number, backfillMs: number): DemoPlace {
  const { url, masterKey } = server
  const { keys, adminKey } = langfuse
  return { port, gatewayKey, url, masterKey, langfuse: { url: langfuse.url, keys, adminKey, backfillMs }, docker }
}

async function firstStart(ledger: Ledger, now: number): Promise<number> {
  const known = Number(await ledger.recall(BEGAN))
  if (known > 0) return known
  await ledger.remember(BEGAN, String(now))
  return now
}

function* throughGateway(calls: Iterable<Call>): Generator<Call> {
  for (const call of calls) if (passesGateway(call)) yield call
}

/** A port that is free now; the stand-in must know where to push before the exporter listens. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
