import { describe, expect, it } from 'vitest'
import { ATTRIBUTION, CONTEXT, NOW, STAMP } from '../../../test/support/litellm.ts'
import { UNATTRIBUTED } from '../../usage.ts'
import type { Json } from '../litellm/read.ts'
import { observe } from './observation.ts'
import { readRow, type TraceContext } from './row.ts'
import { readScore } from './score.ts'
import { takeBack } from './take-back.ts'
import { tokensOf, totalOf } from './tokens.ts'
import { usageOf } from './usage.ts'

const AT = NOW - 3_600_000
const iso = (at: number) => new Date(at).toISOString()

/** A row of `/v2/observations` as Langfuse 4.16 gives it for a call. */
const ROW: Json = {
  id: 'obs-1',
  traceId: '0af7651916cd43dd8448eb211c80319c',
  startTime: iso(AT),
  endTime: iso(AT + 1500),
  projectId: 'p1',
  parentObservationId: null,
  type: 'GENERATION',
  name: 'answer',
  level: 'DEFAULT',
  statusMessage: '',
  version: '',
  environment: 'production',
  userId: 'acme',
  sessionId: 'chat-1',
  isRootObservation: true,
  completionStartTime: iso(AT + 400),
  createdAt: iso(AT + 2000),
  updatedAt: iso(AT + 2000),
  model: 'gpt-4o',
  internalModelId: null,
  modelParameters: { temperature: 0.2 },
  usageDetails: { input: 1000, output: 100, total: 1100 },
  costDetails: { input: 0.0025, output: 0.001, total: 0.0035 },
  totalCost: 0.0035,
  promptName: 'greeting',
  promptVersion: 3,
  latency: 1.5,
  timeToFirstToken: 0.4,
  tags: ['plan_tier:pro'],
  release: '',
  traceName: 'checkout',
  metadata: {},
}

const seen = (change: Json = {}, trace: TraceContext | null = null) =>
  observe(readRow({ ...ROW, ...change }, trace), 'p1', ATTRIBUTION)
const observed = (change: Json = {}) => seen(change).observation
const spent = (change: Json = {}) => usageOf(seen(change), CONTEXT)

