import { describe, expect, it } from 'vitest'
import {
  CONTEXT,
  everyPushed,
  NOW,
  pushed,
  pushedBatch,
  rowOf,
  rows,
  slimOf,
  STAMP,
  stamped,
} from '../../../test/support/litellm.ts'
import type { Usage } from '../../usage.ts'
import { type EventContext, eventOf } from './event.ts'
import type { Json } from './read.ts'
import { readRecord } from './record.ts'
import { readRow } from './row.ts'

const fromRecord = (record: Json, context: EventContext = CONTEXT): Usage => eventOf(readRecord(record), context).usage
const fromRow = (row: Json, context: EventContext = CONTEXT): Usage => eventOf(readRow(row), context).usage
describe('a record that LiteLLM 1.106.2 pushed', () => {
  it('becomes an event with the customer, the session that the client named, and the cost to the nano-dollar', () => {
    expect(fromRecord(pushed('hdrs'))).toMatchObject({
      key: 'litellm:my-call-id-1:chatcmpl-5cc0f09b-193a-487e-89a1-4251c96c0fbd',
      customer: 'hdr-cust',
      session: 'trace-hdr-00001',
      user: null,
      operation: 'f1',
      callType: 'chat',
      modelAsked: 'gpt-4o',
      model: 'gpt-4o',
      provider: 'openai',
      status: 'success',
      basis: 'gateway',
      cost: 225_000n,
      tokens: { input: 10, output: 20 },
      start: 1795342122052,
      durationMs: 6,
      ttftMs: null,
      finishReason: 'stop',
      metadata: { tags: 't1,t2' },
    })
  })

  it.each([
    [
      'claude_up_cache',
      { input: 500, cache_read: 4000, cache_write_5m: 600, cache_write_1h: 400, output: 120 },
      9_150_000n,
    ],
    [
      'claude_stream_cache',
      { input: 500, cache_read: 4000, cache_write_5m: 600, cache_write_1h: 400, output: 120 },
      9_150_000n,
    ],
    [
      'anthropic_messages',
      { input: 500, cache_read: 4000, cache_write_5m: 600, cache_write_1h: 400, output: 120 },
      9_150_000n,
    ],
    ['up_nonstream_cached_reasoning', { input: 500, cache_read: 1500, output: 100, reasoning: 200 }, 6_125_000n],
    ['stream_up_usage', { input: 500, cache_read: 1500, output: 100, reasoning: 200 }, 6_125_000n],
    ['embeddings', { input: 10 }, 25_000n],
    ['responses', { input: 36, output: 87 }, 768_000n],
    ['degrade', { input: 10, output: 20 }, 13_500n],
  ])('counts tokens once a class and keeps the cost: %s', (name, tokens, cost) => {
    expect(fromRecord(pushed(name))).toMatchObject({ tokens, cost, basis: 'gateway' })
  })

  it.each([
    ['stream_up_usage', 1304, 994],
    ['stream_mock', 982, 380],
    ['claude_up_cache', 14, null],
  ])('takes duration and time to first token from the moments: %s', (name, durationMs, ttftMs) => {
    expect(fromRecord(pushed(name))).toMatchObject({ durationMs, ttftMs })
  })

  it.each([
    ['ok_user', 'sess-meta-0001'],
    ['body_ids', 'sess-body-00001'],
    ['hdr_sess_only', 'sess-hdr-000002'],
    ['fail_mock_429', 'sess-fail-0001'],
    ['up_nonstream_cached_reasoning', null],
    ['responses', null],
  ])('knows a session only when the client named it: %s', (name, session) => {
    expect(fromRecord(pushed(name)).session).toBe(session)
  })

  it.each([
    ['fail_badkey', 'rejected', 'ProxyException'],
    ['fail_badmodel', 'rejected', 'ProxyModelNotFoundError'],
    ['fail_conn', 'failed', 'InternalServerError'],
    ['fail_mock_429', 'failed', 'RateLimitError'],
    ['fail_mock_500', 'failed', 'InternalServerError'],
    ['fail_up429', 'failed', 'RateLimitError'],
  ])('says whose doing a failure was: %s', (name, status, errorClass) => {
    expect(fromRecord(pushed(name))).toMatchObject({ status, errorClass, cost: 0n, basis: 'gateway', tokens: {} })
  })

  it('lets nothing of prompts, answers, keys or clients through', () => {
    for (const { name, record } of [...everyPushed(), ...pushedBatch().map((record) => ({ name: 'batch', record }))]) {
      const said = {
        ...record,
        messages: [{ content: 'WHISPER' }],
        response: { ...(record.response as Json), WHISPER: 'WHISPER' },
      }
      const text = JSON.stringify(fromRecord(said), (_, value) => (typeof value === 'bigint' ? String(value) : value))
      expect(text, name).not.toMatch(/WHISPER|curl|127\.0\.0\.1|mocked|traceback/i)
    }
  })

  it('reads names of called tools and the size of vectors, and nothing more of an answer', () => {
    const choices = [
      {
        finish_reason: 'tool_calls',
        message: { tool_calls: [{ function: { name: 'run_sql', arguments: 'secret' } }] },
      },
    ]
    const event = fromRecord({ ...pushed('hdrs'), response: { choices, data: [{ embedding: [0.1, 0.2, 0.3] }] } })
    expect(event).toMatchObject({ tools: ['run_sql'], finishReason: 'tool_calls', dimensions: 3 })
  })
})

