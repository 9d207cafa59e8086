import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import type { ObservationRow } from '../observation.ts'
import { type Langfuse, type LangfuseOptions, startLangfuse } from '../server.ts'
import { encodeProtobuf } from './protobuf.ts'

const NOON = Date.UTC(2026, 10, 3, 12)
const FIXTURES = new URL('../../fixtures/', import.meta.url)
/** What the `langfuse_otel` callback of LiteLLM 1.106.2 posted for a call that asked for tools and for one that failed. */
const LITELLM = readFileSync(new URL('litellm-1.106.2/langfuse-otel.bin', FIXTURES))
/** A span with every kind of value, by the official encoder for Python. */
const VALUES = readFileSync(new URL('otlp/values.bin', FIXTURES))

const open: Langfuse[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

async function start(options: LangfuseOptions = {}): Promise<Langfuse> {
  const server = await startLangfuse({ now: () => NOON, ...options })
  open.push(server)
  return server
}

function post(
  { url, keys }: Langfuse,
  body: Uint8Array | string,
  headers: Readonly<Record<string, string>> = {},
  path = 'traces',
): Promise<Response> {
  const authorization = `Basic ${Buffer.from(`${keys.publicKey}:${keys.secretKey}`).toString('base64')}`
  const type = { 'content-type': typeof body === 'string' ? 'application/json' : 'application/x-protobuf' }
  return fetch(`${url}/api/public/otel/v1/${path}`, {
    method: 'POST',
    body: typeof body === 'string' ? body : Buffer.from(body),
    headers: { authorization, ...type, ...headers },
  })
}

const IDS = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }

type Attribute = string | number | boolean | readonly string[]

function request(
  attributes: Readonly<Record<string, Attribute>> = {},
  more: object = {},
  resource: Readonly<Record<string, Attribute>> = {},
) {
  const times = { startTimeUnixNano: `${NOON - 2000}123456`, endTimeUnixNano: `${NOON - 500}999999` }
  const span = { ...IDS, name: 'span', ...times, attributes: pairs(attributes), ...more }
  return { resourceSpans: [{ resource: { attributes: pairs(resource) }, scopeSpans: [{ spans: [span] }] }] }
}

function pairs(attributes: Readonly<Record<string, Attribute>>): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: valued(value) }))
}

function valued(value: Attribute): object {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value }
  return { arrayValue: { values: value.map((one) => ({ stringValue: one })) } }
}

async function kept(
  attributes: Readonly<Record<string, Attribute>>,
  more: object = {},
  resource: Readonly<Record<string, Attribute>> = {},
): Promise<ObservationRow> {
  const server = await start()
  expect((await post(server, JSON.stringify(request(attributes, more, resource)))).status).toBe(200)
  const [row] = server.rows()
  if (!row) throw new Error('nothing was kept')
  return row
}

