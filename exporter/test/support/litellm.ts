import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { Attribution, Rules } from '../../src/attribution/attribution.ts'
import type { Place } from '../../src/attribution/facts.ts'
import type { EventContext } from '../../src/sources/litellm/event.ts'
import type { Json } from '../../src/sources/litellm/read.ts'
import type { Prices } from '../../src/sources/prices.ts'
import type { Tokens } from '../../src/usage.ts'

const FIXTURES = new URL('../fixtures/litellm-1.106.2/', import.meta.url)

function fixture(file: string): Json {
  return JSON.parse(readFileSync(new URL(file, FIXTURES), 'utf8')) as Json
}

/** A real record that LiteLLM pushed, e.g. `hdrs`. */
export function pushed(name: string): Json {
  return fixture(`slp_${name}.json`)
}

/** A real POST of five records, as the body that LiteLLM sent. */
export function pushedBatch(): Json[] {
  return fixture('slp_batch_post_example.json').body as Json[]
}

/** Every real record, by the name of its file. */
export function everyPushed(): { name: string; record: Json }[] {
  const names = readdirSync(FIXTURES).flatMap((file) => /^slp_(.+)\.json$/.exec(file)?.[1] ?? [])
  return names.filter((name) => name !== 'batch_post_example').map((name) => ({ name, record: pushed(name) }))
}

/** Real rows of `/spend/logs/v2`, e.g. of `spend_logs_v2_degrade`. */
export function rows(name: string): Json[] {
  return (fixture(`db/${name}.json`).response as { data: Json[] }).data
}

const place = (where: Place['in'], name: string): Place => ({ in: where, name })
const anywhere = (...names: string[]): Place[] =>
  names.flatMap((name) => [
    place('metadata', name),
    place('tag', name),
    place('header', `x-${name.replaceAll('_', '-')}`),
  ])

export const RULES: Rules = {
  customer: [...anywhere('customer_id'), place('field', 'end_user')],
  tier: anywhere('plan_tier'),
  user: [...anywhere('user_id'), place('field', 'user')],
  session: [...anywhere('session_id'), place('field', 'session_id')],
  agent: [...anywhere('agent', 'agent_id'), place('field', 'agent_id')],
  trace: [place('metadata', 'trace_id'), place('field', 'trace_id')],
  operation: anywhere('operation', 'feature'),
  query_type: anywhere('query_type'),
  model_asked: [place('field', 'model_asked')],
  model_used: [],
  environment: anywhere('environment'),
  project: anywhere('gcp_project'),
  prompt_name: anywhere('prompt_name'),
  prompt_version: anywhere('prompt_version'),
  tools: anywhere('tools_invoked'),
}

export const hash = (text: string): string => createHash('sha256').update(text).digest('base64url')

/** $2.50 and $10 a million tokens for gpt-4o, nothing for local models; everything else is unknown. */
export const PRICES: Prices = {
  cost(model: string, usage: Tokens) {
    if (model === 'llama-local') return { cost: 0n, basis: 'free' }
    if (model !== 'gpt-4o') return null
    return { cost: BigInt(usage.input ?? 0) * 2500n + BigInt(usage.output ?? 0) * 10_000n, basis: 'priced' }
  },
  price: (model: string) => (model === 'gpt-4o' ? { contextWindow: 128_000 } : null),
}

export const ATTRIBUTION: Attribution = { rules: RULES, owners: {}, tierAt: () => null, hash }

/** A minute after the fixtures were recorded. */
export const NOW = Date.UTC(2026, 10, 22, 10, 33)

export const CONTEXT: EventContext = { attribution: ATTRIBUTION, prices: PRICES, development: false, now: NOW }

const PLAIN = [
  ...[
    'id',
    'litellm_call_id',
    'trace_id',
    'call_type',
    'stream',
    'status',
    'startTime',
    'endTime',
    'completionStartTime',
  ],
  ...['model', 'custom_llm_provider', 'model_group', 'response_cost', 'cache_hit', 'saved_cache_cost'],
  ...['prompt_tokens', 'completion_tokens', 'total_tokens', 'end_user'],
]
const METADATA = [
  ...['usage_object', 'spend_logs_metadata', 'user_api_key_alias', 'user_api_key_user_id', 'user_api_key_team_id'],
  ...['user_api_key_team_alias', 'user_api_key_org_id', 'user_api_key_project_id', 'user_api_key_project_alias'],
  ...['user_api_key_end_user_id', 'user_api_key_request_route', 'user_api_key_auth_metadata', 'agent_id'],
  ...['original_model_group', 'attempted_fallbacks', 'attempted_retries', 'requester_custom_headers'],
  ...['mcp_tool_call_metadata', 'prompt_management_metadata'],
]
const ERROR = [
  ...['error_class', 'error_code', 'error_message', 'llm_provider', 'normalized_error', 'error_rate_limit_category'],
]

