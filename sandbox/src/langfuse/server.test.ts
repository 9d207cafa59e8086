import { afterEach, describe, expect, test } from 'vitest'
import type { PlacedFault } from './faults.ts'
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

function basic({ publicKey, secretKey }: { publicKey: string; secretKey: string }): string {
  return `Basic ${Buffer.from(`${publicKey}:${secretKey}`).toString('base64')}`
}

function get(server: Langfuse, path: string, authorization: string | null = basic(server.keys)): Promise<Response> {
  return fetch(`${server.url}${path}`, { headers: authorization === null ? {} : { authorization } })
}

const METRICS = `/api/public/v2/metrics?${new URLSearchParams({
  query: JSON.stringify({
    view: 'observations',
    metrics: [{ measure: 'count', aggregation: 'count' }],
    fromTimestamp: '2026-11-03T00:00:00Z',
    toTimestamp: '2026-11-04T00:00:00Z',
  }),
})}`
const ROWS = '/api/public/v2/observations'

describe('who may read', () => {
  test('nobody without a key, nobody with a wrong secret; a wrong public key is let through', async () => {
    const server = await start()
    const none = await get(server, ROWS, null)
    expect([none.status, await none.json()]).toEqual([401, { message: 'No authorization header' }])
    const wrong = await get(server, ROWS, basic({ ...server.keys, secretKey: 'sk-lf-wrong' }))
    expect(wrong.status).toBe(401)
    expect(await wrong.json()).toEqual({
      message: "Invalid credentials. Confirm that you've configured the correct host.",
    })
    expect((await get(server, ROWS, basic({ ...server.keys, publicKey: 'pk-lf-other' }))).status).toBe(200)
  })

  test('a key of the organization, or the public key alone, is refused with 403 and a message', async () => {
    const server = await start()
    for (const authorization of [basic(server.organizationKeys), `Bearer ${server.keys.publicKey}`]) {
      const answer = await get(server, ROWS, authorization)
      expect(answer.status).toBe(403)
      expect(await answer.json()).toEqual({ message: expect.any(String) })
    }
  })

  test('a pair of keys opens its own project and no other', async () => {
    const server = await start({ projects: [{ name: 'prod', retentionDays: 30 }, { name: 'dev' }] })
    server.put({ id: 'p', start: NOON })
    server.project('dev').put({ id: 'd', start: NOON })
    const of = async (name: string): Promise<unknown> => {
      const { data } = (await (await get(server, ROWS, basic(server.project(name).keys))).json()) as {
        data: { id: string }[]
      }
      return data.map(({ id }) => id)
    }
    expect([await of('prod'), await of('dev')]).toEqual([['p'], ['d']])
    expect(await (await get(server, '/api/public/projects')).json()).toEqual({
      data: [
        {
          id: 'project-prod',
          name: 'prod',
          organization: { id: 'org-acme', name: 'acme' },
          metadata: {},
          retentionDays: 30,
        },
      ],
    })
  })
})

describe('which reads there are', () => {
  const LEGACY = [
    '/metrics',
    '/metrics/daily',
    '/traces',
    '/traces/t1',
    '/observations',
    '/sessions',
    '/scores',
    '/v2/scores',
  ]

  test('where only events are written, every read of version 3 is 404 before anybody looks at the key', async () => {
    const server = await start()
    for (const path of LEGACY) {
      const answer = await get(server, `/api/public${path}`, null)
      expect([path, answer.status]).toEqual([path, 404])
      expect(((await answer.json()) as { message: string }).message).toContain('events_only')
    }
  })

  test('in dual mode the v2 reads and those of version 3 answer, and those want a key', async () => {
    const server = await start({ mode: 'dual' })
    for (const path of [
      ROWS,
      METRICS,
      '/api/public/v3/scores',
      '/api/public/observations?limit=1',
      '/api/public/traces',
    ])
      expect([path, (await get(server, path)).status]).toEqual([path, 200])
    expect((await get(server, '/api/public/traces', null)).status).toBe(401)
  })

  test('in legacy mode there are no v2 metrics; without the reads of version 4 no v2 rows either, and that is said after the key', async () => {
    const server = await start({ mode: 'legacy' })
    const metrics = await get(server, METRICS)
    expect([metrics.status, ((await metrics.json()) as { error: string }).error]).toEqual([
      404,
      'LangfuseNotFoundError',
    ])
    expect((await get(server, ROWS)).status).toBe(200)
    server.set({ v4Reads: false, version: '3.225.4' })
    expect((await get(server, ROWS)).status).toBe(404)
    expect((await get(server, ROWS, null)).status).toBe(401)
    expect(await (await get(server, '/api/public/health', null)).json()).toEqual({ status: 'OK', version: '3.225.4' })
  })

  test('another method is 405, an unknown path 404', async () => {
    const server = await start()
    const post = await fetch(`${server.url}${ROWS}`, { method: 'POST', headers: { authorization: basic(server.keys) } })
    expect([post.status, await post.json()]).toMatchObject([405, { error: 'MethodNotAllowedError' }])
    expect((await get(server, '/api/public/no/such/path')).status).toBe(404)
  })
})

