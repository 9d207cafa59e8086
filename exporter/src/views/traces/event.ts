import { usd } from '@marginwatch/pricing'
import type { Span } from '../../clients/otlp.ts'
import { redact } from '../../redact.ts'
import type { Nano } from '../../usage.ts'
import { readTraceparent, spanIdOf, traceIdOf, type TraceParent, traceparentText } from './ids.ts'

/** A call that was moved to a cheaper model, or refused. */
export interface TraceEvent {
  readonly callId: string
  readonly action: 'degrade' | 'block'
  /** As on the wire: customer, session_rate, agent_paused, … */
  readonly reason: string
  /** Epoch milliseconds. */
  readonly at: number
  readonly traceparent: string | null
  /** Null = nobody could be named. */
  readonly customer: string | null
  readonly tier: string | null
  readonly session: string | null
  readonly agent: string | null
  readonly trace: string | null
  readonly queryType: string | null
  readonly modelAsked: string
  /** The model that answers in its place; null for a call that was refused. */
  readonly model: string | null
  /** HTTP status of the refusal; null for a call that was not refused. */
  readonly status: number | null
  /** Which rule of the policy it was, in words. */
  readonly rule: string
  /** Of a limit of money; null where it is none. */
  readonly spent: Nano | null
  readonly held: Nano | null
  readonly limit: Nano | null
  readonly policyVersion: string
}

type Placed = Pick<TraceEvent, 'callId' | 'action' | 'traceparent' | 'trace' | 'session'>

/** Where the event of a call stands. */
export function placeOf(event: Placed): TraceParent {
  return { traceId: traceIdOf(event), spanId: spanIdOf(event.callId, nameOf(event)) }
}

/**
 * The `traceparent` under which a call is to be traced so that it lies beside its event. Null when the client sent one: the call is
 * on that trace already, and so is the event.
 */
export function traceparentFor(event: Placed): string | null {
  return readTraceparent(event.traceparent) === null ? traceparentText(placeOf(event)) : null
}

const LONGEST = 300

/** The event as a span for Langfuse. It holds names, sums and the rule; nothing of what was said to a model is known here. */
export function spanOf(event: TraceEvent): Span {
  const { customer, session, at } = event
  return {
    ...placeOf(event),
    parentSpanId: readTraceparent(event.traceparent)?.spanId ?? null,
    name: nameOf(event),
    start: at,
    end: at,
    attributes: {
      'langfuse.observation.type': 'event',
      'langfuse.observation.level': 'WARNING',
      'langfuse.observation.status_message': redact(sentence(event), LONGEST),
      ...saying({ 'user.id': customer, 'session.id': session }, ''),
      ...saying(detailsOf(event), 'langfuse.observation.metadata.'),
    },
  }
}

function nameOf({ action }: Pick<TraceEvent, 'action'>): string {
  return `marginwatch.${action}`
}

function detailsOf(event: TraceEvent) {
  const money = (amount: Nano | null) => (amount === null ? null : usd(amount))
  return {
    // Under the name that the gateway's own callback has it by.
    marginwatch_call_id: event.callId,
    action: event.action,
    reason: event.reason,
    rule: event.rule,
    status: event.status === null ? null : String(event.status),
    tier: event.tier,
    agent: event.agent,
    query_type: event.queryType,
    model_asked: event.modelAsked,
    model: event.model,
    limit_usd: money(event.limit),
    spent_usd: money(event.spent),
    held_usd: money(event.held),
    policy_version: event.policyVersion,
  }
}

/** What is null or empty is left out; keys and e-mail addresses are taken out of every text. */
function saying(fields: Readonly<Record<string, string | null>>, prefix: string): Record<string, string> {
  const said: Record<string, string> = {}
  for (const [name, value] of Object.entries(fields))
    if (value !== null && value !== '') said[prefix + name] = redact(value, LONGEST)
  return said
}

function sentence({ action, rule, status, modelAsked, model }: TraceEvent): string {
  return action === 'block'
    ? `Refused with ${status ?? 'no status'}: ${rule}`
    : `Moved to a cheaper model (${modelAsked} asked, ${model ?? 'unknown'} answers): ${rule}`
}
