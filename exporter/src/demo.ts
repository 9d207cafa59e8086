import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { createTraffic, pushRecords, replay, runShowcase, startLitellm } from '@marginwatch/sandbox'
import type { Prepare } from './app.ts'
import { createCalendar } from './calendar.ts'
import { resumed, type Spent, spentThisMonth } from './demo/budgets.ts'
import { demoPolicy } from './demo/policy.ts'
import type { Policy } from './policy/policy.ts'
import { contextOf } from './sources/litellm/context.ts'
import { eventOf } from './sources/litellm/event.ts'
import { readRecord } from './sources/litellm/record.ts'
import type { Usage } from './usage.ts'

/** Shows how far a piece of work is. */
export interface Progress {
  start(total: number, what: string): void
  to(done: number): void
  stop(): void
}

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

/** A demonstration: a stand-in for LiteLLM that replays real traffic of an invented company. */
export interface Demo {
  /** The policy to run with: the stand-in as its only source. Once there is history it has limits that fit what was spent. */
  current(): Policy
  /** Brings in a month of history, or what was missed since the last run; when it is stopped, the next run goes on there. */
  prepare(tools: Prepare, stopped: AbortSignal): Promise<void>
  /** Lets the traffic go on, over HTTP. */
  live(): void
  close(): Promise<void>
}

const MONTH_MS = 30 * 86_400_000
const MINUTE_MS = 60_000
const SEED = 1
/** About 240,000 calls a month: enough for days and weeks to have their shape, and brought in within 20 s. */
const HISTORY_DENSITY = 0.8
const BATCH = 2_000
const NOTHING: Spent = { customers: new Map(), agents: new Map(), tiers: new Map() }
/** Under which name the ledger keeps how far the history reaches. */
export const THROUGH = 'demo/through'

/** Starts the stand-in. The exporter must then listen on `policy.server.port`. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { now, sleep, speed, onPolicy } = options
  const port = options.policy.server.port === 0 ? await freePort() : options.policy.server.port
  const gatewayKey = randomBytes(18).toString('hex')
  const exporter = `http://127.0.0.1:${port}/v1`
  const server = await startLitellm({
    now,
    record: { slim: true },
    push: { url: `${exporter}/sources/litellm`, key: gatewayKey, form: 'marginwatch', flushMs: 1000 },
    decide: { url: `${exporter}/decisions`, key: gatewayKey },
  })
  const place = { port, gatewayKey, url: server.url, masterKey: server.masterKey }
  let policy = demoPolicy(options.policy, place, NOTHING)
  const traffic = createTraffic({ seed: SEED })
  const stop = new AbortController()
  let running: Promise<unknown> = Promise.resolve()
  let remember: ((through: number) => Promise<void>) | null = null
  let begin = now()
  return {
    current: () => policy,
    async prepare({ ledger, policy: current, prices }, stopped) {
      const known = Number(await ledger.recall(THROUGH))
      const to = now()
      const from = Math.max(known || 0, to - MONTH_MS)
      const context = contextOf({ policy: current, prices: prices.current, now })
      const usages = function* (): Generator<{ start: number; usage: Usage }> {
        for (const call of traffic.calls(from, to, { density: HISTORY_DENSITY })) {
          for (const record of pushRecords(call, { slim: true })) {
            yield { start: call.start, usage: eventOf(readRecord({ ...record }), context).usage }
          }
        }
      }
      const { progress } = options
      const reached = await bringIn(usages(), { from, to, append: ledger.append, progress, stopped })
      remember = (through) => ledger.remember(THROUGH, String(through))
      await remember(reached)
      if (known > 0) await ledger.append([resumed(now())])
      policy = demoPolicy(options.policy, place, await spentThisMonth(ledger, createCalendar(policy.timezone), now()))
      onPolicy()
      begin = reached
    },
    live() {
      const keep = async () => {
        while (!stop.signal.aborted) {
          await sleep(MINUTE_MS, stop.signal)
          await remember?.(now()).catch(() => undefined)
        }
      }
      const going = replay({
        traffic,
        from: begin,
        density: speed * HISTORY_DENSITY,
        server,
        now,
        sleep,
        signal: stop.signal,
      })
      const { signal } = stop
      const shown = runShowcase({ company: traffic.company, server, seed: SEED, now, sleep, signal })
      running = Promise.allSettled([going, shown, keep()])
    },
    async close() {
      stop.abort()
      await running
      await server.close()
    },
  }
}

interface BringIn {
  readonly from: number
  readonly to: number
  readonly append: (entries: readonly Usage[]) => Promise<unknown>
  readonly progress: Progress
  readonly stopped: AbortSignal
}

/** Records while the next batch is being made. Returns how far it came: `to`, unless it was stopped. */
async function bringIn(usages: Iterable<{ start: number; usage: Usage }>, options: BringIn): Promise<number> {
  const { from, to, append, progress, stopped } = options
  const what = to - from > MONTH_MS / 2 ? 'a month of history' : 'what happened since the last run'
  progress.start(to - from, what)
  let batch: Usage[] = []
  let pending: Promise<unknown> = Promise.resolve()
  let reached = to
  for (const { start, usage } of usages) {
    if (stopped.aborted) {
      reached = start
      break
    }
    batch.push(usage)
    if (batch.length < BATCH) continue
    await pending
    pending = append(batch)
    // A rejection is met at the next turn; until then it must not count as unhandled.
    pending.catch(() => undefined)
    batch = []
    progress.to(start - from)
    await new Promise(setImmediate)
  }
  await pending
  if (batch.length > 0) await append(batch)
  progress.to(reached - from)
  progress.stop()
  return reached
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
