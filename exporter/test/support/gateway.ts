import {
  attemptSums,
  type Call,
  createTraffic,
  failureKey,
  fallbackSums,
  type Fault,
  type Litellm,
  type LitellmOptions,
  NO_TOKENS,
  Rng,
  type PushOptions,
  startLitellm,
  type Sum,
  truthOf,
  type View,
} from '@marginwatch/sandbox'
import { pino } from 'pino'
import { type App, startApp } from '../../src/app.ts'
import type { RowReader } from '../../src/ledger/ledger.ts'
import { readPolicy } from '../../src/policy/read.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { scratch } from './ledger.ts'
import { VirtualClock } from './virtual-clock.ts'

export interface GatewayOptions {
  readonly seed: number
  /** How the gateway pushes; null: not at all. */
  readonly push: Partial<Omit<PushOptions, 'url' | 'key'>> | null
  readonly poll: boolean
  /** Share of the posts that never reach the program, and of those that it takes while its answer never reaches the gateway. */
  readonly trouble?: { readonly unreached: number; readonly unanswered: number }
  readonly litellm?: Pick<LitellmOptions, 'faults' | 'countCap' | 'lag' | 'record'>
}

/** The stand-in for LiteLLM and the program, in one virtual time. */
export interface World {
  readonly clock: VirtualClock
  readonly litellm: Litellm
  readonly app: App
  readonly calls: readonly Call[]
  /** Keys of the failures that were pushed and taken: only a push tells of tries before a success. */
  readonly toldFailures: ReadonlySet<string>
  /** Lets the calls happen. */
  happen(calls?: readonly Call[]): void
  advance(ms: number): Promise<void>
  stopProgram(): Promise<void>
  /** Starts it again on the same data. */
  startProgram(): Promise<void>
  /** Turns the poll on or off, as a change of the policy file does. */
  setPoll(on: boolean): void
  fail(...faults: readonly Fault[]): void
  /** The gateway is gone for so long, with what it had not yet pushed. */
  restartGateway(downMs: number): Promise<void>
  close(): Promise<void>
}

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
const START = Date.UTC(2026, 10, 18, 9)
/** How long the traffic lasts. */
export const SPAN = 50 * MINUTE
const DENSITY = 1.6

/** Starts both, a minute before the traffic begins, with all its oddities. */
export async function startWorld(options: GatewayOptions): Promise<World> {
  const clock = new VirtualClock(START - MINUTE)
  const { path, remove } = await scratch()
  const toldFailures = new Set<string>()
  let app: App
  const gate = pushGate(options, { clock, toldFailures, url: () => app.url, pending: () => litellm.add([]) })
  const litellm = await startLitellm({
    ...options.litellm,
    now: clock.now,
    sleep: clock.sleep,
    seed: options.seed,
    record: { slim: true, ...options.litellm?.record },
    ...(options.push ? { fetch: gate, push: { ...options.push, url: 'http://exporter/v1/sources/litellm' } } : {}),
  })
  const policies = { off: policyOf(litellm, false), on: policyOf(litellm, true) }
  let policy = options.poll ? policies.on : policies.off
  const start = () =>
    startApp({
      policy: { current: () => policy, lastReload: () => ({ ok: true, problems: [] }), onChange: () => {} },
      directory: path,
      demo: false,
      log: pino({ level: 'silent' }),
      now: clock.now,
      random: () => 0.5,
      sleep: clock.sleep,
    })
  app = await start()
  const calls = [...createTraffic({ seed: options.seed }).calls(START, START + SPAN, { density: DENSITY })]
  // The poll, the directory, the containers, and the push of the stand-in.
  const loops = options.push ? 4 : 3
  return {
    clock,
    litellm,
    get app() {
      return app
    },
    calls,
    toldFailures,
    happen: (some = calls) => litellm.add(some),
    advance: (ms) => clock.advance(ms, loops),
    stopProgram: () => app.close(),
    async startProgram() {
      app = await start()
    },
    setPoll(on) {
      policy = on ? policies.on : policies.off
    },
    fail: litellm.fail,
    async restartGateway(downMs) {
      const back = litellm.restart(downMs)
      // While it is down, it sleeps beside the loops.
      await clock.advance(downMs + MINUTE, loops)
      await back
    },
    async close() {
      await app.close()
      await litellm.close()
      await remove()
    },
  }
}

