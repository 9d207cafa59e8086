import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Sleep } from '../litellm/pusher.ts'
import { realSleep } from '../sleep.ts'
import {
  type Answer,
  deprecated,
  goneInEventsOnly,
  limited,
  methodNotAllowed,
  ok,
  readsAreOff,
  tooLarge,
  tooLong,
} from './answers.ts'
import { authorize } from './auth.ts'
import { createFaultPlan, type Fault, type FaultPlan, type PlacedFault } from './faults.ts'
import { answerHealth, answerQueues } from './health.ts'
import { createLimits, type Limits } from './limits.ts'
import { takeSpans } from './otlp/intake.ts'
import { createTenant, type Keys, keysFor, type Project, type ProjectOptions, type Tenant } from './project.ts'
import { isLegacy, ROUTES } from './routes.ts'
import { bodyOf, send, sendTorn, withNumbers } from './send.ts'
import { type Switches, USUAL } from './switches.ts'

export interface LangfuseOptions extends Partial<Switches> {
  /** Default: one project, `default`. */
  readonly projects?: readonly ProjectOptions[]
  /** 0 = any free port. */
  readonly port?: number
  readonly now?: () => number
  /** Waits for what is slow. */
  readonly sleep?: Sleep
}

/** The first project itself, and the server that it is on. */
export interface Langfuse extends Omit<Project, 'id' | 'name'> {
  readonly url: string
  /** Opens `/api/admin/bullmq`. */
  readonly adminKey: string
  /** Keys of the organisation, which open no project. */
  readonly organizationKeys: Keys
  /** A project by its name; throws when there is none. */
  project(name: string): Project
  /** Changes how the server behaves, from the next request on. */
  set(switches: Partial<Switches>): void
  /** The next answers fail so, in this order. */
  fail(...faults: readonly PlacedFault[]): void
  /** The port refuses connections, until `up`. */
  down(): Promise<void>
  up(): Promise<void>
  stats(): LangfuseStats
  close(): Promise<void>
}

export interface LangfuseStats {
  /** Requests by path without `/api/public`, refused ones included. */
  readonly requests: Readonly<Record<string, number>>
  /** Requests by the status of their answer; broken connections are under 0. */
  readonly statuses: Readonly<Record<number, number>>
}

const ADMIN_KEY = 'admin-sandbox-0123456789abcdef'

/**
 * A stand-in for Langfuse 4.16, as far as reading usage goes: health, projects, v2 observations, v3 scores, models, counts of
 * queues. Listens on 127.0.0.1. True to what is known of the real one, unpleasant parts included.
 */
export async function startLangfuse(options: LangfuseOptions = {}): Promise<Langfuse> {
  const { projects = [{ name: 'default' }], port = 0, now = Date.now, sleep = realSleep, ...switches } = options
  const tenants = projects.map((project) => createTenant(project, now))
  const [first] = tenants
  if (!first) throw new Error('a Langfuse server without a project: expected at least one in projects')
  const stopping = new AbortController()
  const desk: Desk = {
    tenants,
    organizationKeys: keysFor('the organization'),
    faults: createFaultPlan(),
    limits: createLimits(),
    now,
    sleep,
    signal: stopping.signal,
    switches: { ...USUAL, ...switches },
    requests: {},
    statuses: {},
  }
  let server: Server | null = await listen(port, desk)
  const address = server.address() as AddressInfo
  const down = async (): Promise<void> => {
    const open = server
    server = null
    if (open) await stopListening(open)
  }
  return {
    ...first,
    url: `http://127.0.0.1:${address.port}`,
    adminKey: ADMIN_KEY,
    organizationKeys: desk.organizationKeys,
    project(name) {
      const found = tenants.find((tenant) => tenant.name === name)
      if (!found) throw new Error(`no project ${name}: there is ${tenants.map((tenant) => tenant.name).join(', ')}`)
      return found
    },
    set(changes) {
      desk.switches = { ...desk.switches, ...changes }
    },
    fail: desk.faults.add,
    down,
    async up() {
      server ??= await listen(address.port, desk)
    },
    stats: () => ({ requests: { ...desk.requests }, statuses: { ...desk.statuses } }),
    async close() {
      stopping.abort()
      await down()
    },
  }
}