const part = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {})
const picked = (from: Json, names: readonly string[]): Json =>
  Object.fromEntries(names.filter((name) => (from[name] ?? null) !== null).map((name) => [name, from[name]]))

/** The slim record that our gateway posts for the call of a whole one, version 1. */
export function slimOf(record: Json): Json {
  const metadata = part(record.metadata)
  const {
    headers: _headers,
    tags: _tags,
    spend_logs_metadata: _nested,
    ...requester
  } = part(metadata.requester_metadata)
  const response = part(record.response)
  const choices = (response.choices ?? []) as Json[]
  const vectors = (response.data ?? []) as Json[]
  const flat = {
    finish_reason: choices[0]?.finish_reason ?? response.status,
    tools: choices.flatMap(({ message }) =>
      ((part(message).tool_calls ?? []) as Json[]).map((call) => part(call.function).name),
    ),
    dimensions: Array.isArray(vectors[0]?.embedding) ? vectors[0].embedding.length : null,
    service_tier: response.service_tier,
    context_window: part(part(record.model_map_information).model_map_value).max_input_tokens,
  }
  const failed = record.status === 'failure'
  return {
    marginwatch: 1,
    kind: 'call',
    ...picked(record, PLAIN),
    request_tags: ((record.request_tags ?? []) as string[]).filter((tag) => !tag.startsWith('User-Agent: ')),
    ...(failed ? { error_information: picked(part(record.error_information), ERROR) } : {}),
    metadata: { ...picked(metadata, METADATA), requester_metadata: requester },
    model_parameters: picked(part(record.model_parameters), ['temperature']),
    ...picked(flat, Object.keys(flat)),
  }
}

/** What our hook puts on a call. */
export const STAMP = '0f8fad5b-d9cb-469f-a165-70867728950e'

/** The record of the call with our hook before it. */
export function stamped(record: Json, more: Json = {}): Json {
  const metadata = part(record.metadata)
  return { ...record, metadata: { ...metadata, spend_logs_metadata: { marginwatch_call_id: STAMP, ...more } } }
}

/** A try that failed before a retry or a fallback, as our gateway posts it. */
export function attemptRecord(n: number, change: Json = {}): Json {
  return {
    marginwatch: 1,
    kind: 'attempt',
    n,
    litellm_call_id: 'call-1',
    startTime: 1795342120.5,
    endTime: 1795342121.25,
    model: 'openai/gpt-4o',
    custom_llm_provider: 'openai',
    model_group: 'gpt-4o',
    error_information: { error_class: 'RateLimitError', error_code: '429', llm_provider: 'openai' },
    metadata: { spend_logs_metadata: { marginwatch_call_id: STAMP } },
    ...change,
  }
}

const iso = (seconds: unknown) => new Date(Math.floor(Number(seconds) * 1000)).toISOString().replace('Z', '+00:00')

/**
 * The spend-log row that LiteLLM writes for the call of a pushed record, by the rules of its `get_logging_payload`: times cut
 * to milliseconds, flags as Python text, ids and tokens in columns, the rest inside `metadata`.
 */
export function rowOf(record: Json): Json {
  const metadata = record.metadata as Json
  const failed = record.status === 'failure'
  return {
    request_id: record.id,
    litellm_call_id: record.litellm_call_id,
    call_type: record.call_type,
    spend: record.response_cost,
    total_tokens: record.total_tokens,
    prompt_tokens: failed ? 8 : record.prompt_tokens,
    completion_tokens: record.completion_tokens,
    startTime: iso(record.startTime),
    endTime: iso(record.endTime),
    completionStartTime: iso(record.completionStartTime),
    model: record.model,
    model_group: record.model_group,
    custom_llm_provider: record.custom_llm_provider ?? '',
    user: metadata.user_api_key_user_id ?? '',
    cache_hit: record.cache_hit === true ? 'True' : 'None',
    request_tags: record.request_tags,
    end_user: record.end_user ?? '',
    session_id: record.trace_id,
    status: record.status,
    metadata: {
      status: failed ? 'failure' : null,
      usage_object: metadata.usage_object,
      error_information: record.error_information,
      spend_logs_metadata: metadata.spend_logs_metadata,
      user_api_key_alias: metadata.user_api_key_alias,
      user_api_key_user_id: metadata.user_api_key_user_id,
      litellm_call_id: record.litellm_call_id,
      model_map_information: record.model_map_information,
      original_model_group: metadata.original_model_group,
      attempted_fallbacks: metadata.attempted_fallbacks,
    },
  }
}