function policyOf({ url, masterKey }: Litellm, poll: boolean): Policy {
  const how = `{ url: "${url}", key: "\${LITELLM_KEY}", every: 2m, lag: 2m, backfill: 6h, page_size: 40 }`
  const text = `version: 1
server: { port: 0 }
ledger: { retention: forever }
# Its deployment says that it is free, which no price list can know.
prices: { overrides: [{ model: qwen3-32b, input_usd_per_million: 0, output_usd_per_million: 0 }] }
sources: { litellm: { push: true${poll ? `, poll: ${how}` : ''} } }
`
  const reading = readPolicy(text, { file: 'policy', env: { LITELLM_KEY: masterKey } })
  if (reading.problems) throw new Error(JSON.stringify(reading.problems))
  return reading.policy
}

interface GateDeps {
  readonly clock: VirtualClock
  readonly toldFailures: Set<string>
  readonly url: () => string
  /** Queues what has ended by now. */
  readonly pending: () => void
}

/** The way from the gateway to the program: it takes its time, and has troubles of its own. */
function pushGate({ seed, trouble }: GatewayOptions, deps: GateDeps): typeof fetch {
  const { unreached = 0, unanswered = 0 } = trouble ?? {}
  const rng = new Rng(seed, 5)
  return async (_, init) => {
    const chance = rng.unit()
    if (chance < unreached) throw new TypeError('fetch failed')
    const answer = fetch(`${deps.url()}/v1/sources/litellm`, init)
    // A post takes a second and a half; what ends meanwhile is queued beside it, and that is what LiteLLM loses.
    deps.clock.jump(1500)
    deps.pending()
    const done = await answer
    const text = await done.text()
    if (done.status !== 200) throw new Error(`the program answered ${done.status}: ${text}`)
    if (typeof init?.body === 'string') noteFailures(init.body, deps.toldFailures)
    if (chance < unreached + unanswered) return new Response('', { status: 502 })
    return new Response(text)
  }
}

/** Our own gateway, whose bodies are packed, tells of no failed try as if it were a call. */
function noteFailures(body: string, toldFailures: Set<string>): void {
  for (const { status, litellm_call_id: id } of JSON.parse(body) as Record<string, unknown>[])
    if (status === 'failure') toldFailures.add(`${String(id)} failed`)
}

const GROUPS = {
  byStatus: 'status',
  byCustomer: `CASE WHEN customer = 'unattributed' THEN '' ELSE customer END`,
  byTier: `coalesce(tier, '')`,
  byUser: `coalesce("user", '')`,
  bySession: `coalesce(session, '')`,
  byAgent: `coalesce(agent, '')`,
  byOperation: `coalesce(operation, '')`,
  byQueryType: `coalesce(query_type, '')`,
  byEnvironment: `coalesce(environment, '')`,
  byModel: 'model',
} as const

const TOKENS = `input + cache_read + cache_write_5m + cache_write_1h + output + reasoning`

/** What happened inside the gateway, counted by names. */
export interface Tries {
  /** By provider and class of error. */
  readonly attempts: Readonly<Record<string, number>>
  /** By the public names of both models. */
  readonly fallbacks: Readonly<Record<string, number>>
}

/** Attempts and fallbacks that the ledger holds. */
export async function triesOf(rows: RowReader): Promise<Tries> {
  const counted = async (kind: string, one: string, two: string) => {
    const list = await rows(`SELECT (body->>'${one}') || ' ' || (body->>'${two}') AS name, count(*) AS n
      FROM entry WHERE kind = '${kind}' GROUP BY ALL`)
    return Object.fromEntries(list.map(({ name, n }) => [String(name), Number(n)]))
  }
  return {
    attempts: await counted('attempt', 'provider', 'errorClass'),
    fallbacks: await counted('fallback', 'from', 'to'),
  }
}

