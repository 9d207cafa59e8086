import type { IncomingHttpHeaders } from 'node:http'
import type { Answer } from '../answers.ts'
import type { Tenant } from '../project.ts'
import type { Switches } from '../switches.ts'
import { observationOf } from './observe.ts'
import { decodeProtobuf } from './protobuf.ts'
import { spansOf } from './spans.ts'

/** How long a span takes that is written to both tables: parts of three minutes, and a wait of ten. */
export const DUAL_WRITE_MS = 600_000
const LAST_VERSION = 4

/**
 * `POST /otel/v1/traces`: a trace export as JSON or protobuf. One malformed id or list refuses the whole of it. Spans can be read
 * at once where they are written directly: on a server that keeps events only, or when the header says version 4.
 */
export function takeSpans(
  tenant: Tenant,
  headers: IncomingHttpHeaders,
  body: Uint8Array,
  { mode, cloud, mergeMs }: Pick<Switches, 'mode' | 'cloud' | 'mergeMs'>,
  now: number,
): Answer {
  const version = Number(headers['x-langfuse-ingestion-version'] ?? 0)
  if (!(version <= LAST_VERSION)) return refused(`Unsupported ingestion version: at most ${LAST_VERSION} is known`)
  let request: unknown
  try {
    request = isProtobuf(headers) ? decodeProtobuf(body) : JSON.parse(Buffer.from(body).toString())
  } catch {
    return refused('Failed to parse OTel Trace')
  }
  const spans = spansOf(request)
  if (typeof spans === 'string') return refused(spans)
  const direct = version === LAST_VERSION || (mode === 'events_only' && cloud === null)
  const from = direct ? now : now + DUAL_WRITE_MS
  tenant.put(spans.map(observationOf), { from, mergedAt: from + mergeMs })
  return { status: 200, body: {} }
}

function isProtobuf(headers: IncomingHttpHeaders): boolean {
  return (headers['content-type'] ?? '').includes('protobuf')
}

function refused(error: string): Answer {
  return { status: 400, body: { error } }
}