describe('an observation', () => {
  it('is read as Langfuse gives it', () => {
    expect(observed()).toEqual({
      kind: 'observation',
      version: 1,
      key: expect.stringMatching(/^langfuse:p1:obs-1:[\w-]{16}$/),
      source: 'langfuse',
      project: 'p1',
      id: 'obs-1',
      call: null,
      what: 'call',
      name: 'answer',
      start: AT,
      durationMs: 1500,
      ttftMs: 400,
      status: 'success',
      trace: '0af7651916cd43dd8448eb211c80319c',
      session: 'chat-1',
      customer: 'acme',
      model: 'gpt-4o',
      environment: 'production',
      promptName: 'greeting',
      promptVersion: '3',
      tokens: 1100,
      cost: 3_500_000n,
    })
  })

  it('has nothing where there is an empty text, whatever Langfuse writes for nothing', () => {
    const empty = {
      userId: '',
      sessionId: '',
      model: '',
      promptName: '',
      environment: 'default',
      traceName: null,
      tags: [],
    }
    const found = observed({ ...empty, usageDetails: {}, costDetails: {}, totalCost: 0, completionStartTime: null })
    expect(found).toMatchObject({ customer: null, session: null, model: null, promptName: null, environment: null })
    expect(found).toMatchObject({ tokens: null, cost: null })
  })

  it.each([
    ['cost of 0 where nobody had one', { costDetails: {}, totalCost: 0 }, null],
    ['cost of 0 that somebody sent', { costDetails: { total: 0 }, totalCost: 0 }, 0n],
    ['cost as text', { costDetails: { total: '0.000225' }, totalCost: '0.000225' }, 225_000n],
    ['cost of an old server', { costDetails: undefined, totalCost: undefined, calculatedTotalCost: 0.5 }, 500_000_000n],
    ['parts without a total', { costDetails: { input: 0.1, tools: 0.2 }, totalCost: 0 }, null],
  ])('has of a %s what it is', (_, change, cost) => {
    expect(observed(change).cost).toBe(cost)
  })

  it('takes numbers that are texts', () => {
    const texts = {
      usageDetails: { input: '1000', output: '100', total: '1100' },
      latency: '1.5',
      timeToFirstToken: '0.4',
    }
    expect(observed({ ...texts, costDetails: { total: '0.0035' } })).toMatchObject({
      tokens: 1100,
      cost: 3_500_000n,
      durationMs: 1500,
    })
  })

  it('finds the model under either of its names', () => {
    const { model: _, ...without } = ROW
    expect(
      observe(readRow({ ...without, providedModelName: 'openai/gpt-4o' }), 'p1', ATTRIBUTION).observation.model,
    ).toBe('gpt-4o')
  })

  it('takes latencies for seconds, and only where the moments are missing', () => {
    expect(observed({ endTime: null, completionStartTime: null })).toMatchObject({ durationMs: 1500, ttftMs: 400 })
    expect(observed({ latency: 99, timeToFirstToken: 99 })).toMatchObject({ durationMs: 1500, ttftMs: 400 })
    expect(observed({ endTime: null, latency: null })).toMatchObject({ durationMs: null })
  })

  it('of a clock that was set has no duration', () => {
    expect(observed({ endTime: iso(AT - 5000), completionStartTime: iso(AT - 1) })).toMatchObject({
      durationMs: null,
      ttftMs: null,
    })
  })

  it.each<[string, Json, string]>([
    ['a generation', {}, 'call'],
    ['an embedding', { type: 'EMBEDDING' }, 'call'],
    ['a span of an older LiteLLM', { type: 'SPAN' }, 'call'],
    ['a tool of an older LiteLLM, whose call offered some', { type: 'TOOL' }, 'call'],
    ['a run of a tool', { type: 'TOOL', model: '', usageDetails: {}, costDetails: {}, totalCost: 0 }, 'tool'],
    ['a root, which costs 0', { type: 'SPAN', model: '', usageDetails: {}, costDetails: {}, totalCost: 0 }, 'step'],
    ['a step that costs something', { type: 'SPAN', model: '', usageDetails: {} }, 'call'],
    ['an agent that adds up what is below it', { type: 'AGENT', model: '' }, 'step'],
    ['an agent that names its model', { type: 'AGENT', usageDetails: {}, costDetails: {}, totalCost: 0 }, 'step'],
  ])('is %s: a %s', (_, change, what) => {
    expect(observed(change).what).toBe(what)
  })

  it('has another key when it says something else, or the same again later', () => {
    const keys = [{}, { name: 'other' }, { updatedAt: iso(AT + 9000) }, { costDetails: {}, totalCost: 0 }]
    expect(new Set(keys.map((change) => observed(change).key)).size).toBe(4)
    expect(observed({ input: 'never asked for', bookmarked: true }).key).toBe(observed().key)
  })

  it('never holds an address or a key', () => {
    const secret = {
      userId: 'a@b.example',
      sessionId: 'sk-1234567890',
      name: 'mail to a@b.example',
      traceId: 'a@b.example',
    }
    expect(JSON.stringify(observed(secret), (_, v) => (typeof v === 'bigint' ? String(v) : v))).not.toMatch(
      /b\.example|sk-12/,
    )
  })

  it.each([
    [{ id: '' }, 'id is absent'],
    [{ startTime: 'yesterday' }, 'startTime is a text of 9 characters'],
    [{ startTime: '1999-01-01T00:00:00Z' }, 'expected a time after 2020'],
    [{ usageDetails: { input: -1 } }, 'usageDetails.input is -1'],
    [{ costDetails: { total: -3 } }, 'costDetails.total is -3'],
  ])('is refused for %j', (change, reason) => {
    expect(() => seen(change)).toThrow(reason)
  })

  it('of the first version has user, session, name and tags of its trace', () => {
    const old = { userId: undefined, sessionId: undefined, tags: undefined, traceName: undefined }
    const trace = { user: 'acme', session: 's-9', name: 'checkout', tags: ['query_type:rag'] }
    expect(seen(old, trace).who).toMatchObject({ customer: 'acme', session: 's-9', queryType: 'rag' })
  })
})

const LITELLM = {
  user_api_key_alias: 'backend',
  user_api_key_user_id: 'default_user_id',
  user_api_key_end_user_id: 'acme',
  requester_metadata: { query_type: 'rag' },
  spend_logs_metadata: { marginwatch_call_id: STAMP, marginwatch_session: '', marginwatch_model_asked: 'gpt-4o' },
}

