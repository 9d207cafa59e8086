import type { Call } from './call.ts'
import type { Company } from './company.ts'
import type { Litellm } from './litellm/server.ts'
import type { Sleep } from './litellm/pusher.ts'
import { HAIKU, type Model, nanoCost, SONNET } from './models.ts'
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

interface Size {
  readonly model: Model
  readonly input: number
  readonly output: number
}

/** Of a rush, and of those who are at rest. */
const USUAL: Size = { model: SONNET, input: 2_000, output: 250 }
/** Hardly more is held for one than it costs: what waits for its end takes nobody over a threshold. */
const BRIEF: Size = { model: SONNET, input: 400, output: 250 }
const SMALL: Size = { model: SONNET, input: 300, output: 60 }
const SMALLEST: Size = { model: HAIKU, input: 300, output: 60 }
/** Asked where no more is answered: small enough to spend the last hundredth of a limit. */
const LESS: Size = { model: HAIKU, input: 300, output: 250 }
/** Answers so long that a session comes to its cap before it comes to its tokens a minute. */
const LONG: Size = { model: SONNET, input: 400, output: 1_000 }

/** Calls of a size, one after so many milliseconds, whether those before have ended or not. */
interface Rush {
  readonly size: Size
  readonly calls: number
  readonly everyMs: number
  /** What is asked once such a call was refused: something smaller, until not even that is answered. */
  readonly then: Size
  /** How many calls are one conversation. */
  readonly conversation: number
  /** Refusals in a row of what is asked instead, after which nobody tries on. */
  readonly patience: number
}

interface Role {
  readonly customer: string
  readonly agent: string | null
  readonly operation: string
  readonly rush: Rush
  /** What ends the rush before its last call: a cheaper model's answer, or refusals one after the other. */
  readonly until: 'degrade' | 'block' | null
  /** Single calls for ever; null = after a while it begins anew, as another conversation. */
  readonly rest: { readonly size: Size; readonly everyMs: number } | null
}

const RUSH = { size: USUAL, everyMs: 1_300, then: LESS, conversation: 8, patience: 3 } as const

/** An agent that was stopped is started again after so long. */
const ANEW_MS = 240_000

/** Who shows what. All are customers and agents of the company, and have calls in its ordinary traffic too. */
export const CAST = {
  /** Passes a threshold that somebody is told of. */
  warned: {
    customer: 'lantern-cafe',
    agent: null,
    operation: 'support_chat',
    rush: { ...RUSH, size: BRIEF, everyMs: 1_600, calls: 30 },
    until: null,
    rest: { size: SMALLEST, everyMs: 30_000 },
  },
  /** Passes the threshold from which on a cheaper model answers. */
  degraded: {
    customer: 'copperpot-catering',
    agent: null,
    operation: 'support_chat',
    rush: { ...RUSH, calls: 40 },
    until: 'degrade',
    rest: { size: SMALL, everyMs: 30_000 },
  },
  /** Heavy for its tier: uses its limit up, and tries again from time to time. */
  blocked: {
    customer: 'otterbrook-spa',
    agent: null,
    operation: 'help_widget',
    rush: { ...RUSH, calls: 90 },
    until: 'block',
    rest: { size: SMALLEST, everyMs: 20_000 },
  },
  /** An agent whose own budget is used up, on behalf of a customer that has much left. */
  paused: {
    customer: 'highmoor-university',
    agent: 'research-scout',
    operation: 'deep_research',
    rush: { ...RUSH, calls: 90 },
    until: 'block',
    rest: { size: SMALLEST, everyMs: 20_000 },
  },
  /** An agent in a loop: one conversation that costs more than any may. */
  runaway: {
    customer: 'ionia-robotics',
    agent: 'code-reviewer',
    operation: 'merge_request_review',
    // It tries until the last of its long answers is paid for.
    rush: { size: LONG, everyMs: 1_800, then: LESS, conversation: 1_000, patience: 10, calls: 400 },
    until: 'block',
    rest: null,
  },
} as const satisfies Readonly<Record<string, Role>>

/** What one call of a rush costs as long as nobody changes it, nano-dollars. */
export function rushCost({ rush: { size } }: Pick<Role, 'rush'>): bigint {
  return BigInt(nanoCost(size.model, { ...NO_TOKENS, input: size.input, output: size.output }) ?? 0)
}

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
  const { size, then, calls, everyMs, conversation } = role.rush
  const told: Told = { refusals: 0, refused: false, degraded: false, waitUntil: 0 }
  let session = ''
  for (let made = 0; made < calls && !signal.aborted && !isEnough(role, told); made++) {
    await sleep(Math.max(everyMs, told.waitUntil - now()), signal)
    if (made % conversation === 0) session = `${role.agent ?? 'chat'}-${hex(rng, 10)}`
    const part = { role, size: told.refused ? then : size, session }
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
