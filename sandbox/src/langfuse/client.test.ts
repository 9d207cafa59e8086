import { LangfuseAPIClient, type LangfuseAPI, LangfuseAPIError } from '@langfuse/core'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
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

function clientOf({ url, keys }: Langfuse): LangfuseAPIClient {
  return new LangfuseAPIClient({ environment: '', baseUrl: url, username: keys.publicKey, password: keys.secretKey })
}

const DATE = z.iso.datetime({ precision: 3 })
const TEXT = z.string().nullable()

/** What the client says that a row is: the compiler holds it to the client's own type. */
const OBSERVATION = z.strictObject({
  id: z.string(),
  traceId: z.string(),
  startTime: DATE,
  endTime: DATE.nullable(),
  projectId: z.string(),
  parentObservationId: TEXT,
  type: z.string(),
  isRootObservation: z.boolean(),
  name: z.string(),
  level: z.enum(['DEBUG', 'DEFAULT', 'WARNING', 'ERROR']),
  statusMessage: TEXT,
  version: TEXT,
  environment: TEXT,
  bookmarked: z.boolean(),
  public: z.boolean(),
  userId: TEXT,
  sessionId: TEXT,
  completionStartTime: TEXT,
  createdAt: DATE,
  updatedAt: DATE,
  input: z.unknown(),
  output: z.unknown(),
  metadata: z.record(z.string(), z.unknown()),
  model: TEXT,
  internalModelId: TEXT,
  modelParameters: z.unknown(),
  usageDetails: z.record(z.string(), z.number()),
  costDetails: z.record(z.string(), z.number()),
  totalCost: z.number(),
  usagePricingTierName: TEXT,
  promptId: TEXT,
  promptName: TEXT,
  promptVersion: z.number().nullable(),
  latency: z.number().nullable(),
  timeToFirstToken: z.number().nullable(),
  modelId: TEXT,
  inputPrice: TEXT,
  outputPrice: TEXT,
  totalPrice: TEXT,
  traceName: TEXT,
  tags: z.array(z.string()),
  release: TEXT,
}) satisfies z.ZodType<LangfuseAPI.ObservationV2>

/** Fields that the server sends and the specification leaves out. */
const UNDOCUMENTED = ['usagePricingTierId', 'inputUsage', 'outputUsage', 'totalUsage', 'inputCost', 'outputCost']

const SCORE = z.strictObject({
  id: z.string(),
  projectId: z.string(),
  name: z.string(),
  source: z.enum(['API', 'ANNOTATION', 'EVAL']),
  dataType: z.literal('NUMERIC'),
  value: z.number(),
  timestamp: DATE,
  environment: z.string(),
  createdAt: DATE,
  updatedAt: DATE,
  comment: TEXT,
  configId: TEXT,
  metadata: z.record(z.string(), z.unknown()),
  subject: z.strictObject({ kind: z.literal('observation'), id: z.string(), traceId: z.string() }),
}) satisfies z.ZodType<LangfuseAPI.ScoreV3>

const MODEL = z.strictObject({
  id: z.string(),
  modelName: z.string(),
  matchPattern: z.string(),
  startDate: TEXT,
  unit: z.enum(['TOKENS']),
  inputPrice: z.number().nullable(),
  outputPrice: z.number().nullable(),
  totalPrice: z.number().nullable(),
  tokenizerId: TEXT,
  tokenizerConfig: z.unknown(),
  isLangfuseManaged: z.boolean(),
  createdAt: DATE,
  prices: z.record(z.string(), z.strictObject({ price: z.number() })),
  pricingTiers: z.array(
    z.strictObject({
      id: z.string(),
      name: z.string(),
      isDefault: z.boolean(),
      priority: z.number(),
      conditions: z.array(z.never()),
      prices: z.record(z.string(), z.number()),
    }),
  ),
}) satisfies z.ZodType<LangfuseAPI.Model>

