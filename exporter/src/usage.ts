/**
 * The vocabulary: what the ledger holds and every unit speaks. No imports.
 *
 * Everything before the ledger turns somebody's answer into entries; everything after it is a fold over them.
 */

/** An integer number of nano-dollars. */
export type Nano = bigint

/** The customer of a call that nobody could be named for: shown, never dropped. */
export const UNATTRIBUTED = 'unattributed'

/** The label value that stands for every one beyond a label's bound. */
export const OTHER = 'other'
/** The label value of what a call did not say. */
export const UNKNOWN = 'unknown'

/** Outcome of a client call. Error rate = failed / (success + failed). */
export const STATUSES = ['success', 'failed', 'blocked', 'rejected', 'cancelled'] as const
export type Status = (typeof STATUSES)[number]

/** Where a cost comes from. `unpriced` has no cost (null), never a cost of zero. */
export const BASES = ['gateway', 'priced', 'estimated', 'cached', 'free', 'unpriced'] as const
export type Basis = (typeof BASES)[number]

/** Token classes. They are disjoint: their sum is every token of the call. */
export const TOKEN_CLASSES = [
  'input',
  'cache_read',
  'cache_write_5m',
  'cache_write_1h',
  'output',
  'reasoning',
  'input_audio',
  'output_audio',
  'input_image',
  'output_image',
] as const
export type TokenClass = (typeof TOKEN_CLASSES)[number]

/** Tokens by class; a class that is absent has none. */
export type Tokens = Partial<Record<TokenClass, number>>

