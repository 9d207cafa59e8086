import type { Correction, TokenClass, Tokens, Usage } from '../../usage.ts'
import { TOKEN_CLASSES } from '../../usage.ts'
import type { Recorded, Row } from '../ledger.ts'
import { hashKey, type KeyHash, storedKey } from '../key.ts'
import { asCount, asOptional, asText } from './absent.ts'
import { bigint, type Column, integer, text, tiny } from './append.ts'

/** An event on its way into the table. */
export interface EventRow extends Recorded<Usage | Correction> {
  readonly hash: KeyHash
  readonly day: number
}

export const EVENT_COLUMNS: readonly Column<EventRow>[] = [
  bigint('seq', (row) => BigInt(row.seq)),
  bigint('recorded', (row) => BigInt(row.at)),
  bigint('k', (row) => row.hash.high),
  bigint('k2', (row) => row.hash.low),
  bigint('start', (row) => BigInt(row.entry.start)),
  integer('day', (row) => row.day),
  tiny('kind', (row) => (row.entry.kind === 'usage' ? 0 : 1)),
  integer('names', (row) => row.names),
  integer('named', (row) => row.named),
  text('customer', (row) => row.entry.customer),
  text('usr', (row) => row.entry.user ?? ''),
  text('session', (row) => row.entry.session ?? ''),
  text('trace', (row) => (row.entry.kind === 'usage' ? (row.entry.trace ?? '') : '')),
  tiny('calls', (row) => callsOf(row.entry)),
  ...TOKEN_CLASSES.map((name) => integer<EventRow>(name, (row) => row.entry.tokens[name] ?? 0)),
  bigint('cost', (row) => row.entry.cost ?? 0n),
  bigint('saved', (row) => (row.entry.kind === 'usage' ? (row.entry.saved ?? 0n) : 0n)),
  integer('duration_ms', (row) => (row.entry.kind === 'usage' ? (row.entry.durationMs ?? -1) : -1)),
  integer('ttft_ms', (row) => (row.entry.kind === 'usage' ? (row.entry.ttftMs ?? -1) : -1)),
  text('extra', (row) => extraOf(row.entry)),
]

/** A correction and the event that it corrects. */
interface Corrected {
  readonly seq: number
  readonly of: KeyHash
}

export const CORRECTED_COLUMNS: readonly Column<Corrected>[] = [
  bigint('seq', (row) => BigInt(row.seq)),
  bigint('of_k', (row) => row.of.high),
  bigint('of_k2', (row) => row.of.low),
]

/** None for a call. */
export function correctedOf({ seq, entry }: EventRow): Corrected[] {
  return entry.kind === 'correction' ? [{ seq, of: hashKey(entry.of) }] : []
}

/** How many calls an event adds to a count. */
export function callsOf(event: Usage | Correction): number {
  return event.kind === 'usage' ? 1 : event.calls
}

function extraOf(event: Usage | Correction): string {
  if (event.kind === 'usage' && isPlain(event)) return ''
  const rare: Record<string, unknown> =
    event.kind === 'correction'
      ? { of: event.of, reason: event.reason, by: event.by }
      : {
          errorMessage: event.errorMessage ?? undefined,
          temperature: event.temperature ?? undefined,
          bytes: event.bytes ?? undefined,
          dimensions: event.dimensions ?? undefined,
          savedUnknown: event.cacheHit && event.saved === null ? true : undefined,
          tools: event.tools.length > 0 ? event.tools : undefined,
          metadata: hasAny(event.metadata) ? event.metadata : undefined,
        }
  const json = JSON.stringify(rare)
  return json === '{}' ? '' : json
}

/** Most events have nothing rare about them. */
function isPlain(event: Usage): boolean {
  const { errorMessage, temperature, bytes, dimensions, cacheHit, tools, metadata } = event
  const unsaid = errorMessage === null && temperature === null && bytes === null && dimensions === null
  return unsaid && !cacheHit && tools.length === 0 && !hasAny(metadata)
}

function hasAny(record: object): boolean {
  for (const _ in record) return true
  return false
}

/** The columns of an event together with its names, as `eventOf` reads them. */
export const READ_EVENTS = `
  SELECT e.*, n.* EXCLUDE (id) FROM event e JOIN name_set n ON n.id = e.names`

/** A stored row → the entry that was recorded, but for the key, which comes back as its hash. */
export function eventOf(row: Row): Recorded<Usage | Correction> {
  const extra = JSON.parse(asText(row.extra) || '{}') as Record<string, unknown>
  const entry = Number(row.kind) === 0 ? usageOf(row, extra) : correctionOf(row, extra)
  return {
    seq: Number(row.seq),
    at: Number(row.recorded),
    named: Number(row.named),
    names: Number(row.names),
    entry,
  }
}

function usageOf(row: Row, extra: Record<string, unknown>): Usage {
  const basis = asText(row.basis) as Usage['basis']
  return {
    kind: 'usage',
    version: 1,
    ...commonOf(row),
    trace: asOptional(row.trace),
    callType: asOptional(row.call_type),
    modelAsked: asOptional(row.model_asked),
    project: asOptional(row.project),
    keyAlias: asOptional(row.key_alias),
    promptName: asOptional(row.prompt_name),
    promptVersion: asOptional(row.prompt_version),
    tools: (extra.tools as string[] | undefined) ?? [],
    errorClass: asOptional(row.error_class),
    errorMessage: (extra.errorMessage as string | undefined) ?? null,
    finishReason: asOptional(row.finish_reason),
    stream: row.stream === '1',
    cacheHit: row.cache_hit === '1',
    temperature: (extra.temperature as number | undefined) ?? null,
    cost: basis === 'unpriced' ? null : (row.cost as bigint),
    basis,
    saved: row.cache_hit === '1' && extra.savedUnknown !== true ? (row.saved as bigint) : null,
    durationMs: asCount(row.duration_ms),
    ttftMs: asCount(row.ttft_ms),
    contextWindow: row.context_window === '' ? null : Number(row.context_window),
    bytes: (extra.bytes as number | undefined) ?? null,
    dimensions: (extra.dimensions as number | undefined) ?? null,
    metadata: (extra.metadata as Record<string, string> | undefined) ?? {},
  }
}

function correctionOf(row: Row, extra: Record<string, unknown>): Correction {
  return {
    kind: 'correction',
    version: 1,
    ...commonOf(row),
    of: String(extra.of),
    reason: String(extra.reason),
    by: String(extra.by),
    basis: asText(row.basis) as Correction['basis'],
    calls: Number(row.calls),
    cost: row.cost as bigint,
  }
}

function commonOf(row: Row) {
  return {
    key: storedKey(row.k as bigint, row.k2 as bigint),
    source: asText(row.source),
    start: Number(row.start),
    customer: asText(row.customer),
    tier: asOptional(row.tier),
    user: asOptional(row.usr),
    session: asOptional(row.session),
    agent: asOptional(row.agent),
    operation: asOptional(row.operation),
    queryType: asOptional(row.query_type),
    model: asOptional(row.model),
    provider: asOptional(row.provider),
    environment: asOptional(row.environment),
    status: asText(row.status) as Usage['status'],
    tokens: tokensOf(row),
  }
}

function tokensOf(row: Row): Tokens {
  const tokens: Partial<Record<TokenClass, number>> = {}
  for (const name of TOKEN_CLASSES) {
    const count = Number(row[name])
    if (count !== 0) tokens[name] = count
  }
  return tokens
}