describe('the official client', () => {
  test('reads health and its own project', async () => {
    const client = clientOf(await start())
    expect(await client.health.health()).toEqual({ status: 'OK', version: '4.16.0' })
    const { data } = await client.projects.get()
    const project: LangfuseAPI.Project | undefined = data[0]
    expect(project).toEqual({ id: 'project-default', name: 'default', organization: expect.any(Object), metadata: {} })
  })

  test('pages through observations whose every field is one that it knows', async () => {
    const models = [{ id: 'm1', modelName: 'gpt-4o', prices: { input: 2.5e-6 } }]
    const server = await start({ projects: [{ name: 'default', models }] })
    for (let n = 0; n < 5; n++)
      server.put({
        id: `row-${n}`,
        start: NOON - n * 1000,
        end: NOON,
        type: 'GENERATION',
        name: 'litellm_request',
        model: n === 0 ? 'gpt-4o' : '',
        usage: { input: 10 },
        metadata: { nested: { key: 1 } },
        promptName: n === 1 ? 'answer' : '',
        promptVersion: n === 1 ? 3 : null,
        input: '{}',
      })
    const client = clientOf(server)
    const fields = 'core,basic,time,io,metadata,model,usage,prompt,metrics,trace_context'
    const rows: LangfuseAPI.ObservationV2[] = []
    let cursor: string | undefined
    do {
      const page = await client.observations.getMany({ fields, limit: 2, ...(cursor ? { cursor } : {}) })
      rows.push(...page.data)
      cursor = page.meta.cursor
    } while (cursor)
    expect(rows.map(({ id }) => id)).toEqual(['row-0', 'row-1', 'row-2', 'row-3', 'row-4'])
    for (const row of rows) {
      const documented = Object.entries(row).filter(([name]) => !UNDOCUMENTED.includes(name))
      expect(() => OBSERVATION.parse(Object.fromEntries(documented))).not.toThrow()
    }
  })

  test('asks for metrics', async () => {
    const server = await start()
    server.put({ id: 'one', start: NOON - 1000, cost: { total: 0.5 } })
    const query = JSON.stringify({
      view: 'observations',
      metrics: [{ measure: 'totalCost', aggregation: 'sum' }],
      dimensions: [{ field: 'environment' }],
      fromTimestamp: '2026-11-03T00:00:00Z',
      toTimestamp: '2026-11-04T00:00:00Z',
    })
    const answer: LangfuseAPI.MetricsV2Response = await clientOf(server).metrics.metrics({ query })
    expect(answer).toEqual({ data: [{ environment: 'default', sum_totalCost: 0.5 }] })
  })

  test('pages through scores whose every field is one that it knows', async () => {
    const server = await start()
    for (let n = 0; n < 3; n++)
      server.score({ id: `s${n}`, name: 'helpful', at: NOON - n, value: n / 2, traceId: 't', observationId: 'o' })
    server.score({ id: 'later', name: 'helpful', at: NOON + 1, value: 1, traceId: 't' })
    const client = clientOf(server)
    const ids: string[] = []
    let cursor: string | undefined
    do {
      const toTimestamp = new Date(NOON + 1).toISOString()
      const page = await client.scoresV3.getManyV3({
        limit: 2,
        fields: 'details,subject',
        toTimestamp,
        ...(cursor ? { cursor } : {}),
      })
      for (const score of page.data) ids.push(SCORE.parse(score).id)
      cursor = page.meta.cursor
    } while (cursor)
    expect(ids).toEqual(['s0', 's1', 's2'])
    await expect(client.scoresV3.getManyV3({ limit: 101 })).rejects.toMatchObject({ statusCode: 400 })
    await expect(client.scoresV3.getManyV3({ fields: 'all' })).rejects.toMatchObject({ statusCode: 400 })
  })

  test('lists models in numbered pages', async () => {
    const models = ['a', 'b', 'c'].map((name) => ({ id: name, modelName: name, prices: { input: 1e-6 } }))
    const client = clientOf(await start({ projects: [{ name: 'default', models }] }))
    const page = await client.models.list({ page: 2, limit: 2 })
    expect(page.data.map((model) => MODEL.parse(model).id)).toEqual(['c'])
    expect(page.meta).toEqual({ page: 2, limit: 2, totalItems: 3, totalPages: 2 })
  })

  test('knows a refusal as its own error, with status and body', async () => {
    const server = await start()
    server.fail({ kind: 'too_long' })
    const client = clientOf(server)
    const refused = await client.observations.getMany({}, { maxRetries: 0 }).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(LangfuseAPIError)
    expect(refused).toMatchObject({ statusCode: 422, body: { error: 'Request timed out' } })
    await expect(client.legacy.metricsV1.metrics({ query: '{}' }, { maxRetries: 0 })).rejects.toMatchObject({
      statusCode: 404,
    })
  })
})
