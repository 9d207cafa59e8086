import { afterEach, describe, expect, test } from 'vitest'
import type { ObservationInput } from './observation.ts'
import { type Langfuse, type LangfuseOptions, startLangfuse } from './server.ts'

const NOON = Date.UTC(2026, 10, 3, 12)
const open: Langfuse[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

async function start(options: LangfuseOptions = {}): Promise<Langfuse> {
  const server = await startLangfuse({ now: () => NOON, ...options })
  open.push(server)
  return server
}

type Row = Readonly<Record<string, unknown>>
interface Page {
  readonly data: readonly Row[]
  readonly meta: { readonly cursor?: string }
  readonly message?: string
  readonly error?: unknown
}

async function ask(server: Langfuse, params: Record<string, string> | URLSearchParams = {}): Promise<Response> {
  const { publicKey, secretKey } = server.keys
  const authorization = `Basic ${Buffer.from(`${publicKey}:${secretKey}`).toString('base64')}`
  const url = `${server.url}/api/public/v2/observations?${new URLSearchParams(params)}`
  return fetch(url, { headers: { authorization } })
}

async function page(server: Langfuse, params: Record<string, string> | URLSearchParams = {}): Promise<Page> {
  return (await (await ask(server, params)).json()) as Page
}

function generation(id: string, start: number, more: Partial<ObservationInput> = {}): ObservationInput {
  return { id, start, end: start + 1500, type: 'GENERATION', name: 'litellm_request', ...more }
}

describe('rows', () => {
  test('seconds for durations, "" for absent texts, 0 for an absent cost, null for an absent parent and trace name', async () => {
    const server = await start()
    server.put({ id: 'bare', start: NOON - 5000, end: NOON - 3500 })
    const fields = 'core,basic,time,model,usage,prompt,metrics,metadata,trace_context'
    const { data } = await page(server, { fields })
    expect(data).toEqual([
      {
        id: 'bare',
        traceId: 'bare',
        startTime: '2026-11-03T11:59:55.000Z',
        endTime: '2026-11-03T11:59:56.500Z',
        projectId: 'project-default',
        parentObservationId: null,
        type: 'SPAN',
        name: '',
        level: 'DEFAULT',
        statusMessage: '',
        version: '',
        environment: 'default',
        bookmarked: false,
        public: false,
        userId: '',
        sessionId: '',
        isRootObservation: true,
        completionStartTime: null,
        createdAt: '2026-11-03T12:00:00.000Z',
        updatedAt: '2026-11-03T12:00:00.000Z',
        metadata: {},
        model: '',
        internalModelId: null,
        modelParameters: {},
        usageDetails: {},
        costDetails: {},
        totalCost: 0,
        usagePricingTierName: null,
        usagePricingTierId: null,
        inputUsage: 0,
        outputUsage: 0,
        totalUsage: 0,
        inputCost: 0,
        outputCost: 0,
        promptId: null,
        promptName: null,
        promptVersion: null,
        tags: [],
        release: '',
        traceName: null,
        latency: 1.5,
        timeToFirstToken: null,
        modelId: null,
        inputPrice: null,
        outputPrice: null,
        totalPrice: null,
      },
    ])
  })

  test('without fields only core and basic come, and what is always appended', async () => {
    const server = await start()
    server.put(generation('one', NOON - 5000, { model: 'gpt-4o', usage: { input: 3 }, metadata: { a: 1 } }))
    const [row] = (await page(server)).data
    expect(row).toMatchObject({ name: 'litellm_request', latency: 1.5, modelId: null, totalPrice: null })
    for (const field of ['model', 'usageDetails', 'metadata', 'tags', 'promptName', 'createdAt'])
      expect(row).not.toHaveProperty(field)
    const [core] = (await page(server, { fields: 'core,no_such_group' })).data
    expect(core).not.toHaveProperty('name')
  })

  test('the time to the first token comes only with metrics or time, and no latency at all is null with metrics', async () => {
    const server = await start()
    server.put(generation('one', NOON - 5000, { end: NOON - 5000, completionStart: NOON - 4750 }))
    const of = async (fields: string): Promise<unknown[]> => {
      const [row] = (await page(server, { fields })).data
      return [row?.latency, row?.timeToFirstToken]
    }
    expect(await of('core')).toEqual([0, null])
    expect(await of('time')).toEqual([0, 0.25])
    expect(await of('metrics')).toEqual([null, 0.25])
  })

  test('metadata is flat, read as JSON where it is JSON, and cut to 200 characters unless it is named', async () => {
    const server = await start()
    const long = JSON.stringify({ customer: 'acme', rest: 'x'.repeat(300) })
    const metadata = {
      requester_metadata: { customer_id: 'acme', depth: 3 },
      attributes: { metadata: long },
      list: [1],
    }
    server.put(generation('one', NOON - 5000, { metadata }))
    const [cut] = (await page(server, { fields: 'metadata' })).data
    expect(cut?.metadata).toEqual({
      'requester_metadata.customer_id': 'acme',
      'requester_metadata.depth': 3,
      'attributes.metadata': long.slice(0, 200),
      list: [1],
    })
    const [whole] = (await page(server, { fields: 'metadata', expandMetadata: 'attributes.metadata' })).data
    expect(whole?.metadata).toMatchObject({ 'attributes.metadata': { customer: 'acme' } })
  })

  test('prices are decimal texts, the model stands under `model`, or as the specification calls it', async () => {
    const models = [{ id: 'm1', modelName: 'gpt-4o', prices: { input: 2.5e-6, output: 0.00001 } }]
    const server = await start({ projects: [{ name: 'default', models }] })
    server.put(generation('one', NOON - 5000, { model: 'gpt-4o', usage: { input: 1000, output: 10 } }))
    const [row] = (await page(server, { fields: 'model,usage' })).data
    expect(row).toMatchObject({
      model: 'gpt-4o',
      modelId: 'm1',
      internalModelId: 'm1',
      inputPrice: '0.0000025',
      outputPrice: '0.00001',
      totalPrice: null,
      usageDetails: { input: 1000, output: 10, total: 1010 },
      usagePricingTierName: 'Standard',
    })
    expect(row?.totalCost).toBe(0.0026)
    server.set({ modelKey: 'providedModelName' })
    const [renamed] = (await page(server, { fields: 'model' })).data
    expect(renamed).toHaveProperty('providedModelName', 'gpt-4o')
    expect(renamed).not.toHaveProperty('model')
  })

  test('a cost that was sent stands: its total as sent, input and output added, other kinds without a total read as 0', async () => {
    const models = [{ id: 'm1', modelName: 'gpt-4o', prices: { input: 1 } }]
    const server = await start({ projects: [{ name: 'default', models }] })
    const costs = [
      { total: 0.5, input: 9 },
      { input: 0.1, output: 0.2 },
      { input: 0.1, cache: 0.2 },
    ]
    costs.forEach((cost, index) => {
      server.put(generation(`row-${index}`, NOON - index, { model: 'gpt-4o', usage: { input: 7 }, cost }))
    })
    const { data } = await page(server, { fields: 'usage' })
    expect(data.map((row) => row.totalCost)).toEqual([0.5, 0.3, 0])
  })
})

describe('pages', () => {
  const ids = (rows: readonly Row[]): unknown[] => rows.map((row) => row.id)

  test('latest start first, rows of one moment by the hash of their trace and their id, and the cursor loses none', async () => {
    const server = await start()
    const many = Array.from({ length: 57 }, (_, n) =>
      generation(`row-${n}`, NOON - 1000 * Math.floor(n / 10), { traceId: `trace-${n % 4}` }),
    )
    server.put(many)
    const all = ids((await page(server, { limit: '1000' })).data)
    expect(new Set(all).size).toBe(57)
    const paged: unknown[] = []
    let cursor: string | undefined
    do {
      const next = await page(server, { limit: '8', ...(cursor ? { cursor } : {}) })
      paged.push(...ids(next.data))
      cursor = next.meta.cursor
    } while (cursor)
    expect(paged).toEqual(all)
  })

  test('the cursor is base64 of JSON; the last page has none, be it full or not', async () => {
    const server = await start()
    server.put([generation('a', NOON - 1), generation('b', NOON - 2)])
    const { meta } = await page(server, { limit: '1' })
    expect(JSON.parse(Buffer.from(meta.cursor ?? '', 'base64').toString())).toEqual({
      lastStartTimeTo: '2026-11-03T11:59:59.999Z',
      lastTraceId: 'a',
      lastId: 'a',
    })
    expect((await page(server, { limit: '2' })).meta).toEqual({})
    expect((await page(server, { limit: '3' })).meta).toEqual({})
  })

  test('50 rows a page when nobody says, at most 1000', async () => {
    const server = await start()
    server.put(Array.from({ length: 60 }, (_, n) => generation(`row-${n}`, NOON - n)))
    expect((await page(server)).data.length).toBe(50)
    expect((await ask(server, { limit: '1000' })).status).toBe(200)
    expect((await ask(server, { limit: '1001' })).status).toBe(400)
  })

  test('the window begins with its first moment and ends before its last', async () => {
    const server = await start()
    server.put([generation('at-from', NOON - 2000), generation('at-to', NOON - 1000)])
    const fromStartTime = new Date(NOON - 2000).toISOString()
    const toStartTime = new Date(NOON - 1000).toISOString()
    expect(ids((await page(server, { fromStartTime, toStartTime })).data)).toEqual(['at-from'])
  })

  test('what is wrong in form or meaning is refused with 400 and says which', async () => {
    const server = await start()
    const form = await page(server, { limit: 'many', fromStartTime: 'yesterday' })
    expect(form.message).toBe('Invalid request data')
    expect((form.error as { path: string[] }[]).map(({ path }) => path[0])).toEqual(['limit', 'fromStartTime'])
    for (const params of [{ cursor: 'nonsense' }, { parseIoAsJson: 'true' }, { filter: '{' }]) {
      const answer = await ask(server, params as Record<string, string>)
      expect(answer.status).toBe(400)
      expect(await answer.json()).toHaveProperty('error', 'InvalidRequestError')
    }
  })
})

describe('filters', () => {
  test('simple parameters hold together; environment may come several times; an empty parent means none', async () => {
    const server = await start()
    server.put([
      generation('a', NOON - 1, { userId: 'acme', environment: 'production' }),
      generation('b', NOON - 2, { userId: 'acme', environment: 'staging', parentObservationId: 'a', traceId: 'a' }),
      generation('c', NOON - 3, { userId: 'zen', environment: 'dev', level: 'ERROR', type: 'TOOL' }),
    ])
    const found = async (params: [string, string][]): Promise<unknown> =>
      (await page(server, new URLSearchParams(params))).data.map((row) => row.id).join('')
    expect(await found([['userId', 'acme']])).toBe('ab')
    expect(
      await found([
        ['environment', 'production'],
        ['environment', 'dev'],
      ]),
    ).toBe('ac')
    expect(await found([['parentObservationId', '']])).toBe('ac')
    expect(await found([['isRootObservation', 'false']])).toBe('b')
    expect(
      await found([
        ['type', 'TOOL'],
        ['level', 'ERROR'],
      ]),
    ).toBe('c')
  })

  test('a filter on a column stands in for the parameter of that name, and knows seconds, tags, metadata and times', async () => {
    const server = await start()
    server.put([
      generation('a', NOON - 9000, { userId: 'acme', tags: ['plan:pro'], metadata: { key: { id: 'k1' } } }),
      generation('b', NOON - 8000, { userId: 'zen', end: NOON - 7900 }),
    ])
    const found = async (filter: object[], params: Record<string, string> = {}): Promise<string> =>
      (await page(server, { ...params, filter: JSON.stringify(filter) })).data.map((row) => row.id).join('')
    const user = { type: 'string', column: 'userId', operator: '=', value: 'zen' }
    expect(await found([user], { userId: 'acme' })).toBe('b')
    expect(await found([{ type: 'number', column: 'latency', operator: '>', value: 1 }])).toBe('a')
    expect(await found([{ type: 'arrayOptions', column: 'tags', operator: 'any of', value: ['plan:pro'] }])).toBe('a')
    const key = { type: 'stringObject', column: 'metadata', key: 'key.id', operator: '=', value: 'k1' }
    expect(await found([key])).toBe('a')
    const ended = { type: 'datetime', column: 'endTime', operator: '<=', value: new Date(NOON - 7900).toISOString() }
    expect(await found([ended])).toBe('b')
    const wrong = await ask(server, { filter: JSON.stringify([{ ...user, column: 'createdAt' }]) })
    expect(wrong.status).toBe(400)
    const kind = await ask(server, { filter: JSON.stringify([{ ...user, column: 'tags' }]) })
    expect(kind.status).toBe(400)
  })
})

describe('what changes', () => {
  test('a row comes late, is edited, comes twice, and is merged', async () => {
    let now = NOON
    const server = await start({ now: () => now })
    server.put(generation('late', NOON - 60_000), { from: NOON + 5000 })
    server.put(generation('one', NOON - 30_000, { cost: { total: 1 } }))
    expect((await page(server)).data.map((row) => row.id)).toEqual(['one'])
    now = NOON + 6000
    expect((await page(server)).data.map((row) => row.id)).toEqual(['one', 'late'])
    server.edit('one', { cost: { total: 2 } })
    server.repeat('one', { to: NOON + 10_000 })
    const twice = (await page(server, { fields: 'usage,time' })).data.filter((row) => row.id === 'one')
    expect(twice.map((row) => row.totalCost)).toEqual([2, 2])
    expect(twice[1]).toMatchObject({ createdAt: new Date(NOON).toISOString(), updatedAt: new Date(now).toISOString() })
    now = NOON + 10_000
    expect((await page(server)).data.filter((row) => row.id === 'one').length).toBe(1)
    server.remove('one')
    expect((await page(server)).data.map((row) => row.id)).toEqual(['late'])
    expect(() => server.edit('one', {})).toThrow('no observation one')
  })

  test('a row that is moved to another time is found there and nowhere else', async () => {
    const server = await start()
    server.put([generation('one', NOON - 1000), generation('two', NOON - 2000)])
    server.edit('one', { start: NOON - 86_400_000, end: NOON - 86_399_000 })
    expect((await page(server)).data.map((row) => row.id)).toEqual(['two', 'one'])
    expect(server.rows().length).toBe(2)
  })
})