describe('a row of the spend log', () => {
  it('becomes the event that the pushed record of the same call becomes', () => {
    for (const { name, record } of everyPushed()) {
      const [a, b] = [fromRecord(record), fromRow(rowOf(record))]
      for (const field of [
        'key',
        'customer',
        'status',
        'cost',
        'basis',
        'tokens',
        'model',
        'provider',
        'callType',
        'errorClass',
        'errorMessage',
      ] as const)
        expect(b[field], `${name}: ${field}`).toEqual(a[field])
    }
  })

  it('has the key of the record also for a cache hit, whose id carries the time of each report', () => {
    const hit = { ...pushed('hdrs'), cache_hit: true, response_cost: 0, saved_cache_cost: 0.000225 }
    const record = { ...hit, id: 'chatcmpl-1_cache_hit1795342122.1234' }
    const row = { ...rowOf(hit), request_id: 'chatcmpl-1_cache_hit1795342122.9876' }
    expect(fromRow(row).key).toBe(fromRecord(record).key)
    expect(fromRecord(record)).toMatchObject({ cacheHit: true, cost: 0n, basis: 'cached', saved: 225_000n, tokens: {} })
    expect(fromRow(row)).toMatchObject({ cacheHit: true, cost: 0n, basis: 'cached', tokens: {} })
  })

  it('reads the real rows: customer, session, cost, status', () => {
    const real = rows('spend_logs_v2')
    const events = real.map((row) => fromRow(row))
    expect(new Set(events.map((event) => event.key)).size).toBe(22)
    expect(events.filter((event) => event.status === 'rejected').every((event) => event.session === null)).toBe(true)
    expect(events.find((event) => event.customer === 'beta')).toMatchObject({
      session: 'sess-beta-00001',
      cost: 220_000n,
      keyAlias: 'app-key',
    })
    const dollars = real.reduce((sum, row) => sum + Math.round(Number(row.spend) * 1e9), 0)
    expect(events.reduce((sum, event) => sum + (event.cost ?? 0n), 0n)).toBe(BigInt(dollars))
  })

  it('knows what our hook did: a block, and the model that was asked for before a degrade', () => {
    expect(fromRow(rows('spend_logs_v2_block_402')[0] as Json)).toMatchObject({
      status: 'blocked',
      customer: 'block_402-10f381',
    })
    expect(fromRow(rows('spend_logs_v2_degrade')[0] as Json)).toMatchObject({
      modelAsked: 'gpt-4o',
      model: 'gpt-4o-mini',
      status: 'success',
    })
  })

  it('knows a stream by its first token coming clearly before its end', () => {
    expect(fromRow(rowOf(pushed('stream_up_usage')))).toMatchObject({ stream: true, ttftMs: 994 })
    for (const row of rows('spend_logs_v2_failures')) expect(fromRow(row).stream).toBe(false)
  })

  it('takes metadata and tags that an older version wrote as text', () => {
    const row = rowOf(pushed('hdrs'))
    const older = {
      ...row,
      metadata: JSON.stringify(row.metadata),
      request_tags: JSON.stringify(row.request_tags),
      spend: '0.000225',
    }
    expect(fromRow(older)).toEqual(fromRow(row))
  })
})