/** One client call with its final outcome, or one metered amount of infrastructure. */
export interface Usage {
  readonly kind: 'usage'
  readonly version: 1
  /** Idempotency key: the same key is the same event, whoever reports it and how often. At most 512 characters. */
  readonly key: string
  /** Name of the source that saw it first, e.g. `litellm`. */
  readonly source: string
  /** Call start, epoch milliseconds. It cuts day, week and month. */
  readonly start: number
  /** The paying tenant, or UNATTRIBUTED. */
  readonly customer: string
  /** Plan at the call's start, stamped when the event is accepted; null when unknown. */
  readonly tier: string | null
  /** A person or key owner inside the customer. */
  readonly user: string | null
  /** The conversation, only if the client named it. */
  readonly session: string | null
  readonly agent: string | null
  readonly trace: string | null
  /** What the application was doing (endpoint, feature). */
  readonly operation: string | null
  /** chat, embedding, … */
  readonly callType: string | null
  /** The application's class of question. */
  readonly queryType: string | null
  readonly modelAsked: string | null
  readonly model: string | null
  readonly provider: string | null
  readonly environment: string | null
  /** Cloud project. */
  readonly project: string | null
  readonly keyAlias: string | null
  readonly promptName: string | null
  readonly promptVersion: string | null
  readonly tools: readonly string[]
  readonly status: Status
  readonly errorClass: string | null
  /** Redacted: never a key, an address or a prompt. At most 300 characters. */
  readonly errorMessage: string | null
  readonly finishReason: string | null
  readonly stream: boolean
  readonly cacheHit: boolean
  readonly temperature: number | null
  readonly tokens: Tokens
  /** Null exactly when basis is `unpriced`. */
  readonly cost: Nano | null
  readonly basis: Basis
  /** What a cache hit would have cost. */
  readonly saved: Nano | null
  /** From start to the last byte, milliseconds. */
  readonly durationMs: number | null
  /** From start to the first token of a stream, milliseconds. */
  readonly ttftMs: number | null
  /** The model's context window in tokens, for the share of it that was used. */
  readonly contextWindow: number | null
  /** Bytes of request or answer, and dimensions of an embedding, where known. */
  readonly bytes: number | null
  readonly dimensions: number | null
  /** Small: at most 16 names, 64 characters each, values at most 256. */
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * A change to what an event said: a repricing is one correction, a re-attribution a −/+ pair. It carries the event's own
 * names so that every sum by name is net without a join.
 */
export interface Correction {
  readonly kind: 'correction'
  readonly version: 1
  /** Idempotency key of the correction itself. */
  readonly key: string
  /** Key of the corrected event. */
  readonly of: string
  /** Why, in a sentence, and who: a person or a unit. */
  readonly reason: string
  readonly by: string
  readonly source: string
  /** Start of the corrected call: a correction counts in the call's own day. */
  readonly start: number
  readonly customer: string
  readonly tier: string | null
  readonly user: string | null
  readonly session: string | null
  readonly agent: string | null
  readonly operation: string | null
  readonly queryType: string | null
  readonly model: string | null
  readonly provider: string | null
  readonly environment: string | null
  readonly status: Status
  readonly basis: Basis
  /** +1 or −1 when a call moves from one name to another, else 0. */
  readonly calls: number
  /** Signed changes. */
  readonly tokens: Tokens
  readonly cost: Nano
}

/** A label value that gets (or gives up) series of its own; whatever is not admitted is counted as `other`. */
export interface Admission {
  readonly kind: 'admission'
  readonly version: 1
  readonly key: string
  readonly label: string
  readonly value: string
  readonly change: 'admit' | 'retire'
}

/** A session seen idle for long enough; observed once in the session histograms. */
export interface SessionClosed {
  readonly kind: 'session_closed'
  readonly version: 1
  readonly key: string
  readonly session: string
  readonly customer: string
  readonly tier: string | null
  readonly calls: number
  readonly cost: Nano
  /** First call's start and last call's start, epoch milliseconds. */
  readonly first: number
  readonly last: number
}

/** What has a budget. `tenant_day` is a customer's day, `unknown_customers` all of them together. */
export const SCOPES = ['global', 'tier', 'customer', 'agent', 'session', 'tenant_day', 'unknown_customers'] as const
export type Scope = (typeof SCOPES)[number]

/** The moment a threshold of a budget was reached: once for each scope, subject, period, threshold and limit. */
export interface Crossing {
  readonly kind: 'crossing'
  readonly version: 1
  /** Made of all that it is once for. */
  readonly key: string
  readonly scope: Scope
  /** The customer, agent, tier, or `customer/session`; '' where the scope has only one. */
  readonly subject: string
  /** Name of a spend threshold of the policy; '' for a share of a budget. */
  readonly name: string
  /** day, week, month or session. */
  readonly period: string
  /** First moment of the period, epoch milliseconds; of a session, its first call. */
  readonly periodStart: number
  /** Hundredths of a percent of the limit. */
  readonly threshold: number
  readonly limit: Nano
  readonly spent: Nano
  readonly held: Nano
  /** log, notify, degrade, block or pause. */
  readonly action: string
  readonly severity: string
  readonly channels: readonly string[]
  /** Whether somebody is to be told: not within the cooldown of the notice before, and not of a closed period. */
  readonly notice: boolean
  readonly message: string
  /** Who and what made it cross; null where that is not known. */
  readonly customer: string | null
  readonly tier: string | null
  readonly session: string | null
  readonly agent: string | null
  readonly trace: string | null
  /** Key of the event that crossed it, or of the call that was refused there. */
  readonly of: string
  /** Print of the policy by which it was judged. */
  readonly policy: string
}

/** Something that was done by a person or by us: pause, unpause, budget, reset, … with who and why. */
export interface Action {
  readonly kind: 'action'
  readonly version: 1
  readonly key: string
  /** What it was done to, e.g. `agent:nightly`. */
  readonly subject: string
  readonly action: string
  readonly by: string
  readonly reason: string
  /** When, epoch milliseconds. */
  readonly at: number
  readonly details: Readonly<Record<string, string>>
}

/**
 * A dated fact about a customer: which plan it has and what it pays, or that it is none. At each moment the most trusted
 * origin counts that says anything of the customer at that moment, and of its changes the last recorded one.
 */
export interface RosterChange {
  readonly kind: 'roster_change'
  readonly version: 1
  readonly key: string
  readonly customer: string
  /** Null = it is no customer in this time. */
  readonly tier: string | null
  /** Price a month instead of the plan's; 0 = a free trial; null = the plan's price. */
  readonly price: Nano | null
  /** From when on it holds, epoch milliseconds; null = always. */
  readonly from: number | null
  /** First moment at which it no longer holds; null = until the next change. */
  readonly to: number | null
  /** The origin says nothing any more of this time, so that a less trusted one counts again; `tier` is null then. */
  readonly withdrawn?: true
  readonly origin: RosterOrigin
  /** Who said so and why: a person, or the unit that found it. */
  readonly by: string
  readonly reason: string
}

/** How it is known who the customers are, the most trusted first. */
export const ROSTER_ORIGINS = ['file', 'rest', 'litellm', 'traffic'] as const
export type RosterOrigin = (typeof ROSTER_ORIGINS)[number]

/** What a plan costs a month from a moment on, until another one speaks of a later time or of the same one. */
export interface PlanPrice {
  readonly kind: 'plan_price'
  readonly version: 1
  readonly key: string
  readonly tier: string
  /** Null = the plan is not sold any more: it has no price from then on. */
  readonly price: Nano | null
  /** From when on it holds, epoch milliseconds; null = always. */
  readonly from: number | null
}

/** What is metered of infrastructure. The amounts are in nanoseconds of one processor, byte-seconds of memory, and bytes sent or got. */
export const METERS = ['cpu', 'memory', 'network'] as const
export type Meter = (typeof METERS)[number]

/** One metered amount of infrastructure, and what it costs. */
export interface Metered {
  readonly kind: 'metered'
  readonly version: 1
  /** Idempotency key: of the thing, the meter and the moment at which the span ends. */
  readonly key: string
  readonly source: string
  /** What kind of thing it is, e.g. `container`. */
  readonly resource: string
  /** Name under which its cost is added up: the service of a container. */
  readonly service: string
  readonly meter: Meter
  /** The span, epoch milliseconds: it lies within one local day, in which it counts. */
  readonly start: number
  readonly end: number
  readonly amount: bigint
  /** By the rate that held at the start; null = no rate is known, or the amount is only a part of what was used. */
  readonly cost: Nano | null
}

/** What a trace store's observation is: a call to a model, a run of a tool, or another step on the way. */
export const OBSERVED = ['call', 'tool', 'step'] as const
export type Observed = (typeof OBSERVED)[number]

/**
 * What a trace store saw. It stands beside the call's event and changes neither its customer nor its cost. Of two with the same
 * `project` and `id` the later recorded one counts: stores let observations be edited.
 */
export interface Observation {
  readonly kind: 'observation'
  readonly version: 1
  /** Idempotency key: of the observation and of what it says. */
  readonly key: string
  readonly source: string
  /** Project of the store, and the observation's id in it. */
  readonly project: string
  readonly id: string
  /** Key of the call's event, by the id that our gateway hook stamped or by the gateway's ids; null when it names none. */
  readonly call: string | null
  readonly what: Observed
  /** Name of the tool or step. */
  readonly name: string | null
  /** Epoch milliseconds. */
  readonly start: number
  readonly durationMs: number | null
  readonly ttftMs: number | null
  readonly status: 'success' | 'failed'
  readonly trace: string | null
  readonly session: string | null
  /** Who it says that it belongs to; null when it says nothing. */
  readonly customer: string | null
  readonly model: string | null
  readonly environment: string | null
  readonly promptName: string | null
  readonly promptVersion: string | null
  /** All tokens and the cost as the store has them; null when it has none. */
  readonly tokens: number | null
  readonly cost: Nano | null
}

/** A judgement of quality of a trace or of one observation. Of two with the same `project` and `id` the later recorded one counts. */
export interface Score {
  readonly kind: 'score'
  readonly version: 1
  readonly key: string
  readonly source: string
  readonly project: string
  readonly id: string
  readonly name: string
  /** A number, or 1 and 0 for yes and no; null for a category. */
  readonly value: number | null
  readonly category: string | null
  /** Epoch milliseconds. */
  readonly at: number
  readonly trace: string | null
  /** Id of the judged observation; null when the whole trace is judged. */
  readonly observation: string | null
}

/**
 * A try inside the gateway that failed before a retry or a fallback. It is no call, costs nothing and settles nothing. The last
 * try of a call that finally fails is not one: it is the call.
 */
export interface Attempt {
  readonly kind: 'attempt'
  readonly version: 1
  /** Idempotency key: of the call and the number of the try. */
  readonly key: string
  /** Key of the call's event when it succeeds; a failure's adds `:failed`. Null when our gateway hook put no id on the call. */
  readonly call: string | null
  /** When the try began, epoch milliseconds. */
  readonly start: number
  readonly provider: string | null
  readonly model: string | null
  readonly errorClass: string | null
}

/** A call that another model answered, or failed to answer, than the one that it was meant for. */
export interface Fallback {
  readonly kind: 'fallback'
  readonly version: 1
  /** Key of the call's event with `:fallback`. */
  readonly key: string
  /** Start of the call, epoch milliseconds. */
  readonly start: number
  /** Public names of the two models, as clients ask for them. */
  readonly from: string
  readonly to: string
}

export type Entry =
  | Usage
  | Correction
  | Crossing
  | Action
  | RosterChange
  | PlanPrice
  | Metered
  | Observation
  | Score
  | Admission
  | SessionClosed
  | Attempt
  | Fallback
export type EntryKind = Entry['kind']

/** All tokens of a call. */
export function totalTokens(tokens: Tokens): number {
  let sum = 0
  for (const name of TOKEN_CLASSES) sum += tokens[name] ?? 0
  return sum
}