describe('taking spans', () => {
  test('as JSON and as protobuf, packed or not, is the same row', async () => {
    const sent = request({
      'langfuse.observation.type': 'generation',
      'llm.token_count.prompt': 12,
      'llm.cost.total': 0.25,
    })
    const rows: ObservationRow[] = []
    for (const body of [JSON.stringify(sent), encodeProtobuf(sent)]) {
      const plain = await start()
      expect((await post(plain, body)).status).toBe(200)
      const packed = await start()
      expect(
        (
          await post(packed, gzipSync(body), {
            'content-encoding': 'gzip',
            'content-type': typeof body === 'string' ? 'application/json' : 'application/x-protobuf',
          })
        ).status,
      ).toBe(200)
      rows.push(...plain.rows(), ...packed.rows())
    }
    expect(rows.length).toBe(4)
    for (const row of rows) expect(row).toEqual(rows[0])
    expect(rows[0]).toMatchObject({
      id: IDS.spanId,
      traceId: IDS.traceId,
      parentObservationId: null,
      start: NOON - 2000,
      end: NOON - 500,
      type: 'GENERATION',
      usage: { input: 12, output: 0, total: 12 },
      cost: { total: 0.25 },
    })
  })

  test('every kind of value is read from what the official encoder writes', async () => {
    const server = await start()
    expect((await post(server, VALUES)).status).toBe(200)
    const [row] = server.rows()
    expect(row).toMatchObject({
      id: '0001020304050607',
      traceId: '000102030405060708090a0b0c0d0e0f',
      parentObservationId: '08090a0b0c0d0e0f',
      start: 1793707200123,
      end: 1793707201000,
      level: 'ERROR',
      statusMessage: 'it broke',
      environment: 'staging',
    })
    expect(row?.metadata).toEqual({
      'attributes.text': 'grüße',
      'attributes.empty': '',
      'attributes.yes': 'true',
      'attributes.no': 'false',
      'attributes.zero': '0',
      'attributes.int': '9007199254740991',
      'attributes.negative': '-5',
      'attributes.double': '0.1',
      'attributes.bytes': 'AP8=',
      'attributes.list': '["a",2,false]',
      'attributes.map.inner': '2.5',
      'attributes.nothing': 'null',
      'resourceAttributes.deployment.environment': 'staging',
      'scope.name': 'checks',
      'scope.version': '2.1',
      'scope.attributes.public_key': 'pk',
    })
  })

  test('a malformed id, a list that is none, a body that is nothing or a version of tomorrow refuse the whole batch', async () => {
    const server = await start()
    const good = request().resourceSpans[0]
    const bad = [
      JSON.stringify({ resourceSpans: [good, ...request({}, { traceId: 'abc' }).resourceSpans] }),
      JSON.stringify({ resourceSpans: { 0: good } }),
      '{',
      Buffer.from([0xff, 0xff, 0xff]),
    ]
    for (const body of bad) {
      const answer = await post(server, body)
      expect(answer.status).toBe(400)
      expect(await answer.json()).toEqual({ error: expect.any(String) })
    }
    expect((await post(server, JSON.stringify(request()), { 'x-langfuse-ingestion-version': '5' })).status).toBe(400)
    expect((await post(server, 'no gzip', { 'content-encoding': 'gzip' })).status).toBe(400)
    expect((await post(server, JSON.stringify(request()), { authorization: 'Basic bm86Ym9keQ==' })).status).toBe(401)
    expect(server.rows()).toEqual([])
    expect((await post(server, JSON.stringify(request()), { 'x-langfuse-ingestion-version': '4' })).status).toBe(200)
    expect((await post(server, '{}', {}, 'metrics')).status).toBe(200)
    expect(server.rows().length).toBe(1)
  })

  test('where both tables are written, a span without the header of version 4 can be read ten minutes later', async () => {
    let now = NOON
    const server = await start({ mode: 'dual', now: () => now })
    await post(server, JSON.stringify(request()))
    await post(server, JSON.stringify(request({}, { spanId: 'b7ad6b7169203332' })), {
      'x-langfuse-ingestion-version': '4',
    })
    expect(server.rows().map(({ id }) => id)).toEqual(['b7ad6b7169203332'])
    now += 600_000
    expect(server.rows().length).toBe(2)
  })

  test('a span that is sent again stands there twice until the parts are merged', async () => {
    let now = NOON
    const server = await start({ mergeMs: 60_000, now: () => now })
    await post(server, JSON.stringify(request({ 'llm.cost.total': 0.25 })))
    await post(server, JSON.stringify(request({ 'llm.cost.total': 0.5 })))
    expect(server.rows().map(({ cost }) => cost.total)).toEqual([0.5, 0.25])
    now += 60_000
    expect(server.rows().map(({ cost }) => cost.total)).toEqual([0.5])
  })
})

