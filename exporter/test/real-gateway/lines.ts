import type { Call, TokenCounts } from '@marginwatch/sandbox'
import type { RowReader } from '../../src/ledger/ledger.ts'
import { TOKEN_CLASSES } from '../../src/usage.ts'
import { choosesId, nameOf } from './replayed.ts'

/** What one book says of one call, in words that all books share. */
export interface Line {
  readonly customer: string
  readonly tier: string
  readonly user: string
  readonly session: string
  readonly agent: string
  readonly operation: string
  readonly queryType: string
  readonly environment: string
  readonly keyAlias: string
  readonly model: string
  readonly status: string
  /** By class; those that there are. */
  readonly tokens: Readonly<Record<string, number>>
  /** Nano-dollars; null: nobody knows the price. */
  readonly cost: bigint | null
  /** What a cache hit would have cost. */
  readonly saved: bigint
}

/**
 * What a ledger must hold of the calls. It takes the words of the written truth as they are, but for three:
 * - a stream that the client left is `cancelled`
 * - an answer from the cache used no tokens
 * - LiteLLM's own budgets refuse a call before anybody looks at its session
 */
export function truthLines(calls: readonly Call[]): Line[] {
  return calls.map((call) => ({
    customer: call.customer ?? 'unattributed',
    tier: call.tier ?? '',
    user: call.user ?? '',
    session: call.failure === 'native_budget' ? '' : (call.session ?? ''),
    agent: call.agent ?? '',
    operation: call.operation ?? '',
    queryType: call.queryType ?? '',
    environment: call.environment ?? '',
    keyAlias: call.keyAlias ?? '',
    model: call.model === null ? call.asked : nameOf(call.model),
    status: call.aborted ? 'cancelled' : call.outcome,
    tokens: call.cacheHit ? {} : present(byLedgerNames(call.tokens)),
    cost: call.cost,
    saved: call.saved ?? 0n,
  }))
}

/** The calls of which LiteLLM's spend log has a row: an embedding has no id but the call's, and the log takes an id only once. */
export function callsWithRow(calls: readonly Call[]): Call[] {
  const ids = new Set<string>()
  return calls.filter((call) => {
    if (call.callType !== 'aembedding' || !choosesId(call)) return true
    const isFirst = !ids.has(call.callId)
    ids.add(call.callId)
    return isFirst
  })
}

/**
 * What LiteLLM's spend log must say of the calls. It differs from the written truth by design:
 * - it knows `success` and `failure` only; a stream that the client left is a success
 * - it counts the tokens of an answer from the cache, at no cost, and does not say what was saved
 * - a call without a known price costs 0
 * - where the gateway knows no model of the name, the model is `unknown-model`
 */
export function expectedRows(calls: readonly Call[]): Line[] {
  const kept = callsWithRow(calls)
  return truthLines(kept).map((line, index) => {
    const { outcome, model, tokens } = kept[index] as Call
    return {
      ...line,
      status: outcome === 'success' ? 'success' : 'failure',
      model: model === null ? 'unknown-model' : line.model,
      tokens: present(byLedgerNames(tokens)),
      cost: line.cost ?? 0n,
      saved: 0n,
    }
  })
}

/** LiteLLM's spend log, read without anything of ours. A failed call's row counts its question, which nobody is charged for. */
export function rowLines(rows: readonly Readonly<Record<string, unknown>>[]): Line[] {
  return (rows as unknown as readonly Row[]).map((row) => ({
    customer: row.end_user || 'unattributed',
    tier: tagged(row, 'plan_tier'),
    user: tagged(row, 'user_id'),
    // LiteLLM makes up a uuid where there is none.
    session: row.session_id.startsWith('chat-') ? row.session_id : '',
    agent: tagged(row, 'agent'),
    operation: tagged(row, 'operation'),
    queryType: tagged(row, 'query_type'),
    environment: tagged(row, 'environment'),
    keyAlias: row.metadata.user_api_key_alias ?? '',
    model: nameOf({ name: row.model }),
    status: row.status,
    tokens: row.status === 'failure' ? {} : present(tokensOfRow(row)),
    cost: BigInt(Math.round(row.spend * 1e9)),
    saved: 0n,
  }))
}

/**
 * How many tries the gateway must tell of that failed before a retry or a fallback, by provider and LiteLLM's class of the error.
 * Of a stream of Gemini's it can tell none: LiteLLM opens such a one when it is read, and calls no hook when that fails.
 */
export function attemptsOf(calls: readonly Call[]): Record<string, number> {
  const attempts = calls.flatMap(({ stream, attempts: tries }) =>
    tries.filter(({ model }) => !(stream && model.provider === 'gemini')),
  )
  return countBy(attempts, ({ model: { provider }, failure }) => {
    const name = provider === 'gemini' ? 'google' : provider
    if (failure === 'rate_limit') return `${name} RateLimitError`
    // LiteLLM tells a connection that breaks by its name for Gemini only.
    return failure === 'connection' && provider === 'gemini'
      ? `${name} APIConnectionError`
      : `${name} InternalServerError`
  })
}

/** Which fallbacks LiteLLM notes, by the public names of both models. */
export function rowFallbacks(rows: readonly Readonly<Record<string, unknown>>[]): Record<string, number> {
  const fallen = (rows as unknown as readonly Row[]).filter(({ metadata }) => (metadata.attempted_fallbacks ?? 0) > 0)
  return countBy(fallen, (row) => `${row.metadata.original_model_group} ${row.model_group}`)
}