/** What the ledger must hold of them, in its own names of providers; only our gateway's push tells of attempts. */
export function expectedTries(calls: readonly Call[], told: { readonly attempts: boolean }): Tries {
  const attempts = Object.entries(told.attempts ? attemptSums(calls) : {})
  return {
    attempts: Object.fromEntries(attempts.map(([name, n]) => [name.replace(/^gemini /, 'google '), n])),
    fallbacks: fallbackSums(calls),
  }
}

/** The ledger's sums, in the truth's own form. */
export async function sumsOf(rows: RowReader): Promise<Comparable> {
  const [total] =
    await rows(`SELECT count(*) AS calls, coalesce(sum(cost), 0)::HUGEINT AS cost, sum(saved)::HUGEINT AS saved,
    count(*) FILTER (WHERE cost IS NULL) AS unpriced, count(*) FILTER (WHERE cache_hit) AS "cacheHits",
    sum(input) AS input, sum(cache_read) AS "cacheRead", sum(cache_write_5m) AS "cacheWrite5m",
    sum(cache_write_1h) AS "cacheWrite1h", sum(output) AS output, sum(reasoning) AS reasoning FROM usage_event`)
  const groups: Record<string, Record<string, Sum>> = {}
  for (const [group, by] of Object.entries(GROUPS)) {
    const sums = await rows(`SELECT ${by} AS name, count(*) AS calls, coalesce(sum(cost), 0)::HUGEINT AS cost,
      sum(${TOKENS}) AS tokens FROM usage_event GROUP BY ALL ORDER BY ALL`)
    groups[group] = Object.fromEntries(
      sums.map(({ name, calls, cost, tokens }) => [
        name,
        { calls: Number(calls), cost: cost as bigint, tokens: Number(tokens) },
      ]),
    )
  }
  const { calls, cost, saved, unpriced, cacheHits, ...tokens } = total ?? {}
  return {
    calls: Number(calls),
    cost: cost as bigint,
    saved: saved as bigint,
    unpriced: Number(unpriced),
    cacheHits: Number(cacheHits),
    tokensByClass: Object.fromEntries(Object.entries(tokens).map(([name, n]) => [name, Number(n)])),
    ...(groups as Record<keyof typeof GROUPS, Record<string, Sum>>),
  }
}

export type Comparable = Pick<View, 'calls' | 'cost' | 'saved' | 'unpriced' | 'cacheHits' | keyof typeof GROUPS> & {
  readonly tokensByClass: Readonly<Record<string, number>>
}

/** What the ledger must hold of these calls, when of the tries before a success those were told that are named. */
export function expectedOf(calls: readonly Call[], toldFailures: ReadonlySet<string>): Comparable {
  const seen = calls.map((call) => asKnown(toldFailures.has(failureKey(call)) ? call : { ...call, attempts: [] }))
  const { events } = truthOf(seen)
  const groups = Object.keys(GROUPS).map((name) => [name, sorted(events[name as keyof typeof GROUPS])])
  const { calls: count, cost, saved, unpriced, cacheHits, tokensByClass } = events
  return { calls: count, cost, saved, unpriced, cacheHits, tokensByClass, ...Object.fromEntries(groups) } as Comparable
}

/** What of a call anybody can know from what LiteLLM says of it. */
function asKnown(call: Call): Call {
  return {
    ...call,
    // An answer from the cache used no tokens.
    tokens: call.cacheHit ? NO_TOKENS : call.tokens,
    // LiteLLM's own refusal looks at nothing of the request, the session included.
    session: call.failure === 'native_budget' ? null : call.session,
  }
}

/** Models by the name without the provider's, as the ledger has them; names in the order of SQL. */
function sorted(sums: Readonly<Record<string, Sum>>): Record<string, Sum> {
  const short = Object.entries(sums).map(([name, sum]) => [name.slice(name.indexOf('/') + 1), sum] as const)
  return Object.fromEntries(short.sort(([a], [b]) => (a < b ? -1 : 1)))
}
