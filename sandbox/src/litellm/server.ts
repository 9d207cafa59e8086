import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Call } from '../call.ts'
import type { AskerStats } from '../decisions/asker.ts'
import { Rng } from '../random.ts'
import { realSleep } from '../sleep.ts'
import { type Answer, costMap, errorAnswer, OPENAPI, refuseUnlessMaster } from './answers.ts'
import { answerDirectory, DIRECTORY_PATHS } from './directory.ts'
import type { DirectorySettings } from './directory-settings.ts'
import { answerWrite, WRITE_PATHS } from './budget-writes.ts'
import { type DecideOptions, decidedOn, openAsker } from './deciding.ts'
import { createFaultPlan, drifted, type Fault, type FaultMix, type FaultPlan, sendTruncated } from './faults.ts'
import type { RecordOptions } from './parts.ts'
import { pushRecords } from './push.ts'
import {
  createPusher,
  type PushDeps,
  type Pushed,
  type Pusher,
  type PushOptions,
  type PushStats,
  type Sleep,
} from './pusher.ts'
import { createRows, type Lag, type Rows } from './rows.ts'
import { slimRecords } from './slim.ts'
import { answerSpendLogs } from './spend-logs.ts'
import { createTables, type Tables } from './tables.ts'

export interface LitellmOptions {
  /** Calls that are there from the start; they are not pushed. */
  readonly calls?: Iterable<Call>
  /** 0 = any free port. */
  readonly port?: number
  readonly now?: () => number
  readonly sleep?: Sleep
  readonly fetch?: typeof fetch
  readonly masterKey?: string
  /** Seeds what is left to chance: duplicates and faults. */
  readonly seed?: number
  readonly lag?: Partial<Lag>
  /** How far `/spend/logs/v2` counts (10,000 in LiteLLM): `total` and `total_pages` stop there. */
  readonly countCap?: number
  /** Faults of `/spend/logs/v2` that come by themselves. */
  readonly faults?: FaultMix
  /** Form of rows and pushed records. A gateway that pushes in the form `marginwatch` has our hook. */
  readonly record?: RecordOptions
  /** Customers, keys and budgets that are set up. */
  readonly directory?: DirectorySettings
  /** Where finished calls are posted; without it nothing is pushed. Defaults are LiteLLM's: 5 s, 512, no retries, loss as real. */
  readonly push?: Partial<PushOptions> & { readonly url: string }
  /** Who is asked before each call that begins; without it nobody is. Needs our hook: the push form `marginwatch`. */
  readonly decide?: DecideOptions
}

export interface Litellm {
  readonly url: string
  readonly masterKey: string
  /**
   * Calls that have happened, or will: the row of each appears after its end plus the lag, its records are queued for the
   * push at its end. `push: false` leaves them out of the push, `lateMs` has them queued so much later.
   */
  add(calls: Iterable<Call>, options?: { readonly push?: boolean; readonly lateMs?: number }): void
  /**
   * A call begins: resolves to how it goes after what was decided on it, for `add`; to null for one that the traffic says our
   * hook refuses, for where somebody is asked nobody else refuses. Without `decide` a call goes as the traffic says.
   */
  begin(call: Call): Promise<Call | null>
  /** The next answers of `/spend/logs/v2` fail so, in this order. */
  fail(...faults: readonly Fault[]): void
  /** Queues what has ended by now, posts the queue and waits for the answer. */
  flush(): Promise<void>
  /** The process is gone for `downMs`: queued records are lost, connections break, the port refuses; then it is back. */
  restart(downMs: number): Promise<void>
  stats(): LitellmStats
  close(): Promise<void>
}

export interface LitellmStats {
  readonly rows: number
  /** Requests to `/spend/logs/v2`, and how many of them were made to fail. */
  readonly polls: number
  readonly faults: number
  readonly push: PushStats | null
  readonly decisions: AskerStats | null
}

/** A key that LiteLLM 1.106.2 would accept as a master key. */
const MASTER_KEY = 'sk-sandbox-0123456789abcdef-master'
const USUAL_LAG: Lag = { usualMs: [400, 9800], lateShare: 0.002, lateMs: [60_000, 600_000] }
const PUSH_DEFAULTS = {
  key: null,
  form: 'generic_api',
  flushMs: 5000,
  batchSize: 512,
  retries: 0,
  retryDelayMs: 1000,
  loss: 'as-real',
  duplicates: 0,
} as const

