import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Call } from '../call.ts'
import { createTraffic } from '../traffic.ts'
import { pushRecords } from './push.ts'
import { spendRow } from './row.ts'

function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../fixtures/litellm-1.106.2/${name}`, import.meta.url), 'utf8')) as T
}

type Json = Readonly<Record<string, unknown>>
/** What the real LiteLLM 1.106.2 posted, by the kind of call. */
const PUSHED = fixture<Readonly<Record<string, Json>>>('push.json')
/** What its `/spend/logs/v2` answered. */
const ROWS = fixture<readonly Json[]>('rows.json')

const FROM = Date.UTC(2026, 10, 2)
const calls = [...createTraffic({ seed: 3 }).calls(FROM, FROM + 36 * 3_600_000)]

/** Places whose keys are up to the client, the provider or the kind of call; their inside is not compared. */
const FREE = new Set([
  'metadata.requester_metadata',
  'metadata.requester_custom_headers',
  'metadata.spend_logs_metadata',
  'model_parameters',
  'response',
  'messages',
  'hidden_params.additional_headers',
])

type Shape = Map<string, Set<string>>

/** Every path of a value with the types seen there. */
function learn(shape: Shape, value: unknown, path = ''): Shape {
  const types = shape.get(path) ?? new Set<string>()
  shape.set(path, types.add(typeOf(value)))
  if (FREE.has(path)) return shape
  if (Array.isArray(value)) for (const item of value) learn(shape, item, `${path}[]`)
  else if (typeof value === 'object' && value !== null)
    for (const [key, inner] of Object.entries(value)) learn(shape, inner, path === '' ? key : `${path}.${key}`)
  return shape
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

function learnAll(values: Iterable<unknown>): Shape {
  const shape: Shape = new Map()
  for (const value of values) learn(shape, value)
  return shape
}

/**
 * Types that are not in these captures but were seen from this version: with the response cache on, with virtual keys, and
 * (in the rows) of native budget rejections.
 */
const ALSO: Readonly<Record<string, string>> = {
  cache_hit: 'boolean',
  cache_key: 'string',
  'hidden_params.cache_key': 'string',
  'hidden_params.litellm_overhead_time_ms': 'number',
  end_user: 'null',
  'metadata.user_api_key_alias': 'string',
  'metadata.user_api_key_end_user_id': 'null',
  'error_information.error_rate_limit_type': 'string',
  'error_information.error_budget_entity_type': 'string',
  'error_information.error_budget_entity_id': 'string',
  'error_information.error_budget_limit': 'number',
  'error_information.error_budget_spend': 'number',
}

/** What a made shape has that the real one has not. */
function strangers(made: Shape, real: Shape): string[] {
  const found: string[] = []
  for (const [path, types] of made) {
    for (const type of types) {
      if (!real.get(path)?.has(type) && ALSO[path] !== type && !path.includes('model_map_value'))
        found.push(`${path}: ${type}`)
    }
  }
  return found
}

describe('push records', () => {
  test('have no key and no type that the real ones do not have', () => {
    const made = learnAll(calls.flatMap((call) => pushRecords(call)))
    expect(strangers(made, learnAll(Object.values(PUSHED)))).toEqual([])
  })

  test('have every key that all the real ones have', () => {
    const always = keysOfAll(Object.values(PUSHED))
    const missing = new Set<string>()
    for (const record of calls.slice(0, 500).flatMap((call) => pushRecords(call, { slim: true }))) {
      const made = learn(new Map(), record)
      for (const path of always) if (!made.has(path)) missing.add(path)
    }
    expect(missing).toEqual(new Set())
    expect(always.size).toBeGreaterThan(100)
  })

  /** A real record beside a made one of the same kind: the same keys in the same order in each part of fixed form. */
  const PAIRS: Readonly<Record<string, (call: Call) => boolean>> = {
    up_nonstream_cached_reasoning: (call) =>
      call.model?.provider === 'gemini' && !call.stream && call.tokens.cacheRead > 0 && call.tokens.reasoning > 0,
    stream_up_usage: (call) =>
      call.model?.provider === 'gemini' && call.stream && call.tokens.cacheRead > 0 && call.tokens.reasoning > 0,
    claude_up_cache: (call) =>
      call.model?.provider === 'anthropic' && !call.stream && call.tokens.cacheRead > 0 && call.tokens.cacheWrite1h > 0,
    claude_stream_cache: (call) =>
      call.model?.provider === 'anthropic' && call.stream && call.tokens.cacheRead > 0 && call.tokens.cacheWrite1h > 0,
    embeddings: (call) => call.callType === 'aembedding' && call.outcome === 'success',
    ok_user: (call) => call.model?.provider === 'hosted_vllm' && !call.stream && call.outcome === 'success',
    fail_up429: (call) => call.failure === 'rate_limit',
    fail_mock_500: (call) => call.failure === 'server_error',
    fail_conn: (call) => call.failure === 'connection',
    fail_badmodel: (call) => call.failure === 'unknown_model',
    fail_badkey: (call) => call.failure === 'bad_key',
  }
  test.each(Object.entries(PAIRS))('a call like the captured %s has its keys', (name, matches) => {
    const call = calls.find((one) => one.attempts.length === 0 && !one.aborted && !one.cacheHit && matches(one))
    if (!call) throw new Error(`no call like ${name}`)
    const made = pushRecords(call)[0] as unknown as Json
    const real = PUSHED[name] ?? {}
    expect(Object.keys(made)).toEqual(Object.keys(real))
    for (const part of ['status_fields', 'metadata', 'hidden_params', 'error_information', 'model_map_information'])
      expect([part, keysOf(made[part])]).toEqual([part, keysOf(real[part])])
    expect(keysOf(made.cost_breakdown).sort()).toEqual(keysOf(real.cost_breakdown).sort())
    const usage = (record: Json) => (record.metadata as Json).usage_object
    expect([...learn(new Map(), usage(made)).keys()].sort()).toEqual([...learn(new Map(), usage(real)).keys()].sort())
  })

  test('a known model carries the whole price entry that the real ones carry', () => {
    const real = (PUSHED.claude_up_cache as { model_map_information: Json }).model_map_information.model_map_value
    const call = calls.find((one) => one.model?.group === 'claude-sonnet')
    const made = call && pushRecords(call).at(-1)?.model_map_information.model_map_value
    expect(made).toEqual(real)
  })
})

describe('rows', () => {
  test('have no key and no type that the real ones do not have', () => {
    const made = learnAll(calls.map((call) => spendRow(call)))
    const real = learnAll(ROWS)
    const known = strangers(made, real).filter((path) => !STREAMED.has(path))
    expect(known).toEqual([])
  })

  test('have every key that all the real ones have, in the same order', () => {
    const call = calls.find((one) => one.outcome === 'success')
    if (!call) throw new Error('no success')
    const row = spendRow(call)
    expect(Object.keys(row)).toEqual(Object.keys(ROWS[0] ?? {}))
    expect(Object.keys(row.metadata).sort()).toEqual(keysOf(ROWS[0]?.metadata).sort())
  })
})

/** No row of a stream was captured; its usage is that of the push record, which was. */
const STREAMED = new Set(
  ['metadata.usage_object', 'metadata.additional_usage_values'].flatMap((at) =>
    [
      ...['accepted_prediction_tokens', 'rejected_prediction_tokens', 'audio_tokens'].map((key) => `${key}: null`),
      ...['text_tokens', 'image_tokens', 'video_tokens'].map((key) => `${key}: null`),
    ].flatMap((key) => [`${at}.completion_tokens_details.${key}`, `${at}.prompt_tokens_details.${key}`]),
  ),
).add('metadata.usage_object.cost: number')

/** Paths that are in each of the values. */
function keysOfAll(values: readonly unknown[]): Set<string> {
  const [first = new Map(), ...others] = values.map((value) => learn(new Map(), value))
  return new Set([...first.keys()].filter((path) => others.every((shape) => shape.has(path))))
}

function keysOf(value: unknown): string[] {
  return typeof value === 'object' && value !== null ? Object.keys(value) : []
}
