import { type Attribution, attribute } from '../../attribution/attribution.ts'
import { type Hash, name } from '../../attribution/label.ts'
import { type Fallback, UNATTRIBUTED, type Usage } from '../../usage.ts'
import type { EventResult } from '../source.ts'
import type { Prices } from '../prices.ts'
import type { Call } from './call.ts'
import { chargeOf } from './cost.ts'
import { keyBeside, keyOf } from './key.ts'
import { statusOf } from './outcome.ts'

export interface EventContext {
  readonly attribution: Attribution
  readonly prices: Prices
  /** The development price profile: everything is free. */
  readonly development: boolean
  /** Arrival, epoch milliseconds. */
  readonly now: number
}

export interface Event {
  readonly usage: Usage
  /** Recorded beside it. */
  readonly fallback: Fallback | null
  /** What is to be counted beside its being accepted. */
  readonly remarks: readonly EventResult[]
}

/** A start further ahead than this is dated at arrival. */
const AHEAD = 5 * 60_000
/** No call lasts longer; a duration beyond it is a clock that was set. */
const LONGEST = 7 * 86_400_000
const SOURCE = 'litellm'

/** Makes the usage event of a call. Throws Refused when the call has no id. */
export function eventOf(call: Call, context: EventContext): Event {
  const status = statusOf(call)
  const charge = chargeOf(call, status, context)
  const who = attribute(call, context.attribution)
  const { hash } = context.attribution
  const { durationMs, ttftMs } = timesOf(call)
  const future = isAhead(call.start, context.now)
  // Every field by itself: spreading objects into one another takes a third of the time of all this.
  const usage: Usage = {
    kind: 'usage',
    version: 1,
    key: keyOf(call),
    source: SOURCE,
    start: future ? context.now : call.start,
    customer: who.customer ?? UNATTRIBUTED,
    tier: who.tier,
    user: who.user,
    session: who.session,
    agent: who.agent,
    trace: who.trace,
    operation: who.operation,
    callType: call.callType,
    queryType: who.queryType,
    modelAsked: name(call.stamp.modelAsked, hash) ?? who.modelAsked ?? name(call.fields.model_asked, hash),
    model: name(call.model, hash) ?? who.modelUsed,
    provider: call.provider,
    environment: who.environment,
    project: who.project,
    keyAlias: who.keyAlias,
    promptName: who.promptName ?? call.promptName,
    promptVersion: who.promptVersion ?? call.promptVersion,
    tools: who.tools.length > 0 ? who.tools : call.toolsCalled,
    status,
    errorClass: status === 'success' ? null : (call.error?.class ?? null),
    errorMessage: status === 'success' ? null : (call.error?.message ?? null),
    finishReason: call.finishReason,
    stream: call.stream,
    cacheHit: call.cacheHit,
    temperature: call.temperature,
    tokens: charge.tokens,
    cost: charge.cost,
    basis: charge.basis,
    saved: charge.saved,
    durationMs,
    ttftMs,
    contextWindow: contextWindow(call, context.prices),
    bytes: null,
    dimensions: call.dimensions,
    metadata: who.metadata,
  }
  const remarks: EventResult[] = future ? ['future'] : []
  if (charge.basis === 'estimated') remarks.push('estimated')
  return { usage, fallback: fallbackBeside(usage, call, hash), remarks }
}

function fallbackBeside({ key, start }: Usage, { fallback }: Call, hash: Hash): Fallback | null {
  const from = name(fallback?.from, hash)
  const to = name(fallback?.to, hash)
  if (from === null || to === null) return null
  return { kind: 'fallback', version: 1, key: keyBeside(key, 'fallback'), start, from, to }
}

/** Whether a moment lies so far in the future that it cannot be meant. */
export function isAhead(at: number, now: number): boolean {
  return at > now + AHEAD
}

/** `response_time` of a stream is the time to its first token, so both are taken from the moments themselves. */
function timesOf(call: Call): { durationMs: number | null; ttftMs: number | null } {
  const lasted = call.end === null ? null : call.end - call.start
  const durationMs = lasted !== null && lasted >= 0 && lasted <= LONGEST ? lasted : null
  const waited = call.stream && call.firstToken !== null ? call.firstToken - call.start : null
  const ttftMs = waited !== null && waited >= 0 && waited <= (durationMs ?? LONGEST) ? waited : null
  return { durationMs, ttftMs }
}

function contextWindow(call: Call, prices: Prices): number | null {
  if (call.model === null) return null
  const provider = call.provider === null ? {} : { provider: call.provider }
  return prices.price(call.model, { ...provider, at: call.start })?.contextWindow ?? call.contextWindow
}
