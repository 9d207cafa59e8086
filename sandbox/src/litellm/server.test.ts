import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { Call } from '../call.ts'
import { ATLAS, LOCAL } from '../models.ts'
import { createTraffic } from '../traffic.ts'
import { type Litellm, type LitellmOptions, startLitellm } from './server.ts'

const HOUR = 3_600_000
const FROM = Date.UTC(2026, 10, 3, 9)
const calls = [...createTraffic({ seed: 5 }).calls(FROM, FROM + HOUR)]
const LATER = FROM + 2 * HOUR
const WINDOW = { start_date: '2026-11-03 09:00:00', end_date: '2026-11-03 10:00:00' }

const open: Litellm[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

async function start(options: LitellmOptions = {}): Promise<Litellm> {
  const server = await startLitellm({ now: () => LATER, record: { slim: true }, ...options })
  open.push(server)
  return server
}

interface Page {
  readonly data: readonly Readonly<Record<string, unknown>>[]
  readonly total: number
  readonly total_pages: number
  readonly total_is_capped: boolean
}

function get(server: Litellm, path: string, params: Readonly<Record<string, string>> = {}, key = server.masterKey) {
  const query = new URLSearchParams(params).toString()
  return fetch(`${server.url}${path}${query === '' ? '' : `?${query}`}`, {
    headers: { authorization: `Bearer ${key}` },
  })
}

async function poll(server: Litellm, params: Readonly<Record<string, string>> = {}): Promise<Page> {
  return (await (await get(server, '/spend/logs/v2', { ...WINDOW, ...params })).json()) as Page
}

describe('what it says of itself', () => {
  test('it is alive and ready', async () => {
    const server = await start()
    expect(await (await get(server, '/health/liveliness')).json()).toBe("I'm alive!")
    expect(await (await get(server, '/health/readiness')).json()).toEqual({ status: 'healthy', db: 'connected' })
  })

  test('its OpenAPI names the version and the paths it serves, and each of them answers', async () => {
    const server = await start()
    const api = (await (await get(server, '/openapi.json')).json()) as {
      info: { version: string }
      paths: Record<string, unknown>
    }
    expect(api.info.version).toBe('1.106.2')
    for (const path of Object.keys(api.paths)) expect((await get(server, path)).status).not.toBe(404)
    expect((await get(server, '/no/such/path')).status).toBe(404)
  })

  test('its price map has real prices, explicit zeros for the free deployment only, and nothing for an unknown model', async () => {
    const server = await start()
    const url = '/public/litellm_model_cost_map'
    const map = (await (await get(server, url)).json()) as Record<string, Record<string, unknown>>
    expect(map['gpt-4o']?.input_cost_per_token).toBe(2.5e-6)
    expect(map[LOCAL.id]?.input_cost_per_token).toBe(0)
    expect(map[ATLAS.id]).not.toHaveProperty('input_cost_per_token')
    expect(map[ATLAS.name]).toEqual({})
    const catalog = (await (await get(server, url, { catalog_only: 'true' })).json()) as Record<string, unknown>
    expect(Object.keys(catalog)).not.toContain(ATLAS.name)
  })
})

describe('/spend/logs/v2', () => {
  test('without a key, or with a wrong one, it refuses in LiteLLM’s words', async () => {
    const server = await start({ calls })
    const none = await fetch(`${server.url}/spend/logs/v2`)
    expect(none.status).toBe(401)
    expect(await none.json()).toEqual({
      error: { message: 'Authentication Error, No api key passed in.', type: 'auth_error', param: 'None', code: '401' },
    })
    const wrong = await get(server, '/spend/logs/v2', WINDOW, 'sk-wrong-key-9999')
    expect(wrong.status).toBe(401)
    expect(((await wrong.json()) as { error: { type: string } }).error.type).toBe('token_not_found_in_db')
  })

  test('without dates it refuses as captured', async () => {
    const answer = await get(await start(), '/spend/logs/v2')
    expect(answer.status).toBe(400)
    expect(await answer.json()).toEqual({
      error: {
        message: 'Start date and end date are required',
        type: 'bad_request',
        param: 'None',
        code: '400',
      },
    })
  })

  test.each([
    [{ start_date: '2026-11-03T09:00:00Z' }, 400],
    [{ page_size: '1001' }, 422],
    [{ page: '0' }, 422],
    [{ page: 'one' }, 422],
    [{ sort_order: 'up' }, 400],
    [{ sort_by: 'colour' }, 400],
  ])('it refuses %j with %i', async (params, status) => {
    expect((await get(await start(), '/spend/logs/v2', { ...WINDOW, ...params })).status).toBe(status)
  })

  test('it answers 50 rows a page, newest first, and says how many there are', async () => {
    const server = await start({ calls })
    const page = await poll(server)
    expect(Object.keys(page)).toEqual(['data', 'total', 'page', 'page_size', 'total_pages', 'total_is_capped'])
    expect(page.data.length).toBe(50)
    expect(page.total).toBe(calls.length)
    expect(page.total_pages).toBe(Math.ceil(calls.length / 50))
    expect(page.total_is_capped).toBe(false)
    expect(Date.parse(String(page.data[0]?.startTime))).toBe(calls.at(-1)?.start)
  })

  test('all pages together are all rows, once', async () => {
    const server = await start({ calls })
    const ids: unknown[] = []
    const { total_pages } = await poll(server, { page_size: '100' })
    for (let page = 1; page <= total_pages; page++) {
      const { data } = await poll(server, { page_size: '100', page: String(page), sort_order: 'asc' })
      ids.push(...data.map((row) => row.request_id))
    }
    expect(new Set(ids).size).toBe(calls.length)
    expect(ids.length).toBe(calls.length)
  })

  test('a window ends with the first moment of its last second; a day alone means its midnight', async () => {
    const call = calls[40] as Call
    const second = new Date(Math.floor(call.start / 1000) * 1000).toISOString().slice(0, 19).replace('T', ' ')
    const server = await start({ calls })
    const before = await poll(server, { end_date: second, page_size: '1' })
    expect(Date.parse(String(before.data[0]?.startTime))).toBeLessThan(call.start)
    expect((await poll(server, { start_date: '2026-11-03', end_date: '2026-11-03' })).total).toBe(0)
  })

  test('rows of a call that has not ended, or has only just, are not there yet', async () => {
    let now = FROM
    const server = await start({ calls, now: () => now })
    expect((await poll(server)).total).toBe(0)
    now = FROM + HOUR / 2
    const half = (await poll(server)).total
    expect(half).toBeGreaterThan(calls.length / 4)
    expect(half).toBeLessThan(calls.filter((call) => call.end < now).length)
    now = LATER
    expect((await poll(server)).total).toBe(calls.length)
  })

  test('the count stops at its cap and says so', async () => {
    const server = await start({ calls, countCap: 60 })
    expect(await poll(server)).toMatchObject({ total: 60, total_pages: 2, total_is_capped: true })
    expect((await poll(server, { page: '3' })).data.length).toBe(50)
  })
})

describe('faults', () => {
  test('429 says when to come again', async () => {
    const server = await start({ calls })
    server.fail({ kind: 'rate_limited', retryAfterSeconds: 7 }, { kind: 'error' })
    const first = await get(server, '/spend/logs/v2', WINDOW)
    expect([first.status, first.headers.get('retry-after')]).toEqual([429, '7'])
    expect((await get(server, '/spend/logs/v2', WINDOW)).status).toBe(500)
    expect((await get(server, '/spend/logs/v2', WINDOW)).status).toBe(200)
    expect(server.stats()).toMatchObject({ polls: 3, faults: 2 })
  })

  test('a truncated answer breaks off inside its JSON, a reset one never begins', async () => {
    const server = await start({ calls })
    server.fail({ kind: 'truncated' }, { kind: 'reset' })
    await expect(poll(server)).rejects.toThrow()
    await expect(get(server, '/spend/logs/v2', WINDOW)).rejects.toThrow()
    expect((await poll(server)).total).toBe(calls.length)
  })

  test('a slow answer waits, then comes whole', async () => {
    const waits: number[] = []
    const server = await start({ calls, sleep: async (ms) => void waits.push(ms) })
    server.fail({ kind: 'slow', ms: 30_000 })
    expect((await poll(server)).total).toBe(calls.length)
    expect(waits).toEqual([30_000])
  })

  test('another version has unknown fields, texts for numbers, nulls, and no total_is_capped', async () => {
    const server = await start({ calls })
    server.fail({ kind: 'drift' })
    const page = await poll(server)
    expect(page).not.toHaveProperty('total_is_capped')
    expect(page.data[0]).toMatchObject({ spend: expect.any(String), request_duration_ms: null, carbon_grams: 0.02 })
    expect(page.data[0]).toHaveProperty('request_id')
  })

  test('faults by chance come at the asked share, the same for the same seed', async () => {
    const faults = { share: 0.3, faults: [{ kind: 'error' }] } as const
    const outcomes = async (): Promise<number[]> => {
      const server = await start({ faults, seed: 3 })
      const statuses: number[] = []
      for (let i = 0; i < 40; i++) statuses.push((await get(server, '/spend/logs/v2', WINDOW)).status)
      return statuses
    }
    const first = await outcomes()
    expect(first.filter((status) => status === 500).length).toBeGreaterThan(4)
    expect(first.filter((status) => status === 200).length).toBeGreaterThan(15)
    expect(await outcomes()).toEqual(first)
  })

  test('during a restart the port refuses, what was queued for the push is lost, and the rows are still there after it', async () => {
    let back = (): void => {}
    const down = new Promise<void>((resolve) => {
      back = resolve
    })
    const server = await start({
      push: { url: 'http://127.0.0.1:9/logs', flushMs: 1e9 },
      sleep: (ms, signal) =>
        ms === 1234 ? down : new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
    })
    server.add(calls.slice(0, 5))
    const restarted = server.restart(1234)
    await expect(get(server, '/health/liveliness')).rejects.toThrow()
    back()
    await restarted
    expect((await poll(server)).total).toBe(5)
    expect(server.stats().push?.lost).toBeGreaterThanOrEqual(5)
  })
})

describe('push', () => {
  interface Posted {
    readonly litellm_call_id: string
  }

  /** Takes whatever is posted. */
  async function startReceiver() {
    const got: Posted[] = []
    const receiver = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      got.push(...(JSON.parse(body) as Posted[]))
      response.writeHead(200, { connection: 'close' }).end()
    })
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
    const { port } = receiver.address() as AddressInfo
    const push = { url: `http://127.0.0.1:${port}/`, flushMs: 1e9, loss: 'none' } as const
    return { got, push, close: () => new Promise((resolve) => receiver.close(resolve)) }
  }

  const idsOf = (some: readonly Call[]) => new Set(some.map((call) => call.callId))

  test('calls are posted once they have ended, history that was there from the start is not', async () => {
    const { got, push, close } = await startReceiver()
    let now = FROM
    const server = await start({ calls: calls.slice(0, 10), now: () => now, push })
    server.add(calls.slice(10, 20))
    server.add(calls.slice(20, 30), { push: false })
    await server.flush()
    expect(got).toEqual([])
    now = LATER
    await server.flush()
    await close()
    expect(new Set(got.map((record) => record.litellm_call_id))).toEqual(idsOf(calls.slice(10, 20)))
  })

  test('calls that are late are posted so much after their end, their rows are there as ever', async () => {
    const { got, push, close } = await startReceiver()
    const late = calls.slice(0, 10)
    let now = LATER
    const server = await start({ now: () => now, push })
    server.add(late, { lateMs: 3 * HOUR })
    server.add(calls.slice(10, 20))
    await server.flush()
    expect(new Set(got.map((record) => record.litellm_call_id))).toEqual(idsOf(calls.slice(10, 20)))
    expect((await poll(server)).total).toBe(20)
    now = Math.max(...late.map((call) => call.end)) + 3 * HOUR
    await server.flush()
    await close()
    expect(new Set(got.map((record) => record.litellm_call_id))).toEqual(idsOf(calls.slice(0, 20)))
  })
})
