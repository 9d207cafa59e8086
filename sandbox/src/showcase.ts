import type { Call } from './call.ts'
import { CAST, type Role, type Size } from './cast.ts'
import type { Company } from './company.ts'
import type { Litellm } from './litellm/server.ts'
import type { Sleep } from './litellm/pusher.ts'
import { nanoCost } from './models.ts'
import { hex, Rng, uuid } from './random.ts'
import { NO_TOKENS } from './tokens.ts'

/**
 * Calls that show what budgets do, beside the ordinary traffic and whatever the hour is: some customers and agents in a rush of
 * like calls, each until it is told something, then at rest. Who sets limits learns from `CAST` and `rushCost` where they must lie.
 */
export interface ShowcaseOptions {
  readonly company: Company
  readonly server: Pick<Litellm, 'add' | 'begin'>
  readonly seed: number
  readonly now: () => number
  readonly sleep: Sleep
  readonly signal: AbortSignal
  /** Each call as it is handed to the server. */
  readonly onCall?: (call: Call) => void
}

/** An agent that was stopped is started again after so long. */
const ANEW_MS = 240_000

/** Plays until the signal aborts. What is asked is the same for the same seed; how it goes on depends on the answers. */
export async function runShowcase(options: ShowcaseOptions): Promise<void> {
  const roles: readonly Role[] = Object.values(CAST)
  await Promise.all(roles.map((role, index) => play(role, new Rng(options.seed, index, 30), options)))
}

async function play(role: Role, rng: Rng, stage: ShowcaseOptions): Promise<void> {
  const { sleep, signal } = stage
  while (!signal.aborted) {
    await rush(role, rng, stage)
    if (role.rest === null) await sleep(ANEW_MS, signal)
    else await rest(role, role.rest, rng, stage)
  }
}

/** What those in a rush were told so far. */
interface Told {
  /** In a row. */
  refusals: number
  refused: boolean
  degraded: boolean
  /** Epoch milliseconds: no sooner does it go on. */
  waitUntil: number
}

async function rush(role: Role, rng: Rng, stage: ShowcaseOptions): Promise<void> {
  const { now, sleep, signal } = stage
  const { size, instead, calls, everyMs, conversation } = role.rush
  const told: Told = { refusals: 0, refused: false, degraded: false, waitUntil: 0 }
  let session = ''
  for (let made = 0; made < calls && !signal.aborted && !isEnough(role, told); made++) {
    await sleep(Math.max(everyMs, told.waitUntil - now()), signal)
    if (made % conversation === 0) session = `${role.agent ?? 'chat'}-${hex(rng, 10)}`
    const part = { role, size: told.refused ? instead : size, session }
    if (!signal.aborted) hear(told, await make(part, rng, stage))
  }
}

function isEnough({ until, rush }: Role, { refusals, degraded }: Told): boolean {
  return refusals >= rush.patience || (until === 'degrade' && degraded)
}

function hear(told: Told, call: Call | null): void {
  if (!call) return
  if (call.decision?.action === 'degrade') told.degraded = true
  const { status, retry_after: seconds = 0 } = call.decision?.refusal ?? { status: 0 }
  // Who is only asked to wait is not refused for good.
  if (status === 429 && seconds > 0) told.waitUntil = call.start + seconds * 1000
  else if (call.outcome !== 'blocked') told.refusals = 0
  else {
    told.refusals += told.refused ? 1 : 0
    told.refused = true
  }
}

async function rest(role: Role, { size, everyMs }: NonNullable<Role['rest']>, rng: Rng, stage: ShowcaseOptions) {
  while (!stage.signal.aborted) {
    await stage.sleep(everyMs, stage.signal)
    if (!stage.signal.aborted) await make({ role, size, session: null }, rng, stage)
  }
}

interface Part {
  readonly role: Role
  readonly size: Size
  readonly session: string | null
}

/** Begins a call and hands it to the server, which tells of it when it has ended; resolves when it has begun. */
async function make(part: Part, rng: Rng, { server, company, now, onCall }: ShowcaseOptions): Promise<Call | null> {
  const call = await server.begin(planned(part, rng, company, now()))
  if (!call) return null
  server.add([call])
  onCall?.(call)
  return call
}

function planned({ role, size, session }: Part, rng: Rng, company: Company, start: number): Call {
  const customer = company.customers.find(({ id }) => id === role.customer) ?? null
  const { model, input, output } = size
  const tokens = { ...NO_TOKENS, input, output }
  const callId = uuid(rng)
  return {
    callId,
    responseId: `chatcmpl-${callId}`,
    hookId: uuid(rng),
    traceId: uuid(rng),
    salt: bounding(rng.next()),
    start,
    end: start + model.firstTokenMs + output * model.tokenMs,
    micros: 0,
    firstTokenMs: null,
    customer: role.customer,
    tier: customer?.tier ?? null,
    user: customer?.users[0] ?? null,
    session,
    agent: role.agent,
    operation: role.operation,
    queryType: 'recommendation',
    environment: 'production',
    keyAlias: 'app-production',
    model,
    asked: model.group,
    callType: 'acompletion',
    stream: false,
    aborted: false,
    cacheHit: false,
    truncated: false,
    decision: null,
    outcome: 'success',
    failure: null,
    attempts: [],
    tokens,
    cost: BigInt(nanoCost(model, tokens) ?? 0),
    saved: null,
  }
}

/** A salt of a call whose client bounds the answer (see `questionOf`): what is held for it is then near to what it costs. */
function bounding(salt: number): number {
  return salt - (salt % 1000)
}