describe('a slim record of our gateway', () => {
  it('becomes the event that the whole record of the same call becomes, to the last field', () => {
    for (const { name, record } of everyPushed()) expect(fromRecord(slimOf(record)), name).toEqual(fromRecord(record))
  })

  it('says by itself what the answer would say: why it ended, what it called, how long a vector is', () => {
    const flat = {
      finish_reason: 'tool_calls',
      tools: ['run_sql', 'run_sql', 'send', 7, {}, 'sk-abcdef123456'],
      dimensions: 1536,
      context_window: 8192,
    }
    const event = fromRecord({ ...slimOf(pushed('hdrs')), ...flat, model: 'openai/brand-new' })
    expect(event).toMatchObject({
      finishReason: 'tool_calls',
      tools: ['run_sql', 'send', '7'],
      dimensions: 1536,
      contextWindow: 8192,
    })
  })

  it('is estimated from the lengths that the gateway measured when the answer came without usage', () => {
    const { prompt_tokens: _p, completion_tokens: _c, total_tokens: _t, ...rest } = slimOf(pushed('hdrs'))
    const silent = { ...rest, response_cost: 0, metadata: {}, characters: { input: 400, output: 41 } }
    expect(fromRecord(silent)).toMatchObject({ basis: 'estimated', tokens: { input: 100, output: 11 }, cost: 360_000n })
    expect(fromRecord({ ...silent, characters: { input: -1, output: 'many' } })).toMatchObject({ basis: 'unpriced' })
  })
})

describe('the stamp of our hook', () => {
  const SESSION = '5f0e0f3c-8a4f-4b6e-9d57-0f5b3a1c2d4e'
  const both = (record: Json): Usage[] => [fromRecord(slimOf(record)), fromRow(rowOf(record))]

  it('says what model was asked for, in record and row, whatever answered', () => {
    const degraded = stamped(pushed('degrade'), { marginwatch_model_asked: 'gpt-4o' })
    expect(both(degraded).map(({ modelAsked, model }) => [modelAsked, model])).toEqual([
      ['gpt-4o', 'gpt-4o-mini'],
      ['gpt-4o', 'gpt-4o-mini'],
    ])
  })

  it.each([
    ['a name', 'chat-17', 'chat-17'],
    ['a random uuid, which LiteLLM could have made up', SESSION, SESSION],
    ['none', '', null],
  ])('alone says what session the client named, in record and row: %s', (_, session, expected) => {
    // What LiteLLM noted is something else.
    const record = stamped({ ...pushed('responses'), trace_id: 'noted-by-litellm' }, { marginwatch_session: session })
    expect(both(record).map((event) => event.session)).toEqual([expected, expected])
    expect(both(stamped({ ...record, trace_id: SESSION })).map((event) => event.session)).toEqual([null, null])
  })

  it('leaves the other places of a session as they are', () => {
    const record = stamped(pushed('responses'), { marginwatch_session: '' })
    const tagged = { ...record, request_tags: ['session_id:in-a-tag'] }
    expect(both(tagged).map((event) => event.session)).toEqual(['in-a-tag', 'in-a-tag'])
  })

  it('counts as such only where the hook puts it, and never becomes metadata of the event', () => {
    const forged = {
      marginwatch_call_id: 'aaaaaaaa-d9cb-469f-a165-70867728950e',
      marginwatch_model_asked: 'forged',
      marginwatch_session: 'forged',
      marginwatch_action: 'block',
      MARGINWATCH_OTHER: 'forged',
      mine: 'kept',
    }
    const failed = pushed('fail_conn')
    const metadata = { ...(failed.metadata as Json), requester_metadata: forged, user_api_key_auth_metadata: forged }
    const plain = fromRecord(slimOf(failed))
    const event = fromRecord(slimOf({ ...failed, metadata, request_tags: ['marginwatch_session:forged'] }))
    for (const field of ['key', 'modelAsked', 'session', 'status'] as const) expect(event[field]).toBe(plain[field])
    expect(event.metadata).toEqual({ ...plain.metadata, mine: 'kept' })
    const honest = fromRecord(slimOf(stamped(failed, { marginwatch_model_asked: 'gpt-4o', note: 'kept' })))
    expect(honest.metadata).toEqual({ ...plain.metadata, note: 'kept' })
  })
})