describe('the call of an observation', () => {
  const OTHER = '11111111-2222-4333-8444-555555555555'
  it.each<[string, Json]>([
    ['top level', { marginwatch_call_id: STAMP }],
    ['the metadata for the spend log, with dotted keys', { 'spend_logs_metadata.marginwatch_call_id': STAMP }],
    ['the metadata for the spend log, nested', { spend_logs_metadata: { marginwatch_call_id: STAMP } }],
    ['what the client sent', { 'requester_metadata.marginwatch_call_id': STAMP }],
    ['JSON in one key', { 'attributes.metadata': JSON.stringify(LITELLM) }],
    ['JSON that Langfuse has read', { 'attributes.metadata': LITELLM }],
    ['nested JSON of the first version', { attributes: { metadata: JSON.stringify(LITELLM) } }],
    [
      'JSON that was cut off',
      { 'attributes.metadata': `{"spend_logs_metadata": {"a": "b", "marginwatch_call_id": "${STAMP}"}, "x": "cut o` },
    ],
    [
      'what the gateway wrote, over what the client did',
      {
        'requester_metadata.marginwatch_call_id': OTHER,
        'spend_logs_metadata.marginwatch_call_id': STAMP,
      },
    ],
  ])('is found at %s', (_, metadata) => {
    expect(observed({ metadata }).call).toBe(`litellm:${STAMP}`)
    expect(observed({ metadata, level: 'ERROR' }).call).toBe(`litellm:${STAMP}:failed`)
  })

  it('is found by the ids of LiteLLM where it has no stamp', () => {
    const metadata = { litellm_call_id: 'call-1', response_id: 'chatcmpl-1' }
    expect(observed({ metadata }).call).toBe('litellm:call-1:chatcmpl-1')
    expect(observed({ metadata: { ...metadata, response_id: 'resp_abc' } }).call).toBe('litellm:call-1:resp-1100')
    expect(observed({ metadata: { litellm_call_id: 'call-1' }, level: 'ERROR' }).call).toBe('litellm:call-1:failed')
  })

  it.each<Json>([
    {},
    { marginwatch_call_id: 'chosen-by-somebody' },
    { litellm_call_id: 'call-1' },
    { 'attributes.metadata': '{"requester_metadata": {"marginwatch_call_id": "cut' },
  ])('is none for %j', (metadata) => {
    expect(observed({ metadata }).call).toBeNull()
  })
})

