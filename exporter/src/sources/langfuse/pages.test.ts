import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { langfuseClient, type LangfuseClient } from '../../clients/langfuse.ts'
import { type Page, readSlice, storeV1, storeV2 } from './pages.ts'

const never = new AbortController().signal
const SLICE = { from: 0, to: 3_600_000 }

let server: Server
let client: LangfuseClient
let answer: (url: URL, response: ServerResponse) => void

beforeEach(async () => {
  server = createServer((request: IncomingMessage, response) =>
    answer(new URL(request.url ?? '', 'http://x'), response),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  client = langfuseClient({ baseUrl, publicKey: 'pk', secretKey: 'sk', timeoutMs: 60_000, now: () => 0 })
})
afterEach(async () => {
  client.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const ids = (pages: readonly Page[]) => pages.flatMap(({ records }) => records.map(({ id }) => id))
async function read(store = storeV2(client)): Promise<readonly Page[]> {
  const pages: Page[] = []
  await readSlice(SLICE, store, async (page) => void pages.push(page), never)
  return pages
}

describe('pages', () => {
  it('are followed by their cursor to the page without one', async () => {
    answer = (url, response) => {
      const n = Number(url.searchParams.get('cursor') ?? 0)
      response.end(JSON.stringify({ data: [{ id: `r${n}` }], meta: n < 3 ? { cursor: String(n + 1) } : {} }))
    }
    expect(ids(await read())).toEqual(['r0', 'r1', 'r2', 'r3'])
  })

  it.each([
    ['that repeats', ['again', 'again']],
    ['that leads back', ['one', 'two', 'one']],
  ])('of a cursor %s are told of instead of followed for ever', async (_, cursors) => {
    let n = 0
    answer = (_url, response) => response.end(JSON.stringify({ data: [], meta: { cursor: cursors[n++] } }))
    await expect(read()).rejects.toThrow(/v2\/observations leads from page to page in a circle/)
  })

  it.each([
    ['{"data":[{"id":"a"},{"id":', /broke off at byte \d+/],
    ['{"message":"what?"}', /without a list of rows/],
    ['<html>', /broke off|without a list/],
  ])('that are %s are none', async (body, reason) => {
    answer = (_url, response) => response.end(body)
    const taken: Page[] = []
    await expect(readSlice(SLICE, storeV2(client), async (page) => void taken.push(page), never)).rejects.toThrow(
      reason,
    )
    expect(taken).toEqual([])
  })

  it('of the first version go by their number, with the traces before them', async () => {
    const asked: string[] = []
    answer = (url, response) => {
      asked.push(`${url.pathname} ${url.searchParams.get('page')}`)
      const page = Number(url.searchParams.get('page'))
      const what = url.pathname.endsWith('/traces') ? { id: 't', userId: 'acme', tags: ['a:b'] } : { id: `o${page}` }
      response.end(JSON.stringify({ data: [what], meta: { page, limit: 100, totalItems: 2, totalPages: 2 } }))
    }
    const store = storeV1(client)
    expect(ids(await read(store))).toEqual(['o1', 'o2'])
    const [traces, observations] = ['/api/public/traces', '/api/public/observations']
    expect(asked).toEqual([`${traces} 1`, `${traces} 2`, `${observations} 1`, `${observations} 2`])
    expect(store.traceOf('t')).toMatchObject({ user: 'acme', tags: ['a:b'] })
    expect(store.traceOf('other')).toBeNull()
  })

  it('of scores go by number where there is only their second version', async () => {
    answer = (url, response) => {
      const page = Number(url.searchParams.get('page'))
      response.end(JSON.stringify({ data: [{ id: `${url.pathname}#${page}` }], meta: { page, totalPages: 2 } }))
    }
    const pages: Page[] = []
    for await (const page of storeV1(client).scores(SLICE, never)) pages.push(page)
    expect(ids(pages)).toEqual(['/api/public/v2/scores#1', '/api/public/v2/scores#2'])
  })
})

describe('a slice that is too much', () => {
  it('is cut into slices that meet, without a gap or an overlap', async () => {
    const asked: [number, number][] = []
    answer = (url, response) => {
      const [from, to] = ['fromStartTime', 'toStartTime'].map((name) => Date.parse(url.searchParams.get(name) ?? ''))
      if ((to as number) - (from as number) > 600_000) return void response.writeHead(422).end('{}')
      asked.push([from as number, to as number])
      response.end('{"data":[]}')
    }
    await read()
    asked.sort(([a], [b]) => a - b)
    expect(asked[0]?.[0]).toBe(SLICE.from)
    expect(asked.at(-1)?.[1]).toBe(SLICE.to)
    for (const [i, [from]] of asked.entries()) if (i > 0) expect(from).toBe(asked[i - 1]?.[1])
  })

  it('even in its last second is asked for with fewer rows a page, and then told of', async () => {
    const limits = new Set<string | null>()
    let most = 0
    answer = (url, response) => {
      const limit = url.searchParams.get('limit')
      limits.add(limit)
      response.writeHead(Number(limit) > most ? 422 : 200).end('{"data":[]}')
    }
    await expect(readSlice({ from: 0, to: 2000 }, storeV2(client), async () => {}, never)).rejects.toThrow(
      /no answer even for the 1000 ms from 1970-01-01T00:00:00.000Z, 10 rows at a time/,
    )
    expect([...limits]).toEqual(['500', '125', '31', '10'])
    most = 31
    await readSlice({ from: 0, to: 2000 }, storeV2(client), async () => {}, never)
  })
})