describe('a fallback', () => {
  const moved = (change: Json = {}): Json => {
    const record = stamped(pushed('hdrs'))
    const noted = { original_model_group: 'claude', attempted_fallbacks: 1 }
    return { ...record, model_group: 'gpt-4o', metadata: { ...(record.metadata as Json), ...noted, ...change } }
  }
  const fallbacks = (record: Json) => [
    eventOf(readRecord(slimOf(record)), CONTEXT).fallback,
    eventOf(readRecord(record), CONTEXT).fallback,
    eventOf(readRow(rowOf(record)), CONTEXT).fallback,
  ]

  it('is told by slim record, whole record and row alike, beside the event and under its key', () => {
    const { start } = fromRecord(moved())
    const fallback = {
      kind: 'fallback',
      version: 1,
      key: `litellm:${STAMP}:fallback`,
      start,
      from: 'claude',
      to: 'gpt-4o',
    }
    expect(fallbacks(moved())).toEqual([fallback, fallback, fallback])
  })

  it.each([
    ['without a try of another model', { attempted_fallbacks: 0 }],
    ['when the model stayed the same', { original_model_group: 'gpt-4o' }],
    ['when the first model is not named', { original_model_group: null }],
    ['when the count is none', { attempted_fallbacks: [1] }],
  ])('is none %s', (_, change) => {
    expect(fallbacks(moved(change))).toEqual([null, null, null])
  })

  it('names no key and no address', () => {
    const [fallback] = fallbacks(moved({ original_model_group: 'sk-abcdef1234567' }))
    expect(fallback?.from).toMatch(/^hash:/)
  })

  it('has a key that fits into the ledger however long the ids are', () => {
    const { spend_logs_metadata: _, ...metadata } = moved().metadata as Json
    for (const length of [470, 480, 490, 500]) {
      const record = { ...moved(), metadata, litellm_call_id: 'c', id: 'x'.repeat(length) }
      const keys = new Set(fallbacks(record).map((fallback) => fallback?.key))
      expect(keys.size).toBe(1)
      for (const key of keys) expect(key?.length).toBeLessThanOrEqual(512)
    }
  })
})