describe('a call as spend', () => {
  it('is an event with the book’s cost', () => {
    expect(spent({ metadata: { seats: '12', 'attributes.llm.provider': 'openai', query_type: 'rag' } })).toMatchObject({
      key: 'langfuse:p1:obs-1',
      source: 'langfuse',
      start: AT,
      customer: 'acme',
      tier: 'pro',
      session: 'chat-1',
      operation: 'checkout',
      callType: 'chat',
      queryType: 'rag',
      model: 'gpt-4o',
      provider: 'openai',
      environment: 'production',
      status: 'success',
      stream: true,
      temperature: 0.2,
      tokens: { input: 1000, output: 100 },
      cost: 1000n * 2500n + 100n * 10_000n,
      basis: 'priced',
      contextWindow: 128_000,
      metadata: { seats: '12' },
    })
  })

  it('of a model that the book does not know has Langfuse’s cost as an estimate, else none', () => {
    expect(spent({ model: 'own-model' })).toMatchObject({ cost: 3_500_000n, basis: 'estimated' })
    const none = { costDetails: {}, totalCost: 0 }
    expect(spent({ model: 'own-model', ...none })).toMatchObject({ cost: null, basis: 'unpriced' })
    expect(spent({ model: 'llama-local', ...none })).toMatchObject({ cost: 0n, basis: 'free' })
  })

  it('belongs to nobody where nobody is named, and is never dropped', () => {
    expect(spent({ userId: '', tags: [] }).customer).toBe(UNATTRIBUTED)
  })

  it('that failed costs nothing and has its message without what was said', () => {
    const failed = {
      level: 'ERROR',
      statusMessage: 'bad key sk-1234567890 in {"content": "hush"}',
      usageDetails: {},
      costDetails: {},
    }
    const found = spent({ ...failed, totalCost: 0 })
    expect(found).toMatchObject({ status: 'failed', cost: 0n, tokens: {} })
    expect(found.errorMessage).not.toMatch(/sk-12|hush/)
  })

  it('from the future is dated at arrival', () => {
    expect(spent({ startTime: iso(NOW + 3_600_000), endTime: null }).start).toBe(NOW)
  })

  it('through LiteLLM is whose LiteLLM says, without the session and the user that its callback makes up', () => {
    const made = {
      userId: 'default_user_id',
      sessionId: 'acme',
      tags: [],
      metadata: { 'attributes.metadata': LITELLM },
    }
    expect(spent(made)).toMatchObject({
      customer: 'acme',
      session: null,
      user: null,
      keyAlias: 'backend',
      queryType: 'rag',
    })
    const named = { ...LITELLM, spend_logs_metadata: { ...LITELLM.spend_logs_metadata, marginwatch_session: 'chat-7' } }
    expect(spent({ ...made, metadata: { 'attributes.metadata': named } }).session).toBe('chat-7')
    const unstamped = { ...LITELLM, spend_logs_metadata: {} }
    expect(spent({ ...made, metadata: { 'attributes.metadata': unstamped } }).session).toBeNull()
    expect(spent({ ...made, sessionId: 'chat-8', metadata: { 'attributes.metadata': unstamped } }).session).toBe(
      'chat-8',
    )
    const nobody = { ...LITELLM, user_api_key_end_user_id: '' }
    expect(spent({ ...made, metadata: { 'attributes.metadata': nobody } }).customer).toBe(UNATTRIBUTED)
  })

  it('keeps a session that is a uuid: Langfuse makes up none', () => {
    const session = 'f6e0f3d4-6a5b-4f0e-9b0c-1f2e3d4c5b6a'
    expect(spent({ sessionId: session }).session).toBe(session)
  })

  it('keeps nothing of attributes, where texts of prompts may stand', () => {
    const metadata = {
      'attributes.gen_ai.prompt': 'WHISPERED',
      'scope.name': 'sdk',
      'resourceAttributes.host.name': 'h',
    }
    expect(spent({ metadata }).metadata).toEqual({})
  })
})

describe('a call that the gateway has told of since', () => {
  const COUNTED = {
    seq: 7n,
    key: '#0123',
    call: '#4567',
    start: BigInt(AT),
    source: 'langfuse',
    customer: 'acme',
    tier: 'pro',
    user: '',
    session: 'chat-1',
    agent: '',
    trace: 't',
    operation: 'checkout',
    query_type: 'rag',
    model: 'gpt-4o',
    provider: '',
    environment: 'production',
    status: 'success',
    basis: 'priced',
    input: 800n,
    cache_read: 200n,
    output: 100n,
    reasoning: 0n,
    cost: 3_000_000n,
  }

  it('is taken back whole, under its own names', () => {
    expect(takeBack(COUNTED)).toEqual({
      kind: 'correction',
      version: 1,
      key: 'taken-back:#0123',
      of: '#0123',
      reason: 'the gateway has told of the call by itself',
      by: 'langfuse',
      source: 'langfuse',
      start: AT,
      customer: 'acme',
      tier: 'pro',
      user: null,
      session: 'chat-1',
      agent: null,
      operation: 'checkout',
      queryType: 'rag',
      model: 'gpt-4o',
      provider: null,
      environment: 'production',
      status: 'success',
      basis: 'priced',
      calls: -1,
      tokens: { input: -800, cache_read: -200, output: -100 },
      cost: -3_000_000n,
    })
  })

  it('is taken back from where it stands by now, when it was priced later', () => {
    expect(takeBack({ ...COUNTED, basis: 'unpriced' }).basis).toBe('priced')
    expect(takeBack({ ...COUNTED, basis: 'unpriced', cost: 0n })).toMatchObject({ basis: 'unpriced', cost: 0n })
  })

  it('is not guessed at from another row', () => {
    expect(() => takeBack({ ...COUNTED, start: null })).toThrow('no key, start, cost, status or basis')
  })
})