describe('health', () => {
  test('is open to all, names the version, and is 503 when the database is away', async () => {
    const server = await start()
    expect(await (await get(server, '/api/public/health', null)).json()).toEqual({ status: 'OK', version: '4.16.0' })
    expect((await get(server, '/api/public/ready', null)).status).toBe(200)
    server.set({ healthy: false })
    expect((await get(server, '/api/public/health', null)).status).toBe(503)
    expect((await get(server, '/api/public/ready', null)).status).toBe(500)
  })

  test('can be asked to fail when nothing came within three minutes', async () => {
    let now = NOON
    const server = await start({ now: () => now })
    const path = '/api/public/health?failIfNoRecentEvents=true'
    expect((await get(server, path, null)).status).toBe(503)
    server.put({ id: 'one', start: NOON - 3_600_000 })
    expect((await get(server, path, null)).status).toBe(200)
    now += 180_001
    expect((await get(server, path, null)).status).toBe(503)
  })

  test('of the worker is told beside, and jobs by queue to the administrator alone', async () => {
    const server = await start()
    expect(await (await get(server, '/api/health', null)).json()).toEqual({ status: 'ok' })
    server.set({ queues: { 'otel-ingestion-queue': { active: 1, waiting: 40, failed: 2 }, 'ingestion-queue': null } })
    expect((await get(server, '/api/admin/bullmq')).status).toBe(401)
    expect(await (await get(server, '/api/admin/bullmq', `Bearer ${server.adminKey}`)).json()).toEqual([
      { queueName: 'otel-ingestion-queue', jobCount: { active: 1, waiting: 40, failed: 2 } },
      { queueName: 'ingestion-queue', jobCount: null },
    ])
    server.set({ healthy: false })
    expect((await get(server, '/api/health', null)).status).toBe(500)
  })
})

describe('rate limits of Langfuse Cloud', () => {
  test('the 100th request for metrics within an hour of the first is refused, rows are counted apart, and the window ends', async () => {
    let now = NOON
    const server = await start({ cloud: 'core', now: () => now })
    expect((await get(server, METRICS)).status).toBe(200)
    now += 600_000
    for (let n = 2; n <= 99; n++) expect((await get(server, METRICS)).status).toBe(200)
    const refused = await get(server, METRICS)
    const resetAt = new Date(NOON + 3_600_000)
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('3000')
    expect(refused.headers.get('x-ratelimit-limit')).toBe('100')
    expect(refused.headers.get('x-ratelimit-remaining')).toBe('0')
    expect(refused.headers.get('x-ratelimit-reset')).toBe(resetAt.toString())
    expect(await refused.json()).toEqual({
      message: expect.any(String),
      code: 'rate_limited',
      details: { retryAfterSeconds: 3000, limit: 100, remaining: 0, resetAt: resetAt.toISOString() },
    })
    expect((await get(server, ROWS)).status).toBe(200)
    expect((await get(server, '/api/public/projects')).status).toBe(200)
    now = NOON + 3_600_000
    expect((await get(server, METRICS)).status).toBe(200)
  })

  test('projects of one organization share a window, others do not; self-hosted nobody is refused', async () => {
    const projects = [{ name: 'a' }, { name: 'b' }, { name: 'c', organization: 'zen' }]
    const server = await start({ cloud: 'hobby', projects })
    const ask = async (name: string): Promise<number> =>
      (await get(server, ROWS, basic(server.project(name).keys))).status
    for (let n = 0; n < 29; n++) expect(await ask(n % 2 === 0 ? 'a' : 'b')).toBe(200)
    expect([await ask('a'), await ask('b'), await ask('c')]).toEqual([429, 429, 200])
    server.set({ cloud: null })
    expect(await ask('a')).toBe(200)
  })
})