/**
 * A stand-in for LiteLLM 1.106.2 with a database, as far as usage goes: health, OpenAPI, price map, `/spend/logs/v2`, the lists
 * of customers, keys and budgets, writing of budgets and customers, and the `generic_api` callback. Listens on 127.0.0.1. True to what was measured, unpleasant parts included.
 */
export async function startLitellm(options: LitellmOptions = {}): Promise<Litellm> {
  const { now = Date.now, sleep = realSleep, seed = 0, masterKey = MASTER_KEY } = options
  const rows = createRows({ ...USUAL_LAG, ...options.lag }, options.countCap ?? 10_000)
  const faults = createFaultPlan(new Rng(seed, 11), options.faults ?? null)
  const stopping = new AbortController()
  const asker = openAsker(options.decide, now)
  const pusher = openPusher(options, {
    now,
    sleep,
    rng: new Rng(seed, 12),
    signal: stopping.signal,
    ...(asker ? { undecided: () => asker.stats().undecided } : {}),
  })
  const count = { polls: 0, faults: 0 }
  const slim = options.push?.form === 'marginwatch'
  const recordsOf = (call: Call): readonly Pushed[] => (slim ? slimRecords(call) : pushRecords(call, desk.record))
  const desk: Desk = {
    rows,
    faults,
    now,
    sleep,
    masterKey,
    count,
    signal: stopping.signal,
    record: slim ? { ...options.record, hook: true } : (options.record ?? {}),
    directory: options.directory ?? {},
    tables: createTables(options.directory ?? {}, rows, now),
  }

  let server = await listen(options.port ?? 0, desk)
  const { port } = server.address() as AddressInfo
  const pending: Pending[] = []
  const add = (calls: Iterable<Call>, push: boolean, lateMs = 0): void => {
    for (const call of calls) {
      rows.add(call)
      if (pusher && push) pending.push({ call, at: call.end + lateMs })
    }
    release(pending, now(), (call) => pusher?.enqueue(recordsOf(call)))
  }
  const flush = async (): Promise<void> => {
    add([], true)
    await pusher?.flush()
  }
  add(options.calls ?? [], false)
  const flushing = pusher ? flushLoop(flush, options.push?.flushMs ?? PUSH_DEFAULTS.flushMs, desk) : Promise.resolve()

  return {
    url: `http://127.0.0.1:${port}`,
    masterKey,
    add: (calls, { push = true, lateMs } = {}) => add(calls, push, lateMs),
    begin: (call) => (asker ? decidedOn(call, asker) : Promise.resolve(call)),
    fail: faults.add,
    flush,
    async restart(downMs) {
      pusher?.drop()
      await stopListening(server)
      await sleep(downMs, stopping.signal)
      if (!stopping.signal.aborted) server = await listen(port, desk)
    },
    stats: () => ({ rows: rows.size, ...count, push: pusher?.stats() ?? null, decisions: asker?.stats() ?? null }),
    async close() {
      if (slim || options.push?.loss === 'none') await flush()
      stopping.abort()
      asker?.close()
      await flushing
      await stopListening(server)
    },
  }
}

/** What a request needs. */
interface Desk {
  readonly rows: Rows
  readonly faults: FaultPlan
  readonly now: () => number
  readonly sleep: Sleep
  readonly masterKey: string
  readonly count: { polls: number; faults: number }
  readonly signal: AbortSignal
  readonly record: RecordOptions
  readonly directory: DirectorySettings
  readonly tables: Tables
}

function openPusher(options: LitellmOptions, deps: Omit<PushDeps, 'fetch'>): Pusher | null {
  if (!options.push) return null
  return createPusher({ ...PUSH_DEFAULTS, ...options.push }, { ...deps, fetch: options.fetch ?? fetch })
}

/** A call that the push has not heard of, and when it will, epoch milliseconds. */
interface Pending {
  readonly call: Call
  readonly at: number
}

/** Takes the calls whose time has come out of `pending`, in order of their time. */
function release(pending: Pending[], now: number, onDue: (call: Call) => void): void {
  const due = pending.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at)
  if (due.length === 0) return
  const left = pending.filter(({ at }) => at > now)
  pending.length = 0
  pending.push(...left)
  for (const { call } of due) onDue(call)
}

