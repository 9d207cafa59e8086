import { LangfuseAPIClient } from '@langfuse/core'
import { afterEach, describe, expect, test } from 'vitest'
import { type Langfuse, type LangfuseOptions, startLangfuse } from './server.ts'

const NOON = Date.UTC(2026, 10, 3, 12)
const DAY = 86_400_000
const open: Langfuse[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

/** A server of version 3 with two traces, a day apart, read by the official client. */
async function start(options: LangfuseOptions = {}): Promise<LangfuseAPIClient> {
  const server = await startLangfuse({
    now: () => NOON,
    mode: 'legacy',
    v4Reads: false,
    version: '3.225.4',
    ...options,
  })
  open.push(server)
  server.put([
    {
      id: 'root',
      traceId: 't1',
      start: NOON - 5000,
      end: NOON - 1000,
      name: 'ask',
      userId: 'acme',
      sessionId: 's1',
      tags: ['x'],
    },
    {
      id: 'call',
      traceId: 't1',
      parentObservationId: 'root',
      start: NOON - 4000,
      end: NOON - 2500,
      completionStart: NOON - 3700,
      type: 'GENERATION',
      name: 'litellm_request',
      model: 'gpt-4o',
      usage: { input: 100, output: 20 },
      cost: { input: 0.25, output: 0.5 },
    },
    { id: 'old', start: NOON - DAY, name: 'ask', model: 'gpt-4o', usage: { input: 7 }, userId: 'zen' },
  ])
  const { publicKey, secretKey } = server.keys
  return new LangfuseAPIClient({ environment: '', baseUrl: server.url, username: publicKey, password: secretKey })
}

describe('what a server of version 3 answers', () => {
  test('observations in numbered pages, with the cost as it was reckoned and durations in seconds', async () => {
    const client = await start()
    const first = await client.legacy.observationsV1.getMany({ page: 1, limit: 2 })
    expect(first.meta).toEqual({ page: 1, limit: 2, totalItems: 3, totalPages: 2 })
    expect(first.data.map(({ id }) => id)).toEqual(['call', 'root'])
    expect(first.data[0]).toMatchObject({
      traceId: 't1',
      parentObservationId: 'root',
      model: 'gpt-4o',
      usageDetails: { input: 100, output: 20, total: 120 },
      costDetails: { input: 0.25, output: 0.5, total: 0.75 },
      calculatedTotalCost: 0.75,
      calculatedInputCost: 0.25,
      calculatedOutputCost: 0.5,
      latency: 1.5,
      timeToFirstToken: 0.3,
    })
    expect(first.data[1]).toMatchObject({ model: null, calculatedTotalCost: null })
    const second = await client.legacy.observationsV1.getMany({ page: 2, limit: 2 })
    expect(second.data.map(({ id }) => id)).toEqual(['old'])
    const fromStartTime = new Date(NOON - 4000).toISOString()
    expect((await client.legacy.observationsV1.getMany({ fromStartTime })).data.map(({ id }) => id)).toEqual(['call'])
    const toStartTime = new Date(NOON - 5000).toISOString()
    expect((await client.legacy.observationsV1.getMany({ toStartTime })).data.map(({ id }) => id)).toEqual(['old'])
    await expect(client.legacy.observationsV1.getMany({ limit: 101 })).rejects.toMatchObject({ statusCode: 400 })
  })

  test('traces with what their observations say together', async () => {
    const { data, meta } = await (await start()).trace.list({ limit: 50 })
    expect(meta.totalItems).toBe(2)
    expect(data[0]).toMatchObject({
      id: 't1',
      name: 'ask',
      userId: 'acme',
      sessionId: 's1',
      tags: ['x'],
      observations: ['call', 'root'],
      totalCost: 0.75,
      latency: 4,
      timestamp: new Date(NOON - 5000).toISOString(),
    })
    expect((await (await start()).trace.list({ userId: 'zen' })).data.map(({ id }) => id)).toEqual(['old'])
  })

  test('days in UTC with usage by model', async () => {
    await start()
    const [server] = open
    const { publicKey, secretKey } = server?.keys ?? { publicKey: '', secretKey: '' }
    const authorization = `Basic ${Buffer.from(`${publicKey}:${secretKey}`).toString('base64')}`
    const answer = await fetch(`${server?.url}/api/public/metrics/daily?limit=1`, { headers: { authorization } })
    expect(await answer.json()).toEqual({
      data: [
        {
          date: '2026-11-03',
          countTraces: 1,
          countObservations: 2,
          totalCost: 0.75,
          usage: [
            {
              model: 'gpt-4o',
              inputUsage: 100,
              outputUsage: 20,
              totalUsage: 120,
              countTraces: 1,
              countObservations: 1,
              totalCost: 0.75,
            },
            {
              model: null,
              inputUsage: 0,
              outputUsage: 0,
              totalUsage: 0,
              countTraces: 1,
              countObservations: 1,
              totalCost: 0,
            },
          ],
        },
      ],
      meta: { page: 1, limit: 1, totalItems: 2, totalPages: 2 },
    })
  })

  test('on Langfuse Cloud they say that they will go, and have limits of their own', async () => {
    const client = await start({ mode: 'dual', v4Reads: true, cloud: 'hobby' })
    const answer = await client.legacy.observationsV1.getMany({})
    expect(answer).toHaveProperty('_deprecation.sunsetAt')
    for (let n = 2; n <= 14; n++) await client.legacy.observationsV1.getMany({})
    await expect(client.legacy.observationsV1.getMany({}, { maxRetries: 0 })).rejects.toMatchObject({ statusCode: 429 })
    expect((await client.observations.getMany({})).data.length).toBe(3)
    expect(await client.observations.getMany({})).not.toHaveProperty('_deprecation')
  })
})