interface Row {
  readonly end_user: string
  readonly session_id: string
  readonly model: string
  readonly model_group: string
  readonly status: string
  readonly spend: number
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly request_tags: readonly string[]
  readonly metadata: {
    readonly user_api_key_alias?: string | null
    readonly attempted_fallbacks?: number | null
    readonly original_model_group?: string | null
    readonly usage_object?: {
      readonly prompt_tokens_details?: {
        readonly cached_tokens?: number | null
        readonly cache_creation_token_details?: Readonly<Record<string, number | null>> | null
      } | null
      readonly completion_tokens_details?: { readonly reasoning_tokens?: number | null } | null
    } | null
  }
}

function tagged({ request_tags: tags }: Row, name: string): string {
  return tags.find((tag) => tag.startsWith(`${name}:`))?.slice(name.length + 1) ?? ''
}

/** `prompt_tokens` holds what was read from and written to a cache, `completion_tokens` the reasoning. */
function tokensOfRow({ prompt_tokens: prompt, completion_tokens: completion, metadata }: Row): Record<string, number> {
  const { prompt_tokens_details: details, completion_tokens_details: answered } = metadata.usage_object ?? {}
  const read = details?.cached_tokens ?? 0
  const write5m = details?.cache_creation_token_details?.ephemeral_5m_input_tokens ?? 0
  const write1h = details?.cache_creation_token_details?.ephemeral_1h_input_tokens ?? 0
  const reasoning = answered?.reasoning_tokens ?? 0
  return {
    input: prompt - read - write5m - write1h,
    cache_read: read,
    cache_write_5m: write5m,
    cache_write_1h: write1h,
    output: completion - reasoning,
    reasoning,
  }
}

/** What a ledger holds. */
export async function ledgerLines(rows: RowReader): Promise<Line[]> {
  const list = await rows(`SELECT customer, tier, "user", session, agent, operation, query_type, environment, key_alias,
    model, status, cost, saved, ${TOKEN_CLASSES.join(', ')} FROM usage_event`)
  return list.map((row) => ({
    customer: String(row.customer),
    tier: String(row.tier ?? ''),
    user: String(row.user ?? ''),
    session: String(row.session ?? ''),
    agent: String(row.agent ?? ''),
    operation: String(row.operation ?? ''),
    queryType: String(row.query_type ?? ''),
    environment: String(row.environment ?? ''),
    keyAlias: String(row.key_alias ?? ''),
    model: String(row.model),
    status: String(row.status),
    tokens: present(Object.fromEntries(TOKEN_CLASSES.map((name) => [name, Number(row[name])]))),
    cost: row.cost as bigint | null,
    saved: (row.saved as bigint | null) ?? 0n,
  }))
}

function byLedgerNames(tokens: TokenCounts): Record<string, number> {
  const { input, cacheRead, cacheWrite5m, cacheWrite1h, output, reasoning } = tokens
  return {
    input,
    cache_read: cacheRead,
    cache_write_5m: cacheWrite5m,
    cache_write_1h: cacheWrite1h,
    output,
    reasoning,
  }
}

function present(tokens: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(tokens).filter(([, count]) => count !== 0))
}

/** Ways to group lines; each must come to the same sums in all books. */
export const GROUPINGS: Readonly<Record<string, (line: Line) => string>> = {
  'customer, model and status': ({ customer, model, status }) => `${customer} ${model} ${status}`,
  session: ({ session }) => session,
  tier: ({ tier }) => tier,
  user: ({ user }) => user,
  agent: ({ agent }) => agent,
  operation: ({ operation }) => operation,
  'query type': ({ queryType }) => queryType,
  environment: ({ environment, keyAlias }) => `${environment} ${keyAlias}`,
}

/** Sums of lines by name, in the order of the names: `calls`, `cost`, `saved`, calls without a price, and each class of tokens. */
export function sumsBy(lines: readonly Line[], nameOfLine: (line: Line) => string): Record<string, Sums> {
  const sums = new Map<string, Sums>()
  for (const line of lines) {
    const name = nameOfLine(line)
    const sum = sums.get(name) ?? { calls: 0, unpriced: 0, cost: 0n, saved: 0n, tokens: {} }
    sums.set(name, sum)
    sum.calls += 1
    sum.unpriced += line.cost === null ? 1 : 0
    sum.cost += line.cost ?? 0n
    sum.saved += line.saved
    for (const [tokenClass, count] of Object.entries(line.tokens))
      sum.tokens[tokenClass] = (sum.tokens[tokenClass] ?? 0) + count
  }
  return Object.fromEntries([...sums].sort(([a], [b]) => (a < b ? -1 : 1)))
}

interface Sums {
  calls: number
  unpriced: number
  cost: bigint
  saved: bigint
  readonly tokens: Record<string, number>
}

/** The lines as texts, in order, so that two books can be compared call by call. */
export function sorted(lines: readonly Line[]): string[] {
  const text = (line: Line) =>
    JSON.stringify({ ...line, tokens: Object.entries(line.tokens).sort() }, (_, value) =>
      typeof value === 'bigint' ? String(value) : value,
    )
  return lines.map(text).sort()
}

function countBy<T>(list: readonly T[], nameOfOne: (one: T) => string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const one of list) counts[nameOfOne(one)] = (counts[nameOfOne(one)] ?? 0) + 1
  return counts
}
