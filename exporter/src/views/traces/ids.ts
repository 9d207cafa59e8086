import { createHash } from 'node:crypto'

/** What W3C's `traceparent` names: a trace, and the step in it that calls. */
export interface TraceParent {
  readonly traceId: string
  readonly spanId: string
}

/** What is known of a call that decides on which trace it is. */
export interface Traced {
  readonly callId: string
  /** As the client sent it; the gateway's own callback for Langfuse goes by it alone. */
  readonly traceparent: string | null
  /** The trace that the call names, and its session. */
  readonly trace: string | null
  readonly session: string | null
}

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/i
const TRACE_ID = /^[0-9a-f]{32}$/
const ALL_ZERO = /^0+$/

/** Null when it is none, as those say who read it for the gateway. */
export function readTraceparent(text: string | null): TraceParent | null {
  const [, traceId = '', spanId = ''] = TRACEPARENT.exec(text?.trim() ?? '') ?? []
  if (traceId === '' || ALL_ZERO.test(traceId) || ALL_ZERO.test(spanId)) return null
  return { traceId: traceId.toLowerCase(), spanId: spanId.toLowerCase() }
}

/**
 * The id of a call's trace in Langfuse: the one of its `traceparent`; else of the trace that it names, by itself where it is one
 * with or without dashes, or as Langfuse's own SDKs make one of a name (`createTraceId(seed)`); else one of its own, by its
 * call id. A session is no trace: all calls of a conversation would lie in one.
 */
export function traceIdOf({ callId, traceparent, trace, session }: Traced): string {
  const parent = readTraceparent(traceparent)
  if (parent !== null) return parent.traceId
  const named = trace === null || trace === session ? callId : trace
  const plain = named.replaceAll('-', '').toLowerCase()
  return TRACE_ID.test(plain) && !ALL_ZERO.test(plain) ? plain : digits(named, 32)
}

/** The same for the same call and name, so that what is sent twice stands there once. */
export function spanIdOf(callId: string, name: string): string {
  return digits(`${name}:${callId}`, 16)
}

/** Under which a call is put, so that the gateway's callback puts it there too; `01`: it is recorded. */
export function traceparentText({ traceId, spanId }: TraceParent): string {
  return `00-${traceId}-${spanId}-01`
}

function digits(seed: string, length: number): string {
  return createHash('sha256').update(seed).digest('hex').slice(0, length)
}