describe('faults', () => {
  const HOUR_LONG: PlacedFault = { kind: 'rate_limited', retryAfterSeconds: 3600, path: '/v2/metrics' }

  test('come in the order asked for, on their path alone, and never on health', async () => {
    const server = await start()
    server.fail(HOUR_LONG, { kind: 'too_long' }, { kind: 'too_large' }, { kind: 'error', status: 503 })
    expect((await get(server, '/api/public/health', null)).status).toBe(200)
    const limited = await get(server, METRICS)
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '3600'])
    const long = await get(server, ROWS)
    expect([long.status, await long.json()]).toMatchObject([422, { error: 'Request timed out' }])
    const large = await get(server, ROWS)
    expect([large.status, await large.json()]).toMatchObject([422, { error: 'PayloadTooLargeError' }])
    expect((await get(server, ROWS)).status).toBe(503)
    expect((await get(server, ROWS)).status).toBe(200)
    expect(server.stats()).toEqual({
      requests: { '/health': 1, '/v2/metrics': 1, '/v2/observations': 4 },
      statuses: { 200: 2, 422: 2, 429: 1, 503: 1 },
    })
  })

  test('one that lasts befalls every answer until it is taken away', async () => {
    const server = await start({ fault: { kind: 'error', status: 502 } })
    expect([(await get(server, ROWS)).status, (await get(server, METRICS)).status]).toEqual([502, 502])
    server.set({ fault: null })
    expect((await get(server, ROWS)).status).toBe(200)
  })

  test('a torn answer breaks off inside its JSON, a reset one never begins', async () => {
    const server = await start()
    server.put({ id: 'one', start: NOON })
    server.fail({ kind: 'torn' }, { kind: 'reset' })
    const torn = await get(server, ROWS)
    expect(torn.status).toBe(200)
    await expect(torn.text()).rejects.toThrow()
    await expect(get(server, ROWS)).rejects.toThrow()
    expect(server.stats().statuses).toEqual({ 0: 1, 200: 1 })
  })

  test('a slow answer waits, then comes whole', async () => {
    const waits: number[] = []
    const server = await start({ sleep: async (ms) => void waits.push(ms) })
    server.fail({ kind: 'slow', ms: 45_000 })
    expect((await get(server, ROWS)).status).toBe(200)
    expect(waits).toEqual([45_000])
  })

  test('while it is down the port refuses, and what was there is there after it', async () => {
    const server = await start()
    server.put({ id: 'one', start: NOON })
    await server.down()
    await expect(get(server, '/api/public/health', null)).rejects.toThrow()
    await server.up()
    expect(((await (await get(server, ROWS)).json()) as { data: unknown[] }).data.length).toBe(1)
  })

  test('64-bit integers, or all numbers, are texts when asked', async () => {
    const server = await start({ numbers: 'integers' })
    server.put({
      id: 'one',
      start: NOON,
      end: NOON + 2000,
      usage: { input: 7 },
      cost: { total: 0.25 },
      promptVersion: 3,
    })
    const path = `${ROWS}?fields=usage,prompt`
    const row = async (): Promise<unknown> => ((await (await get(server, path)).json()) as { data: unknown[] }).data[0]
    expect(await row()).toMatchObject({
      usageDetails: { input: '7', total: '7' },
      totalUsage: '7',
      totalCost: 0.25,
      latency: 2,
      promptVersion: 3,
    })
    const counted = async (): Promise<unknown> =>
      ((await (await get(server, METRICS)).json()) as { data: unknown[] }).data
    expect(await counted()).toEqual([{ count_count: '1' }])
    server.set({ numbers: 'all' })
    expect(await row()).toMatchObject({
      totalCost: '0.25',
      costDetails: { total: '0.25' },
      latency: '2',
      promptVersion: '3',
    })
    server.set({ numbers: 'plain' })
    expect(await counted()).toEqual([{ count_count: 1 }])
  })
})
