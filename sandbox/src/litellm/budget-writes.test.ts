import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { createTraffic } from '../traffic.ts'
import type { DirectorySettings } from './directory-settings.ts'
import { type Litellm, startLitellm } from './server.ts'

interface Exchange {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: object
  readonly status: number
  readonly answer: unknown
}

/** What the real LiteLLM 1.106.2 answered to these requests, in this order, from an empty database on. */
const REAL = JSON.parse(
  readFileSync(new URL('../fixtures/litellm-1.106.2/budget-writes.json', import.meta.url), 'utf8'),
) as readonly Exchange[]
const CAPTURED = Date.UTC(2026, 10, 22, 18, 40)
const FROM = Date.UTC(2026, 10, 3, 9)
const calls = [...createTraffic({ seed: 5 }).calls(FROM, FROM + 600_000)]

const open: Litellm[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

interface StandIn {
  now: number
  ask(method: string, path: string, body?: object, key?: string): Promise<{ status: number; answer: unknown }>
  customer(id: string): Promise<Readonly<Record<string, unknown>> | undefined>
}

async function standIn(directory: DirectorySettings, options: { calls?: typeof calls; now: number }): Promise<StandIn> {
  const one: Partial<StandIn> & { now: number } = { now: options.now }
  const { calls = [] } = options
  const server = await startLitellm({ calls, now: () => one.now, record: { slim: true }, directory })
  open.push(server)
  const ask: StandIn['ask'] = async (method, path, body, key = server.masterKey) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    const answer = await fetch(server.url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
    return { status: answer.status, answer: await answer.json() }
  }
  const customer: StandIn['customer'] = async (id) =>
    ((await ask('GET', '/customer/list')).answer as { user_id: string }[]).find(({ user_id }) => user_id === id)
  return Object.assign(one, { ask, customer })
}

const UUID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/
const MADE = /^2026-11-22T\d\d:\d\d:\d\d(?:\.\d{6})?Z$/
/** A customer's own budget ends so long after it was made. */
const ENDS = /^2026-11-23T18:\d\d:\d\d(?:\.\d{6})?Z$/

/** Without what differs from time to time: when something was made, ids that were made up, the order of lists. */
function settled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(settled).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  if (typeof value === 'string')
    return UUID.test(value) ? 'made up' : MADE.test(value) ? 'made' : ENDS.test(value) ? 'a day later' : value
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, settled(inner)]))
}

describe('writing budgets and customers', () => {
  test('is answered as by the real one, request by request', async () => {
    const { ask } = await standIn({ keys: [] }, { now: CAPTURED })
    for (const { method, path, body, status, answer } of REAL)
      expect(settled({ path, body, ...(await ask(method, path, body)) })).toEqual(
        settled({ path, body, status, answer }),
      )
    expect(new Set(REAL.map(({ status }) => status))).toEqual(new Set([200, 400, 404, 422, 500]))
  })

  test('sets the spend of a budget to zero when the time has come and it is next looked for', async () => {
    const end = FROM + 3_600_000
    const directory = { customers: [{ id: 'acme', budget: 'b' }], budgets: [{ id: 'b', max: 1, duration: '1d' }] }
    const world = await standIn(directory, { calls, now: end })
    const id = calls.find(({ cost, customer }) => cost !== null && cost > 0n && customer !== null)?.customer ?? ''
    const spent = Number((await world.customer(id))?.spend)
    expect(spent).toBeGreaterThan(0)
    await world.ask('POST', '/customer/update', { user_id: id, budget_id: 'b' })
    expect((await world.customer(id))?.spend).toBe(spent)
    world.now += 600_000
    expect(await world.customer(id)).toMatchObject({
      spend: 0,
      litellm_budget_table: { budget_reset_at: '2026-11-04T00:00:00Z' },
    })
  })

  test('is for the master key alone, and not there in a version without it', async () => {
    const { ask } = await standIn({ without: ['/budget/new'] }, { now: CAPTURED })
    expect((await ask('POST', '/budget/delete', { id: 'b' }, 'sk-somebody-elses')).status).toBe(401)
    expect((await ask('POST', '/budget/new', { budget_id: 'b' })).status).toBe(404)
    const { paths } = (await ask('GET', '/openapi.json')).answer as { paths: object }
    expect(paths).not.toHaveProperty('/budget/new')
    expect(paths).toHaveProperty('/customer/update')
  })
})
