import type { Policy } from '../policy/policy.ts'
import type { Nano } from '../usage.ts'
import type { Budget } from './ladder.ts'

/** Whose call it is. */
export interface AskedBy {
  /** The paying tenant, or UNATTRIBUTED. */
  readonly customer: string
  readonly tier: string | null
  readonly user: string | null
  readonly session: string | null
  readonly agent: string | null
  readonly trace: string | null
  readonly queryType: string | null
}

export const NO_MODEL = ''

/** A call about to be made. */
export interface Ask {
  readonly callId: string
  /** Public name, as the client asked; NO_MODEL when an application does not say. */
  readonly model: string
  /** The provider's word for the service tier that the client asks for, some of which are dearer; null = the usual one. */
  readonly serviceTier: string | null
  /** The client's bound of an answer in tokens; null = none. */
  readonly maxTokens: number | null
  /** Answers asked for. */
  readonly answers: number
  readonly input: {
    /** Of all text that goes to the model, UTF-8. */
    readonly bytes: number
    /** Counted; null = not yet. */
    readonly tokens: number | null
    readonly images: number
    /** Parts whose size nobody knows before the call. */
    readonly opaque: number
    /** It may be written to the provider's cache. */
    readonly cacheWrites: boolean
  }
  /** The call's end will be heard of, so that money can be held for it until then. */
  readonly settles: boolean
  readonly needs: readonly ('tools' | 'images')[]
  readonly who: AskedBy
  /** W3C's, as the client sent it with the call. */
  readonly traceparent?: string
}

/** One budget in one period, for one subject: what a call is measured against. */
export interface Meter {
  readonly budget: Budget
  /** The customer, agent, tier, or `customer/session`; '' where the scope has only one. */
  readonly subject: string
  /** Unique for scope, subject, period and its start. */
  readonly key: string
  /** First moment of the period, and first moment after it; null = never ends. Epoch milliseconds. */
  readonly start: number
  readonly end: number | null
}

/** A meter as it stands. */
export interface MeterReading {
  readonly meter: Meter
  readonly spent: Nano
  readonly held: Nano
  /** Calls that hold something of it. */
  readonly inFlight: number
  /** The most that did so lately, this call included. */
  readonly crowd: number
}

/** Money that a call takes from a meter until its end is known. */
export interface Charge {
  /** The meter's. */
  readonly key: string
  readonly amount: Nano
  /** What the meter may hold and have spent together. Null = nothing stops here. */
  readonly line: Nano | null
  /** As it was when it was decided. */
  readonly spent: Nano
}

export const REASONS = [
  'ok',
  'route',
  'free',
  'unlimited',
  'customer',
  'tenant_day',
  'agent',
  'agent_paused',
  'session',
  'session_calls',
  'session_rate',
  'tier',
  'global',
  'unknown_customers',
  'unpriced',
  'undegradable',
] as const
export type Reason = (typeof REASONS)[number]

export interface Decision {
  /** `count`: the input's tokens must be counted first. */
  readonly action: 'allow' | 'degrade' | 'block' | 'count'
  readonly reason: Reason
  /** The model that is to answer. */
  readonly model: string
  /** The bound that the answer must get, for each of the answers; null = as the client asked. */
  readonly maxTokens: number | null
  /** The gateway's own fallbacks may be used. */
  readonly fallbacks: boolean
  readonly charges: readonly Charge[]
  /** Tokens that count against the session's minute. */
  readonly tokens: number
  /** What the charges were worked out from. */
  readonly expected: { readonly input: number; readonly output: number }
  /** The meter that refused, or that asked for a cheaper model. */
  readonly because: MeterReading | null
  /** When the call may be tried again, milliseconds from now; null = unknown. */
  readonly retryAfterMs: number | null
  readonly readings: readonly MeterReading[]
  /** What was found on the way, in sentences. */
  readonly steps: readonly string[]
}

/** A decision with what it was made for. */
export interface Decided {
  readonly ask: Ask
  readonly decision: Decision
  readonly policy: Policy
  readonly at: number
}
