import type { Refusal } from './decisions/wire.ts'
import type { Model } from './models.ts'
import type { TokenCounts } from './tokens.ts'

/** What went wrong. `hook_*` = our gateway hook refused, raised in either of the two ways that are in use. */
export const FAILURES = [
  'rate_limit',
  'server_error',
  'connection',
  'bad_key',
  'unknown_model',
  'native_budget',
  'hook_http',
  'hook_proxy',
] as const
export type Failure = (typeof FAILURES)[number]

export type Outcome = 'success' | 'failed' | 'blocked' | 'rejected'

/** An earlier try inside the gateway that failed before a retry or a fallback. */
export interface Attempt {
  readonly failure: Failure
  readonly model: Model
  /** How long before `start` of the call it began, and how long it took. */
  readonly beforeMs: number
  readonly tookMs: number
}

/** What our gateway hook did with a call, and why. */
export interface Decision {
  readonly action: 'allow' | 'degrade' | 'block' | 'undecided'
  readonly reason: string
  /** Public name of the model that the call was sent on as; null = as it was asked. */
  readonly sentAs: string | null
  /** What the caller of a blocked call read. */
  readonly refusal: Refusal | null
}

/** The truth about one client call, in nobody's format. */
export interface Call {
  /** `litellm_call_id`: a uuid, or what the client chose (then several calls carry it). */
  readonly callId: string
  /** The provider's response id; of a cache hit, that of the answer in the cache; the call id where there is none. */
  readonly responseId: string
  /** The uuid that our hook stamps on a call. */
  readonly hookId: string
  /** LiteLLM's made-up uuid, seen as session or trace where the client named no session. */
  readonly traceId: string
  /** 32 random bits, from which the shapes take their details. */
  readonly salt: number
  /**
   * Of the try that decided the outcome, for LiteLLM dates each try by itself. Epoch milliseconds, whole; `micros`
   * (0–999) follow in the push record and are cut off in the row.
   */
  readonly start: number
  readonly end: number
  readonly micros: number
  /** From start to the first token of a stream; null for all else. */
  readonly firstTokenMs: number | null
  readonly customer: string | null
  readonly tier: string | null
  readonly user: string | null
  readonly session: string | null
  readonly agent: string | null
  readonly operation: string | null
  readonly queryType: string | null
  readonly environment: string | null
  readonly keyAlias: string | null
  /** The model that answered, or was asked for where none did; null when the gateway does not know the name. */
  readonly model: Model | null
  /** What the client asked for. */
  readonly asked: string
  readonly callType: 'acompletion' | 'aembedding'
  readonly stream: boolean
  /** The client hung up: LiteLLM reports a success with its own count of tokens. */
  readonly aborted: boolean
  readonly cacheHit: boolean
  /** The answer ended where it was bounded to end. */
  readonly truncated: boolean
  /** Null where nobody was asked before the call left. */
  readonly decision: Decision | null
  readonly outcome: Outcome
  readonly failure: Failure | null
  readonly attempts: readonly Attempt[]
  readonly tokens: TokenCounts
  /** What it cost in nano-dollars: 0 for a cache hit, a failure or a free model; null when nobody knows the price. */
  readonly cost: bigint | null
  /** What a cache hit would have cost; null for all else. */
  readonly saved: bigint | null
}

/** Public name of the model that the call was meant for when it left the gateway. */
export function sentAs(call: Call): string {
  return call.decision?.sentAs ?? call.asked
}

/**
 * What tells events apart when the gateway runs without our hook: a success by call id and response id, all failures of a
 * call by the call id alone, for a failed try that is followed by a success looks like a final failure when it arrives.
 */
export function successKey(call: Call): string {
  return `${call.callId} ${call.responseId}`
}

export function failureKey(call: Call): string {
  return `${call.callId} failed`
}