describe('tokens', () => {
  it.each<[string, Json, object | null, number | null]>([
    [
      'apart, as Langfuse maps them',
      { input: 100, input_cached_tokens: 900, output: 50, output_reasoning_tokens: 30, total: 1080 },
      { input: 100, cache_read: 900, output: 50, reasoning: 30 },
      1080,
    ],
    [
      'an input that holds the cache',
      { input: 1000, cache_read_input_tokens: 900, output: 50, total: 1050 },
      { input: 100, cache_read: 900, output: 50 },
      1050,
    ],
    [
      'LiteLLM’s, which leaves what was written to the cache in the input',
      { input: 3000, cache_read_input_tokens: 1000, cache_creation_input_tokens: 2500, output: 10, total: 4010 },
      { input: 500, cache_read: 1000, cache_write_5m: 2500, output: 10 },
      4010,
    ],
    [
      'an output that holds the reasoning',
      { input: 10, output: 100, output_reasoning_tokens: 80, total: 110 },
      { input: 10, output: 20, reasoning: 80 },
      110,
    ],
    [
      'an hour’s cache',
      { input: 1, input_cache_creation_1h: 5, output: 1 },
      { input: 1, cache_write_1h: 5, output: 1 },
      7,
    ],
    ['a total alone', { total: 42 }, { input: 42 }, 42],
    ['nothing but zeros', { input: 0, output: 0, total: 0 }, {}, 0],
    ['none', {}, null, null],
    ['names of somebody’s own', { my_input: 5, my_output: 6 }, { input: 5, output: 6 }, 11],
    [
      'modalities that repeat the input',
      { input: 100, input_modality_1: 100, output: 5, total: 105 },
      { input: 100, output: 5 },
      105,
    ],
    [
      'kinds that fit no total',
      { input: 10, cache_read_input_tokens: 7, output: 3, total: 12 },
      { input: 10, cache_read: 7, output: 3 },
      12,
    ],
  ])('of %s are disjoint', (_, usage, classes, total) => {
    expect(tokensOf(usage)).toEqual(classes)
    expect(totalOf(usage)).toBe(total)
  })

  it('are not misled by names such as constructor', () => {
    expect(tokensOf({ constructor: 5, input: 1 })).toEqual({ input: 1 })
  })
})

describe('a score', () => {
  const SCORE: Json = {
    id: 's1',
    name: 'helpful',
    dataType: 'NUMERIC',
    value: 0.75,
    timestamp: iso(AT),
    updatedAt: iso(AT),
    subject: { kind: 'observation', id: 'obs-1', traceId: 't1' },
  }
  const read = (change: Json = {}) => readScore({ ...SCORE, ...change }, 'p1', ATTRIBUTION.hash)

  it.each<[string, Json, object]>([
    ['a number', {}, { value: 0.75, category: null, trace: 't1', observation: 'obs-1' }],
    ['a number as text', { value: '0.75' }, { value: 0.75 }],
    ['a yes', { dataType: 'BOOLEAN', value: true }, { value: 1, category: null }],
    [
      'a no of the second version',
      { dataType: 'BOOLEAN', value: 0, stringValue: 'False' },
      { value: 0, category: null },
    ],
    ['a category', { dataType: 'CATEGORICAL', value: 'good' }, { value: null, category: 'good' }],
    [
      'a category of the second version',
      { dataType: 'CATEGORICAL', value: 2, stringValue: 'good' },
      { value: null, category: 'good' },
    ],
    ['of a trace', { subject: { kind: 'trace', id: 't1' } }, { trace: 't1', observation: null }],
    [
      'of the second version',
      { subject: undefined, traceId: 't2', observationId: 'o2' },
      { trace: 't2', observation: 'o2' },
    ],
    ['of a session', { subject: { kind: 'session', id: 'x' } }, { trace: null, observation: null }],
  ])('is %s', (_, change, expected) => {
    expect(read(change)).toMatchObject({ kind: 'score', project: 'p1', id: 's1', name: 'helpful', at: AT, ...expected })
  })

  it('in somebody’s own words is not taken in', () => {
    expect(read({ dataType: 'TEXT', value: 'what I think' })).toBeNull()
    expect(read({ dataType: 'CORRECTION', value: 'better: …' })).toBeNull()
  })

  it('without a value is refused', () => {
    expect(() => read({ value: null })).toThrow('value is absent')
  })

  it('has another key when it was changed', () => {
    expect(new Set([read()?.key, read({ value: 1 })?.key, read({ updatedAt: iso(NOW) })?.key]).size).toBe(3)
  })
})
