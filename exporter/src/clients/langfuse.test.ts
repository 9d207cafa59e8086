import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { langfuseClient, langfuseQueues, langfuseWriter } from './langfuse.ts'

const open: Server[] = []
const never = new AbortController().signal
const NOW = Date.UTC(2026, 10, 22, 10)

async function client(handler: RequestListener) {
  const server = createServer(handler)
  open.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const keys = { publicKey: 'pk-lf-1', secretKey: 'sk-lf-1' }
  return { baseUrl, langfuse: langfuseClient({ baseUrl, ...keys, timeoutMs: 5000, now: () => NOW }) }
}
afterEach(async () => {
  for (const server of open.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

describe('langfuseWriter', () => {
  const span = {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    parentSpanId: null,
    name: 'marginwatch.block',
    start: NOW,
    end: NOW + 1,
    attributes: { 'user.id': 'acme' },
  }

  async function writer(handler: RequestListener) {
    const { baseUrl } = await client(handler)
    const keys = { publicKey: 'pk-lf-1', secretKey: 'sk-lf-1' }
    return langfuseWriter({ baseUrl, ...keys, timeoutMs: 5000, now: () => NOW })
  }

  it('posts spans as OTLP, with the keys and the version under which they can be read at once', async () => {
    const got: { url: string | undefined; headers: object; body: unknown }[] = []
    const langfuse = await writer(async (req, res) => {
      const parts: Buffer[] = []
      for await (const part of req) parts.push(part as Buffer)
      got.push({ url: req.url, headers: req.headers, body: JSON.parse(Buffer.concat(parts).toString()) })
      res.end('whatever')
    })
    await langfuse.write([span, { ...span, parentSpanId: '0000000000000001' }], never)
    langfuse.close()
    const written = {
      traceId: span.traceId,
      spanId: span.spanId,
      name: span.name,
      kind: 1,
      startTimeUnixNano: '1795341600000000000',
      endTimeUnixNano: '1795341600001000000',
      attributes: [{ key: 'user.id', value: { stringValue: 'acme' } }],
    }
    expect(got).toEqual([
      {
        url: '/api/public/otel/v1/traces',
        headers: expect.objectContaining({
          authorization: `Basic ${Buffer.from('pk-lf-1:sk-lf-1').toString('base64')}`,
          'content-type': 'application/json',
          'x-langfuse-ingestion-version': '4',
        }),
        body: {
          resourceSpans: [
            {
              resource: { attributes: [{ key: 'service.name', value: { stringValue: 'marginwatch' } }] },
              scopeSpans: [
                { scope: { name: 'marginwatch' }, spans: [written, { ...written, parentSpanId: '0000000000000001' }] },
              ],
            },
          ],
        },
      },
    ])
  })

  it('says what Langfuse answered, and how long it asks to wait', async () => {
    const langfuse = await writer((_, res) => res.writeHead(429, { 'retry-after': '90' }).end('{}'))
    await expect(langfuse.write([span], never)).rejects.toMatchObject({ status: 429, retryAfterMs: 90_000 })
    langfuse.close()
  })
})

describe('langfuseClient', () => {
  const PAGE = { from: NOW - 1000, to: NOW, limit: 50, cursor: null }
  const TIMES = { fromStartTime: '2026-11-22T09:59:59.000Z', toStartTime: '2026-11-22T10:00:00.000Z' }
  const STAMPS = { fromTimestamp: TIMES.fromStartTime, toTimestamp: TIMES.toStartTime }
  const GROUPS = 'core,basic,time,metadata,model,usage,prompt,metrics,trace_context'

  it.each([
    [
      'observations',
      null,
      '/v2/observations',
      { ...TIMES, limit: '50', fields: GROUPS, expandMetadata: 'attributes.metadata' },
    ],
    [
      'observations',
      'abc=',
      '/v2/observations',
      { ...TIMES, limit: '50', cursor: 'abc=', fields: GROUPS, expandMetadata: 'attributes.metadata' },
    ],
    ['observationsV1', null, '/observations', { ...TIMES, limit: '50', page: '1' }],
    ['observationsV1', '7', '/observations', { ...TIMES, limit: '50', page: '7' }],
    ['tracesV1', null, '/traces', { ...STAMPS, limit: '50', page: '1', fields: 'core' }],
    ['scores', 'abc', '/v3/scores', { ...STAMPS, limit: '50', cursor: 'abc', fields: 'subject' }],
    ['scoresV2', '2', '/v2/scores', { ...STAMPS, limit: '50', page: '2' }],
  ] as const)(
    'asks for %s behind %j with the keys of the project, and never for what was said',
    async (what, cursor, path, query) => {
      let asked = ''
      let authorization: string | undefined
      const { langfuse } = await client((req, res) => {
        asked = req.url ?? ''
        authorization = req.headers.authorization
        res.end('{"data":[]}')
      })
      const answer = await langfuse[what]({ ...PAGE, cursor }, never)
      for await (const _ of answer.body);
      const url = new URL(asked, 'http://x')
      expect(url.pathname).toBe(`/api/public${path}`)
      expect(Object.fromEntries(url.searchParams)).toEqual(query)
      expect(authorization).toBe(`Basic ${Buffer.from('pk-lf-1:sk-lf-1').toString('base64')}`)
      langfuse.close()
    },
  )

  it('knows the version, the project, and how far its clock is ahead', async () => {
    const { langfuse } = await client((req, res) => {
      res.setHeader('date', new Date(NOW + 90_000).toUTCString())
      const data = [{ id: 'p1', name: 'prod' }]
      res.end(JSON.stringify(req.url?.endsWith('/health') ? { status: 'OK', version: '4.16.0' } : { data }))
    })
    expect(langfuse.skewMs()).toBe(0)
    expect(await langfuse.version(never)).toBe('4.16.0')
    expect(await langfuse.project(never)).toEqual({ id: 'p1', name: 'prod' })
    expect(langfuse.skewMs()).toBe(90_000)
    langfuse.close()
  })

  it.each(['{}', '[]', '{"data":[]}', '{"data":[{}]}', '{"data":null}'])('finds no project in %s', async (body) => {
    const { langfuse } = await client((_, res) => res.end(body))
    expect(await langfuse.project(never)).toBeNull()
    langfuse.close()
  })

  it('tells of an answer that is no JSON', async () => {
    const { langfuse } = await client((_, res) => res.end('<html>'))
    await expect(langfuse.version(never)).rejects.toThrow('/api/public/health answered something that is not JSON')
    langfuse.close()
  })

  it('asks the metrics with its question as JSON', async () => {
    const { langfuse } = await client((req, res) => {
      const query = new URL(req.url ?? '', 'http://x').searchParams.get('query')
      res.end(JSON.stringify({ data: [JSON.parse(query ?? '')] }))
    })
    expect(await langfuse.metrics({ view: 'observations' }, never)).toEqual([{ view: 'observations' }])
    langfuse.close()
  })

  it('reads queues with the key of the administrator, whatever is among them', async () => {
    const { baseUrl, langfuse } = await client((req, res) => {
      const queues = [
        { queueName: 'a', jobCount: { waiting: 3, active: '1', odd: -1, worse: 'x' } },
        { queueName: 'b', jobCount: null },
        { queueName: '' },
        null,
      ]
      res.end(req.headers.authorization === 'Bearer admin' ? JSON.stringify(queues) : '[]')
    })
    expect(await langfuseQueues({ baseUrl, key: 'admin', timeoutMs: 5000, now: () => NOW }, never)).toEqual([
      { queue: 'a', jobs: { waiting: 3, active: 1 } },
      { queue: 'b', jobs: null },
    ])
    langfuse.close()
  })
})
