import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { nanoCost } from '../models.ts'
import { createTraffic } from '../traffic.ts'
import type { DirectorySettings } from './directory-settings.ts'
import { type Litellm, startLitellm } from './server.ts'

type Json = Readonly<Record<string, unknown>>

/** What the real LiteLLM 1.106.2 answered. */
const REAL = JSON.parse(
  readFileSync(new URL('../fixtures/litellm-1.106.2/directory.json', import.meta.url), 'utf8'),
) as { customers: Json[]; keys: Json & { keys: Json[] }; hashes: Json & { keys: unknown[] }; budgets: Json[] }

const FROM = Date.UTC(2026, 10, 3, 9)
const calls = [...createTraffic({ seed: 5 }).calls(FROM, FROM + 600_000)]
const GOLD = { id: 'tier-gold', max: 0.001, soft: 0.0008, duration: '30d', resetAt: '2026-12-01T00:00:00Z' }

const open: Litellm[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

async function ask(
  directory: DirectorySettings,
  path: string,
  key?: string,
): Promise<{ status: number; body: unknown }> {
  const server = await startLitellm({ calls, now: () => FROM + 86_400_000, record: { slim: true }, directory })
  open.push(server)
  const headers = { authorization: `Bearer ${key ?? server.masterKey}` }
  const answer = await fetch(`${server.url}${path}`, { headers })
  return { status: answer.status, body: await answer.json() }
}

/** Keys with the types of their values, null apart: both sides may lack what the other has. */
function misfits(made: Json, real: readonly Json[]): string[] {
  const types = (key: string) => new Set(real.map((one) => typeof one[key]))
  return Object.entries(made).flatMap(([key, value]) =>
    real.some((one) => key in one) && (value === null || types(key).has(typeof value) || types(key).has('object'))
      ? []
      : [key],
  )
}

describe('the lists of an administrator', () => {
  test('have every customer that called, with what it spent, and those that were set up', async () => {
    const directory = { customers: [{ id: 'acme', alias: 'Acme Inc', budget: 'tier-gold' }], budgets: [GOLD] }
    const { body } = await ask(directory, '/customer/list')
    const list = body as Json[]
    expect(list.find(({ user_id }) => user_id === 'acme')).toEqual({
      ...REAL.customers.find(({ user_id }) => user_id === 'acme'),
      spend: 0,
      litellm_budget_table: {
        ...(REAL.customers.find(({ user_id }) => user_id === 'acme')?.litellm_budget_table as Json),
        tpm_limit: null,
        rpm_limit: null,
      },
    })
    const spent = new Map<string, number>()
    for (const call of calls)
      if (call.customer !== null && call.outcome === 'success' && !call.cacheHit && call.model)
        spent.set(call.customer, (spent.get(call.customer) ?? 0) + (nanoCost(call.model, call.tokens) ?? 0))
    for (const [id, nano] of spent) expect(list.find(({ user_id }) => user_id === id)?.spend).toBeCloseTo(nano / 1e9, 9)
    expect(spent.size).toBeGreaterThan(10)
    expect(list.flatMap((one) => misfits(one, REAL.customers))).toEqual([])
    expect(list.map((one) => Object.keys(one))).toEqual(list.map(() => Object.keys(REAL.customers[0] ?? {})))
  })

  test('have keys by the page, as hashes or as a whole', async () => {
    const keys = Array.from({ length: 7 }, (_, i) => ({ alias: `key-${i}`, user: `u${i}`, max: i, metadata: { n: i } }))
    const hashes = (await ask({ keys }, '/key/list?size=5')).body as Json
    expect(Object.keys(hashes)).toEqual(Object.keys(REAL.hashes))
    expect(hashes).toMatchObject({ total_count: 7, current_page: 1, total_pages: 2 })
    for (const hash of hashes.keys as string[]) expect(hash).toMatch(/^[0-9a-f]{64}$/)
    const second = (await ask({ keys }, '/key/list?size=5&page=2&return_full_object=true')).body as { keys: Json[] }
    expect(second.keys.map(({ key_alias }) => key_alias)).toEqual(['key-5', 'key-6'])
    expect(second.keys.flatMap((one) => misfits(one, REAL.keys.keys))).toEqual([])
    expect((await ask({ keys }, '/key/list?size=101')).status).toBe(422)
  })

  test('have the budgets as rows of the table', async () => {
    const { body } = await ask({ budgets: [GOLD] }, '/budget/list')
    const real = REAL.budgets.find(({ budget_id }) => budget_id === 'tier-gold')
    const times = { updated_at: real?.created_at, tpm_limit: null, rpm_limit: null }
    expect(body).toEqual([{ ...real, ...times }])
  })

  test('are for the master key alone', async () => {
    for (const path of ['/customer/list', '/key/list', '/budget/list'])
      expect((await ask({}, path, 'sk-somebody-elses')).status).toBe(401)
  })

  test('are not there in a version that does not have them, and its OpenAPI does not name them', async () => {
    const directory = { without: ['/budget/list'] }
    expect((await ask(directory, '/budget/list')).status).toBe(404)
    const { paths } = (await ask(directory, '/openapi.json')).body as { paths: Json }
    expect(paths).not.toHaveProperty('/budget/list')
    expect(paths).toHaveProperty('/customer/list')
  })
})