describe('what makes a call the same call', () => {
  it('is the id that our hook stamped on it', () => {
    expect(fromRecord(stamped(pushed('hdrs'))).key).toBe(`litellm:${STAMP}`)
    expect(fromRow(rowOf(stamped(pushed('hdrs')))).key).toBe(`litellm:${STAMP}`)
    expect(
      fromRecord({ ...pushed('hdrs'), metadata: { spend_logs_metadata: { marginwatch_call_id: 'x' } } }).key,
    ).toContain('my-call-id-1')
  })

  it('never joins a try that failed with the success that a retry then had', () => {
    for (const prepare of [(record: Json) => record, (record: Json) => stamped(record)]) {
      const success = prepare({ ...pushed('hdrs'), litellm_call_id: 'c' })
      const tried = prepare({ ...pushed('fail_up429'), litellm_call_id: 'c' })
      expect(fromRecord(tried).key).not.toBe(fromRecord(success).key)
      expect(fromRow(rowOf(tried)).key).toBe(fromRecord(tried).key)
    }
  })

  it('tells two paid calls apart on which a client put one call id', () => {
    const first = { ...pushed('hdrs'), litellm_call_id: 'fixed-1' }
    expect(fromRecord({ ...first, id: 'chatcmpl-2' }).key).not.toBe(fromRecord(first).key)
    const answer = { ...first, id: 'resp_2' }
    expect(fromRecord({ ...answer, prompt_tokens: 11 }).key).not.toBe(fromRecord(answer).key)
  })

  it('does not depend on how the id of a response was encrypted', () => {
    expect(fromRow({ ...rowOf(pushed('responses')), request_id: 'resp_other' }).key).toBe(
      fromRecord(pushed('responses')).key,
    )
  })

  it('keeps what an earlier try was charged apart from the call itself', () => {
    const row = rowOf(stamped(pushed('fail_conn')))
    expect(fromRow({ ...row, litellm_call_id: 'c-attempt-0' }).key).not.toBe(
      fromRow({ ...row, litellm_call_id: 'c' }).key,
    )
  })

  it('fits into the ledger however long the ids are', () => {
    const key = fromRecord({ ...pushed('hdrs'), id: 'x'.repeat(590) }).key
    expect(key.length).toBeLessThanOrEqual(512)
    expect(key).not.toBe(fromRecord({ ...pushed('hdrs'), id: 'x'.repeat(591) }).key)
  })
})

describe('what a call cost', () => {
  const free = { ...pushed('hdrs'), response_cost: 0, cost_breakdown: null }

  it("is the price book's when the gateway has no price, and unknown when nobody has one", () => {
    expect(fromRecord(free)).toMatchObject({ cost: 225_000n, basis: 'priced' })
    expect(fromRecord({ ...free, model: 'openai/llama-local' })).toMatchObject({ cost: 0n, basis: 'free' })
    expect(fromRecord({ ...free, model: 'openai/brand-new' })).toMatchObject({
      cost: null,
      basis: 'unpriced',
      tokens: { input: 10, output: 20 },
    })
  })

  it('is estimated from the length of the texts when the answer came without usage', () => {
    const silent = {
      ...free,
      prompt_tokens: 0,
      completion_tokens: 0,
      metadata: { usage_object: null },
      messages: [{ role: 'user', content: 'x'.repeat(400) }],
      response: { choices: [{ message: { content: 'y'.repeat(41) } }] },
    }
    expect(fromRecord(silent)).toMatchObject({ basis: 'estimated', tokens: { input: 100, output: 11 }, cost: 360_000n })
    expect(eventOf(readRecord(silent), CONTEXT).remarks).toEqual(['estimated'])
    const hidden = { ...silent, messages: [{ role: 'user', content: 'redacted-by-litellm' }] }
    expect(fromRecord(hidden)).toMatchObject({ basis: 'unpriced', cost: null, tokens: {} })
  })

  it('is nothing in the development profile', () => {
    const development = { ...CONTEXT, development: true }
    expect(fromRecord(pushed('hdrs'), development)).toMatchObject({
      cost: 0n,
      basis: 'free',
      tokens: { input: 10, output: 20 },
    })
    expect(fromRow(rows('spend_logs_v2_failures')[0] as Json, development)).toMatchObject({ cost: 0n, basis: 'free' })
  })

  it("is LiteLLM's own estimate for a stream that the client left", () => {
    const left = {
      ...pushed('stream_mock'),
      error_information: { error_code: '499', error_class: 'ClientDisconnected' },
    }
    expect(fromRecord(left)).toMatchObject({ status: 'cancelled', basis: 'estimated', cost: 170_000n })
  })

  it('of a cache hit is nothing, and what it saved comes from the price book when the gateway does not say', () => {
    expect(fromRecord({ ...free, cache_hit: true })).toMatchObject({ cost: 0n, basis: 'cached', saved: 225_000n })
    expect(fromRecord({ ...free, cache_hit: true, model: 'openai/brand-new' })).toMatchObject({
      cost: 0n,
      basis: 'cached',
      saved: null,
    })
  })
})

