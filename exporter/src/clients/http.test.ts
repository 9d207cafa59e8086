import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { HttpError, httpClient, retryAfter } from './http.ts'
import { litellmClient } from './litellm.ts'

const open: Server[] = []
const never = new AbortController().signal

async function listen(handler: RequestListener): Promise<string> {
  const server = createServer(handler)
  open.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
afterEach(async () => {
  for (const server of open.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

const client = (baseUrl: string, timeoutMs = 5000) =>
  httpClient({ baseUrl, key: 'sk-own-key-123', timeoutMs, now: () => 0 })
const failed = async (call: Promise<unknown>): Promise<HttpError> => {
  const error = await call.then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(HttpError)
  return error as HttpError
}

describe('httpClient', () => {
  it('sends its key and reads JSON, packed or not', async () => {
    const url = await listen((req, res) => {
      res
        .writeHead(200, { 'content-encoding': 'gzip' })
        .end(gzipSync(JSON.stringify({ key: req.headers.authorization, url: req.url })))
    })
    expect(await client(`${url}/base/`).json('/x', { a: 'b c' }, never)).toEqual({
      key: 'Bearer sk-own-key-123',
      url: '/base/x?a=b+c',
    })
  })

  it('posts JSON with its key, reads the JSON that answers it, and says what it did when that fails', async () => {
    const url = await listen(async (req, res) => {
      let body = ''
      for await (const part of req) body += String(part)
      const { method, headers } = req
      const { authorization, 'content-type': type } = headers
      res.writeHead(req.url === '/x' ? 200 : 400).end(JSON.stringify({ method, authorization, type, body }))
    })
    expect(await client(url).post('/x', { a: [1, null] }, never)).toEqual({
      method: 'POST',
      authorization: 'Bearer sk-own-key-123',
      type: 'application/json',
      body: '{"a":[1,null]}',
    })
    const error = await failed(client(url).post('/y', {}, never))
    expect(error.message).toMatch(/^POST http:\/\/127\.0\.0\.1:\d+\/y answered 400: /)
    expect(error.status).toBe(400)
  })

  it('uses a connection again', async () => {
    const ports = new Set<number | undefined>()
    const url = await listen((req, res) => {
      ports.add(req.socket.remotePort)
      res.end('{}')
    })
    const http = client(url)
    for (let i = 0; i < 3; i++) await http.json('/', {}, never)
    expect(ports.size).toBe(1)
    http.close()
  })

  it('says method, address, status and the beginning of the answer, and no secret', async () => {
    const url = await listen((_, res) => {
      res.writeHead(500, { 'retry-after': '3' }).end(`boom sk-own-key-123 ${'x y '.repeat(1000)}`)
    })
    const error = await failed(
      client(url.replace('//', '//user:word@')).json('/spend', { page: '1', api_key: 'hidden' }, never),
    )
    expect(error).toMatchObject({ kind: 'status', status: 500, retryAfterMs: 3000 })
    expect(error.message).toMatch(/^GET http:\/\/127\.0\.0\.1:\d+\/spend\?page=1 answered 500: boom … x y/)
    expect(error.excerpt.length).toBeLessThanOrEqual(256)
    expect(error.message).not.toMatch(/user|word|hidden|own-key/)
  })

  it('can be asked what an answer said that no excerpt may show', async () => {
    const message = 'Authentication Error, Database not connected: set the variable DATABASE_URL'
    const url = await listen((_, res) => {
      res.writeHead(500).end(JSON.stringify({ error: { message } }))
    })
    const error = await failed(client(url).json('/', {}, never))
    expect(error.says(/database not connected/i)).toBe(true)
    expect(error.says(/something else/)).toBe(false)
    expect(error.excerpt + error.message + JSON.stringify(error) + inspect(error)).not.toContain(
      'Database not connected',
    )
  })

  it('does not follow redirects, which would carry the key elsewhere', async () => {
    const url = await listen((_, res) => {
      res.writeHead(302, { location: 'http://example.test/' }).end()
    })
    expect(await failed(client(url).json('/', {}, never))).toMatchObject({ kind: 'status', status: 302 })
  })

  it('tells when nobody listens', async () => {
    const error = await failed(client('http://127.0.0.1:1').json('/', {}, never))
    expect(error).toMatchObject({ kind: 'network', status: null })
    expect(error.message).toContain('ECONNREFUSED')
  })

  it('gives up at the deadline, also in the middle of a body', async () => {
    const url = await listen((req, res) => {
      if (req.url === '/half') res.write('{"a":')
    })
    expect(await failed(client(url, 30).json('/none', {}, never))).toMatchObject({ kind: 'deadline' })
    expect(await failed(client(url, 30).json('/half', {}, never))).toMatchObject({ kind: 'deadline' })
  })

  it('stops when asked to, also in the middle of a body', async () => {
    const url = await listen((_, res) => {
      res.write('x')
    })
    const stop = new AbortController()
    const answer = await client(url).stream('/', {}, stop.signal)
    const reading = failed(
      (async () => {
        for await (const _ of answer.body) stop.abort()
      })(),
    )
    expect(await reading).toMatchObject({ kind: 'aborted' })
    expect(await failed(client(url).stream('/', {}, AbortSignal.abort()))).toMatchObject({ kind: 'aborted' })
  })

  it('tells when a body breaks off, or is no JSON', async () => {
    const url = await listen((req, res) => {
      if (req.url === '/text') res.end('hello')
      else {
        res.writeHead(200, { 'content-length': '100' })
        res.write('{"a":')
        setImmediate(() => res.destroy())
      }
    })
    expect(await failed(client(url).json('/', {}, never))).toMatchObject({ kind: 'network' })
    expect((await failed(client(url).json('/text', {}, never))).message).toContain('not JSON')
  })
})

describe('retryAfter', () => {
  it.each([
    ['7', 7000],
    ['0.5', 500],
    ['Thu, 01 Jan 1970 00:00:09 GMT', 9000],
    ['999999', 3_600_000],
    ['Wed, 01 Jan 1969 00:00:00 GMT', 0],
    ['soon', null],
    ['', null],
    [undefined, null],
  ])('reads %s', (value, expected) => expect(retryAfter(value, 0)).toBe(expected))
})

describe('litellmClient', () => {
  it('asks for a page of the spend log in the only form that LiteLLM reads', async () => {
    let asked = ''
    const url = await listen((req, res) => {
      asked = req.url ?? ''
      res.end('{"data":[]}')
    })
    const litellm = litellmClient({ baseUrl: url, key: null, timeoutMs: 5000, now: () => 0 })
    const answer = await litellm.spendLogs(
      { from: Date.UTC(2026, 10, 22, 9, 27, 12), to: Date.UTC(2026, 10, 22, 11), page: 2, pageSize: 100 },
      never,
    )
    for await (const _ of answer.body);
    const query = new URL(asked, url).searchParams
    expect(Object.fromEntries(query)).toEqual({
      start_date: '2026-11-22 09:27:12',
      end_date: '2026-11-22 11:00:00',
      page: '2',
      page_size: '100',
      sort_by: 'startTime',
      sort_order: 'asc',
    })
  })

  it('finds the paths that a long description names, wherever its pieces are cut, and no other', async () => {
    const said = JSON.stringify({ description: 'not "/budget/list": {} but said so' })
    const url = await listen((_, res) => {
      res.write(`{"info":${said},"paths":{"/x":"${'y'.repeat(100_000)}","/customer/`)
      setImmediate(() => res.end(`list" : {"get":{}},"/key/list/more":{},"\\/key\\/list":{}}}`))
    })
    const litellm = litellmClient({ baseUrl: url, key: null, timeoutMs: 5000, now: () => 0 })
    const wanted = ['/customer/list', '/key/list', '/budget/list']
    expect(await litellm.endpoints(wanted, never)).toEqual(new Set(['/customer/list', '/key/list']))
  })

  it('reads prices, and the version from the head of a long description', async () => {
    const url = await listen((req, res) => {
      if (req.url === '/openapi.json')
        res.end(
          `{"openapi":"3.1.0","info":{"title":"LiteLLM API","version":"1.106.2"},"paths":{"x":"${'y'.repeat(2_000_000)}"}}`,
        )
      else res.end('{"gpt-4o":{"input_cost_per_token":2.5e-06}}')
    })
    const litellm = litellmClient({ baseUrl: url, key: null, timeoutMs: 5000, now: () => 0 })
    expect(await litellm.version(never)).toBe('1.106.2')
    expect(await litellm.costMap(never)).toEqual({ 'gpt-4o': { input_cost_per_token: 2.5e-6 } })
    litellm.close()
  })
})