describe('what LiteLLM sends', () => {
  test('is a generation with cost, tokens by class, tags, session and our call id, and below it a span without any', async () => {
    const server = await start()
    expect((await post(server, LITELLM, { 'x-langfuse-ingestion-version': '4' })).status).toBe(200)
    const rows = server.rows()
    const call = rows.find(({ level, isRoot }) => isRoot && level === 'DEFAULT')
    expect(call).toMatchObject({
      type: 'GENERATION',
      name: 'litellm_request',
      model: 'gpt-4o',
      traceName: 'ask',
      userId: 'acme',
      sessionId: 'chat-1',
      environment: 'production',
      tags: ['plan_tier:tier_1', 'operation:chat'],
      usage: { input: 800, input_cached_tokens: 400, output: 50, output_reasoning_tokens: 30, total: 1280 },
      calledToolNames: ['search', 'search'],
    })
    expect(call?.cost.total).toBe(0.0033)
    expect(call?.metadata.marginwatch_call_id).toBe('11111111-2222-4333-8444-555555555555')
    expect(call?.metadata['attributes.llm.response.id']).toBe('chatcmpl-9')
    expect(JSON.parse(call?.metadata['attributes.metadata'] ?? '')).toHaveProperty(
      'spend_logs_metadata.marginwatch_call_id',
    )
    const raw = rows.find(({ isRoot }) => !isRoot)
    expect(raw).toMatchObject({
      type: 'SPAN',
      name: 'raw_gen_ai_request',
      parentObservationId: call?.id,
      cost: {},
      usage: {},
    })
    const failed = rows.find(({ level }) => level === 'ERROR')
    expect(failed).toMatchObject({ type: 'GENERATION', usage: {}, cost: { total: 0 } })
  })
})