describe('a start in the future', () => {
  it('is dated at arrival and remarked, unless the clocks merely differ', () => {
    const soon = { ...pushed('hdrs'), startTime: NOW / 1000 + 299 }
    expect(fromRecord(soon).start).toBe(NOW + 299_000)
    const late = eventOf(readRecord({ ...pushed('hdrs'), startTime: NOW / 1000 + 301 }), CONTEXT)
    expect(late.usage.start).toBe(NOW)
    expect(late.remarks).toEqual(['future'])
  })
})

describe('an absurd record', () => {
  it.each([
    [{ prompt_tokens: -1 }, 'prompt_tokens is -1, expected a whole number from 0 to 1000000000'],
    [{ prompt_tokens: 1.5 }, 'prompt_tokens is 1.5, expected'],
    [{ completion_tokens: 2e9 }, 'completion_tokens is 2000000000, expected'],
    [{ completion_tokens: 'many words of an answer' }, 'completion_tokens is a text of 23 characters, expected'],
    [{ metadata: { usage_object: { prompt_tokens_details: { cached_tokens: -5 } } } }, 'cached_tokens is -5, expected'],
    [{ response_cost: -0.1 }, 'response_cost is -0.1, expected dollars from 0 to 1000000'],
    [{ response_cost: 1_000_001 }, 'response_cost is 1000001, expected'],
    [{ response_cost: 'free' }, 'response_cost is a text of 4 characters, expected'],
    [{ startTime: null }, 'startTime is null, expected seconds since 1970 or an ISO time'],
    [{ startTime: 'yesterday' }, 'startTime is a text of 9 characters, expected'],
    [{ startTime: 1e20 }, 'startTime is 100000000000000000000, expected'],
    [{ startTime: -9e15 }, 'startTime is -9000000000000000, expected seconds since 1970 or an ISO time'],
    [{ startTime: 0 }, 'startTime is 1970-01-01T00:00:00.000Z, expected a time after 2020'],
    [{ id: null, litellm_call_id: '' }, 'litellm_call_id and id are absent, expected one of them'],
  ])('is refused with the field, what was found and what was expected: %j', (change, reason) => {
    expect(() => fromRecord({ ...pushed('hdrs'), ...change })).toThrow(reason)
  })

  it.each(['constructor', '__proto__', 'toString'])(
    'may use a name that means something to the language: %s',
    (name) => {
      const record = { ...pushed('hdrs'), model: name, custom_llm_provider: name, call_type: name, end_user: name }
      expect(fromRecord(record)).toMatchObject({ model: name, provider: name, callType: name, customer: name })
    },
  )

  it('is tolerated where only its form differs: numbers as text, times as text, unknown fields', () => {
    const drifted = {
      ...pushed('hdrs'),
      prompt_tokens: '10',
      response_cost: '0.00022500000000000002',
      startTime: '2026-11-22T10:08:42.052Z',
      endTime: 1795342122058,
      brand_new: { a: 1 },
    }
    expect(fromRecord(drifted)).toEqual(fromRecord(pushed('hdrs')))
  })
})