async function flushLoop(flush: () => Promise<void>, everyMs: number, { sleep, signal }: Desk): Promise<void> {
  while (!signal.aborted) {
    await sleep(everyMs, signal)
    if (!signal.aborted) await flush()
  }
}

function listen(port: number, desk: Desk): Promise<Server> {
  const server = createServer((request, response) => void handle(request, response, desk))
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}

function stopListening(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

async function handle(request: IncomingMessage, response: ServerResponse, desk: Desk): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1')
  if (url.pathname === '/spend/logs/v2' && request.method === 'GET') await pollAnswer(request, response, url, desk)
  else if (isAdministrators(url, desk)) send(response, await administratorsAnswer(request, url, desk))
  else send(response, plainAnswer(request.method ?? 'GET', url, desk))
}

/** Whether it is of the lists of an administrator, in this version. */
function isAdministrators({ pathname }: URL, { directory }: Desk): boolean {
  const known = Object.hasOwn(DIRECTORY_PATHS, pathname) || Object.hasOwn(WRITE_PATHS, pathname)
  return known && !directory.without?.includes(pathname)
}

async function administratorsAnswer(request: IncomingMessage, url: URL, desk: Desk): Promise<Answer> {
  const { directory, tables, masterKey } = desk
  const writes = Object.hasOwn(WRITE_PATHS, url.pathname)
  if (request.method !== (writes ? 'POST' : 'GET')) return { status: 405, body: { detail: 'Method Not Allowed' } }
  const refusal = refuseUnlessMaster(request.headers.authorization, masterKey)
  if (refusal) return refusal
  if (!writes) return answerDirectory(directory.keys, tables, url) ?? { status: 404, body: { detail: 'Not Found' } }
  const parts: Uint8Array[] = []
  for await (const part of request) parts.push(part as Uint8Array)
  return answerWrite(url.pathname, Buffer.concat(parts).toString(), tables)
}

function openApi({ without = [] }: DirectorySettings): object {
  const paths = Object.entries({ ...OPENAPI.paths, ...DIRECTORY_PATHS, ...WRITE_PATHS })
  return { ...OPENAPI, paths: Object.fromEntries(paths.filter(([path]) => !without.includes(path))) }
}

function plainAnswer(method: string, { pathname, searchParams }: URL, { directory }: Desk): Answer {
  if (method === 'GET') {
    if (pathname === '/health/liveliness' || pathname === '/health/liveness') return { status: 200, body: "I'm alive!" }
    if (pathname === '/health/readiness') return { status: 200, body: { status: 'healthy', db: 'connected' } }
    if (pathname === '/openapi.json') return { status: 200, body: openApi(directory) }
    if (pathname === '/public/litellm_model_cost_map')
      return { status: 200, body: costMap(searchParams.get('catalog_only') === 'true') }
  }
  return { status: 404, body: { detail: 'Not Found' } }
}

async function pollAnswer(request: IncomingMessage, response: ServerResponse, url: URL, desk: Desk): Promise<void> {
  const refusal = refuseUnlessMaster(request.headers.authorization, desk.masterKey)
  if (refusal) return send(response, refusal)
  desk.count.polls += 1
  const fault = desk.faults.next()
  if (fault) desk.count.faults += 1
  if (fault?.kind === 'reset') return void request.socket.resetAndDestroy()
  if (fault?.kind === 'slow') await desk.sleep(fault.ms, desk.signal)
  if (fault?.kind === 'rate_limited') return send(response, tooMany(fault.retryAfterSeconds))
  if (fault?.kind === 'error') return send(response, errorAnswer(500, 'Internal Server Error', 'internal_server_error'))
  const answer = answerSpendLogs(desk.rows, url.searchParams, desk.now(), desk.record)
  if (answer.status !== 200) return send(response, answer)
  if (fault?.kind === 'truncated') return sendTruncated(response, JSON.stringify(answer.body))
  if (fault?.kind === 'drift') return send(response, { ...answer, body: drifted(answer.body as { data: object[] }) })
  send(response, answer)
}

function tooMany(retryAfterSeconds: number): Answer {
  return {
    ...errorAnswer(429, 'Too many requests', 'throttling_error'),
    headers: { 'retry-after': String(retryAfterSeconds) },
  }
}

function send(response: ServerResponse, { status, body, headers }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}