describe('what attributes become', () => {
  test('who, in which conversation, and in what', async () => {
    const row = await kept(
      {
        'user.id': 'other',
        'langfuse.user.id': 'acme',
        'gen_ai.conversation.id': 'chat-1',
        'langfuse.tags': 'a, b',
        'langfuse.trace.name': 'ask',
        'langfuse.environment': 'staging',
        'langfuse.release': 'r1',
      },
      {},
      { 'service.version': '3.1', 'deployment.environment': 'production' },
    )
    expect(row).toMatchObject({
      userId: 'acme',
      sessionId: 'chat-1',
      tags: ['a', 'b'],
      traceName: 'ask',
      environment: 'staging',
      release: 'r1',
      version: '3.1',
    })
    expect((await kept({})).environment).toBe('default')
    expect((await kept({ 'langfuse.trace.tags': '["x","y"]', 'langfuse.tags': 'z' })).tags).toEqual(['x', 'y'])
    expect((await kept({ 'tag.tags': ['p', 'q'] })).tags).toEqual(['p', 'q'])
  })

  test.each([
    [{ 'langfuse.observation.type': 'tool', 'openinference.span.kind': 'LLM' }, 'TOOL'],
    [{ 'openinference.span.kind': 'LLM' }, 'GENERATION'],
    [{ 'openinference.span.kind': 'UNKNOWN', 'gen_ai.request.model': 'm' }, 'GENERATION'],
    [{ 'gen_ai.operation.name': 'embeddings' }, 'EMBEDDING'],
    [{ 'gen_ai.operation.name': 'execute_tool' }, 'TOOL'],
    [{ 'gen_ai.tool.name': 'search', 'gen_ai.request.model': 'm' }, 'TOOL'],
    [{ 'gen_ai.request.model': 'm' }, 'GENERATION'],
    [{}, 'SPAN'],
  ])('a span with %j is a %s', async (attributes, type) => {
    expect((await kept(attributes as Readonly<Record<string, Attribute>>)).type).toBe(type)
  })

  test('model, name, level, first token, prompt', async () => {
    const row = await kept(
      {
        'gen_ai.request.model': 'asked',
        'gen_ai.response.model': 'answered',
        'gen_ai.tool.name': 'search',
        'langfuse.observation.level': 'warning',
        'langfuse.observation.completion_start_time': '"2026-11-03T11:59:58.250Z"',
        'langfuse.observation.prompt.name': 'answer',
        'langfuse.observation.prompt.version': 7,
      },
      { status: { code: 2, message: 'it broke' } },
    )
    expect(row).toMatchObject({
      model: 'answered',
      name: 'search',
      level: 'WARNING',
      statusMessage: 'it broke',
      completionStart: NOON - 1750,
      promptName: 'answer',
      promptVersion: 7,
    })
    expect((await kept({ 'ai.response.msToFirstChunk': 125.4 })).completionStart).toBe(NOON - 1875)
    expect((await kept({}, { status: { code: 'STATUS_CODE_ERROR' } })).level).toBe('ERROR')
    expect((await kept({ 'langfuse.internal.as_root': true }, { parentSpanId: 'b7ad6b7169203300' })).isRoot).toBe(true)
  })

  test('tokens: Langfuse’s own as they are, of the general ones the parts taken out of what they are parts of', async () => {
    const own = '{"input":5,"cache_read_input_tokens":3}'
    expect((await kept({ 'langfuse.observation.usage_details': own, 'gen_ai.usage.input_tokens': 9 })).usage).toEqual({
      input: 5,
      cache_read_input_tokens: 3,
      total: 8,
    })
    const general = {
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 50,
      'gen_ai.usage.cache_read.input_tokens': 30,
      'gen_ai.usage.cache_creation.input_tokens': 20,
      'gen_ai.usage.reasoning_tokens': 10,
    }
    expect((await kept(general)).usage).toEqual({
      input: 50,
      output: 40,
      total: 150,
      input_cached_tokens: 30,
      input_cache_creation: 20,
      output_reasoning_tokens: 10,
    })
  })

  test('cost: Langfuse’s own, else the general total, else none', async () => {
    const both = { 'langfuse.observation.cost_details': '{"input":0.1,"output":0.2}', 'gen_ai.usage.cost': 9 }
    expect((await kept(both)).cost).toEqual({ input: 0.1, output: 0.2, total: 0.3 })
    expect((await kept({ 'gen_ai.usage.cost': 0.5, 'llm.cost.total': 9 })).cost).toEqual({ total: 0.5 })
    expect((await kept({ 'llm.cost.total': 0.00022500000000000002 })).cost).toEqual({ total: 0.000225 })
    expect((await kept({ 'gen_ai.request.model': 'm' })).cost).toEqual({})
  })

  test('metadata: what the span says of itself on top, the rest under attributes, resourceAttributes and scope', async () => {
    const { metadata } = await kept(
      {
        'langfuse.trace.metadata': '{"customer":"acme","deep":{"er":1}}',
        'langfuse.observation.metadata.customer': 'zen',
        metadata: '{"user_api_key_alias":"app"}',
        'langfuse.observation.input': 'a prompt',
      },
      {},
      { 'service.name': 'app' },
    )
    expect(metadata).toMatchObject({
      customer: 'zen',
      'deep.er': '1',
      'attributes.metadata': '{"user_api_key_alias":"app"}',
      'resourceAttributes.service.name': 'app',
      'scope.name': '',
    })
    expect(Object.keys(metadata)).not.toContain('attributes.langfuse.observation.input')
  })

  test('tools: called ones out of answers of several makers, each call once; offered ones out of the question', async () => {
    const called = async (output: unknown): Promise<readonly string[]> =>
      (await kept({ 'langfuse.observation.output': JSON.stringify(output) })).calledToolNames
    const openai = { id: 'c1', type: 'function', function: { name: 'search', arguments: '{}' } }
    expect(await called({ choices: [{ message: { tool_calls: [openai, openai, { ...openai, id: 'c2' }] } }] })).toEqual(
      ['search', 'search'],
    )
    expect(await called([{ type: 'function_call', id: 'r1', call_id: 'c1', name: 'mail' }])).toEqual(['mail'])
    expect(
      await called({
        content: [
          { type: 'text', text: 'hm' },
          { type: 'tool_use', id: 't1', name: 'shell' },
        ],
      }),
    ).toEqual(['shell'])
    expect(await called({ kwargs: { tool_calls: [{ name: 'lookup', id: 'l1', args: {} }] } })).toEqual(['lookup'])
    expect(await called('no tools')).toEqual([])
    const input = JSON.stringify({
      messages: [],
      tools: [{ type: 'function', function: { name: 'search' } }, { name: 'mail' }],
    })
    expect((await kept({ 'langfuse.observation.input': input })).toolNames).toEqual(['search', 'mail'])
  })
})
