import {
  type Call,
  createTraffic,
  type Langfuse,
  type Litellm,
  mixture,
  type Mixture,
  type Passed,
  startLangfuse,
  startLitellm,
} from '@marginwatch/sandbox'
import { pino } from 'pino'
import { type App, startApp } from '../../src/app.ts'
import { createCalendar } from '../../src/calendar.ts'
import type { LangfusePolicy, Policy } from '../../src/policy/policy.ts'
import { readPolicy } from '../../src/policy/read.ts'
import { scratch } from '../support/ledger.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** Midnight is at eleven in the morning of UTC there, so that busy hours lie on both sides of it. */
const ZONE = 'Pacific/Auckland'
export const calendar = createCalendar(ZONE)
/** The midnights around which calls happen, epoch milliseconds. */
export const MIDNIGHTS = [17, 18, 19].map((day) => Date.UTC(2026, 10, day, 11))
const AROUND = 2 * HOUR
const DENSITY = 0.055
/** So long after a midnight the last of what belongs to it has come: seven hours of it are the gateway's, at most. */
const SETTLED = 8 * HOUR
/** When the calls begin, and when the last of their days is over. */
export const BEGIN = Math.min(...MIDNIGHTS) - AROUND
export const END = Math.max(...MIDNIGHTS) + DAY + HOUR

/** What befalls the calls, all of it at once. */
const DISTURBANCE = {
  gatewayOnly: 0.06,
  langfuseOnly: 0.12,
  late: 0.12,
  twice: 0.15,
  edited: 0.3,
  gatewayLate: 0.1,
  lent: 0.12,
  twiceAfterMs: [1000, 80 * MINUTE],
  editAfterMs: [MINUTE, 80 * MINUTE],
} as const

export interface TruthOptions {
  readonly seed: number
  readonly role: LangfusePolicy['role']
  /** Whether Langfuse fails in the first night, the program is stopped for hours in the second, and Langfuse is away for hours in the third. */
  readonly troubled: boolean
}

/** LiteLLM, Langfuse and the program in one virtual time, and what became of each call on its way. */
export interface TruthWorld {
  readonly app: App
  readonly langfuse: Langfuse
  readonly passed: readonly Passed[]
  readonly mixed: Mixture
  close(): Promise<void>
}

/** Lets three nights of calls happen, a few hours each, and everything settle until the last of their days is over. */
export async function startTruth(options: TruthOptions): Promise<TruthWorld> {
  const clock = new VirtualClock(BEGIN - 10 * MINUTE)
  const { path, remove } = await scratch()
  let app: App | null = null
  const litellm = await startLitellm({
    now: clock.now,
    sleep: clock.sleep,
    seed: options.seed,
    fetch: (_, init) => {
      if (app === null) throw new TypeError('fetch failed')
      return fetch(`${app.url}/v1/sources/litellm`, init)
    },
    push: { url: 'http://exporter/v1/sources/litellm', form: 'marginwatch', flushMs: 10 * MINUTE, duplicates: 0.2 },
  })
  const langfuse = await startLangfuse({ now: clock.now, sleep: clock.sleep })
  const policy = policyOf(langfuse, options.role)
  const start = async () => {
    app = await startApp({
      policy: { current: () => policy, lastReload: () => ({ ok: true, problems: [] }), onChange: () => {} },
      directory: path,
      demo: false,
      log: pino({ level: 'silent' }),
      now: clock.now,
      random: () => 0.5,
      sleep: clock.sleep,
    })
    return app
  }
  const stop = async () => {
    const ended = app
    app = null
    await ended?.close()
  }
  // Of the program the poll, the directory, Langfuse and the containers; and the push of the stand-in.
  const until = (at: number) => clock.advance(at - clock.now(), app === null ? 1 : 5)

  const { passed, mixed } = happen(litellm, langfuse, options.seed)
  await start()
  for (const [night, midnight] of MIDNIGHTS.entries()) {
    // Nothing happens in between: that time need not be lived through.
    clock.jump(Math.max(0, midnight - AROUND - 10 * MINUTE - clock.now()))
    if (options.troubled) await TROUBLES[night]?.({ midnight, until, stop, start, langfuse })
    await until(midnight + SETTLED)
  }
  clock.jump(END - HOUR - clock.now())
  await until(END)
  // All that the program does every half minute by the clock on the wall is done once before it ends, and when it starts.
  await stop()
  await start()
  await stop()
  const last = await start()
  return {
    app: last,
    langfuse,
    passed,
    mixed,
    async close() {
      await stop()
      await litellm.close()
      await langfuse.close()
      await remove()
    },
  }
}

function happen(litellm: Litellm, langfuse: Langfuse, seed: number): Pick<TruthWorld, 'passed' | 'mixed'> {
  const traffic = createTraffic({ seed })
  const calls: Call[] = MIDNIGHTS.flatMap((midnight) => [
    ...traffic.calls(midnight - AROUND, midnight + AROUND, { density: DENSITY }),
  ])
  const passed: Passed[] = []
  const mixed = mixture({ gateway: litellm, langfuse, ...DISTURBANCE, onPassed: (one) => passed.push(one) })
  mixed.add(calls)
  return { passed, mixed }
}

interface Troubled {
  readonly midnight: number
  readonly langfuse: Langfuse
  until(at: number): Promise<void>
  stop(): Promise<void>
  start(): Promise<App>
}

/** What happens in each of the nights. */
const TROUBLES: readonly ((night: Troubled) => Promise<void>)[] = [
  async ({ midnight, until, langfuse }) => {
    await until(midnight + HOUR)
    langfuse.fail({ kind: 'error', status: 503 }, { kind: 'torn' }, { kind: 'rate_limited', retryAfterSeconds: 900 })
  },
  async ({ midnight, until, stop, start }) => {
    await until(midnight - 30 * MINUTE)
    await stop()
    // Longer than the window in which rows are looked at again, here as below.
    await until(midnight + 4 * HOUR)
    await start()
  },
  async ({ midnight, until, langfuse }) => {
    await until(midnight - HOUR)
    await langfuse.down()
    await until(midnight + 4 * HOUR)
    await langfuse.up()
  },
]

function policyOf({ url, keys }: Langfuse, role: LangfusePolicy['role']): Policy {
  const project = [
    `url: "${url}", public_key: "\${PUBLIC_KEY}", secret_key: "\${SECRET_KEY}", role: ${role}`,
    // An observation comes an hour late, is edited after as long again, and is then moved by an hour.
    'every: 30m, window: 4h, backfill: 1d',
  ].join(', ')
  const text = `version: 1
timezone: ${ZONE}
server: { port: 0 }
ledger: { retention: forever }
# Its deployment says that it is free, which no price list can know.
prices: { overrides: [{ model: qwen3-32b, input_usd_per_million: 0, output_usd_per_million: 0 }] }
sources: { litellm: { push: true }, langfuse: [{ ${project} }] }
`
  const env = { PUBLIC_KEY: keys.publicKey, SECRET_KEY: keys.secretKey }
  const reading = readPolicy(text, { file: 'policy', env })
  if (reading.problems) throw new Error(JSON.stringify(reading.problems))
  return reading.policy
}