/** What a request needs. */
interface Desk {
  readonly tenants: readonly Tenant[]
  readonly organizationKeys: Keys
  readonly faults: FaultPlan
  readonly limits: Limits
  readonly now: () => number
  readonly sleep: Sleep
  readonly signal: AbortSignal
  switches: Switches
  readonly requests: Record<string, number>
  readonly statuses: Record<number, number>
}

function listen(port: number, desk: Desk): Promise<Server> {
  const server = createServer((request, response) => {
    handle(request, response, desk).catch((error: Error) => response.destroy(error))
  })
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

const PREFIX = '/api/public'

async function handle(request: IncomingMessage, response: ServerResponse, desk: Desk): Promise<void> {
  // The clock of the server, whichever that is.
  response.setHeader('date', new Date(desk.now()).toUTCString())
  const url = new URL(request.url ?? '/', 'http://127.0.0.1')
  const path = url.pathname.startsWith(PREFIX) ? url.pathname.slice(PREFIX.length) : url.pathname
  count(desk.requests, path)
  const health = answerHealth(url.pathname, url.searchParams, desk.switches, desk.tenants, desk.now())
  const fault = health ? null : desk.faults.next(path, desk.switches.fault)
  if (fault?.kind === 'reset') {
    count(desk.statuses, 0)
    request.socket.resetAndDestroy()
    return
  }
  if (fault?.kind === 'slow') await desk.sleep(fault.ms, desk.signal)
  const answer = health ?? faultAnswer(fault, desk.now()) ?? (await plainAnswer(request, url, path, desk))
  count(desk.statuses, answer.status)
  if (fault?.kind === 'torn') sendTorn(response, answer)
  else send(response, answer)
}

function count(counts: Record<string, number>, key: string | number): void {
  counts[key] = (counts[key] ?? 0) + 1
}

/** The answer that a fault puts in the place of the right one; null when it does not. */
function faultAnswer(fault: Fault | null, now: number): Answer | null {
  switch (fault?.kind) {
    case 'rate_limited': {
      const { retryAfterSeconds } = fault
      return limited({ retryAfterSeconds, limit: 100, resetAt: now + retryAfterSeconds * 1000 })
    }
    case 'too_long':
      return tooLong()
    case 'too_large':
      return tooLarge()
    case 'error':
      return { status: fault.status, body: { message: 'Internal Server Error', error: 'An unknown error occurred' } }
    default:
      return null
  }
}

async function plainAnswer(request: IncomingMessage, url: URL, path: string, desk: Desk): Promise<Answer> {
  const { switches, tenants } = desk
  const method = request.method ?? 'GET'
  const { authorization } = request.headers
  if (url.pathname === '/api/admin/bullmq') return answerQueues(method, authorization, ADMIN_KEY, switches.queues)
  const route = ROUTES[path]
  const intake = INTAKES.has(path)
  if (method === 'GET' && switches.mode === 'events_only' && isLegacy(path)) return goneInEventsOnly(url.pathname)
  if (!route && !intake) return { status: 404, body: { message: 'Not Found' } }
  if (method !== (intake ? 'POST' : 'GET')) return methodNotAllowed()
  const tenant = authorize(authorization, tenants, [desk.organizationKeys])
  if ('status' in tenant) return tenant
  const now = desk.now()
  const bucket = route ? route.bucket : 'ingestion'
  const refused =
    switches.cloud !== null && bucket !== null
      ? desk.limits.take(tenant.organization, bucket, switches.cloud, now)
      : null
  if (refused) return limited(refused)
  if (!route) return intakeAnswer(request, path, tenant, switches, now)
  if (!route.on(switches)) return readsAreOff()
  const { answer, integers } = route.answer({ tenant, search: url.searchParams, now, switches })
  const written = withNumbers(answer, switches.numbers, integers)
  return switches.cloud !== null && isLegacy(path) ? deprecated(written) : written
}

/** What takes instead of gives; the second of them takes and forgets. */
const INTAKES = new Set(['/otel/v1/traces', '/otel/v1/metrics'])

async function intakeAnswer(
  request: IncomingMessage,
  path: string,
  tenant: Tenant,
  switches: Switches,
  now: number,
): Promise<Answer> {
  const body = await bodyOf(request).catch(() => null)
  if (body === null) return { status: 400, body: { error: 'Failed to read the body' } }
  return path === '/otel/v1/metrics' ? ok({}) : takeSpans(tenant, request.headers, body, switches, now)
}
