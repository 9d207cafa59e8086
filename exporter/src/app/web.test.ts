import { Router } from 'express'
import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import { ask } from '../../test/support/http.ts'
import type { KeyRing } from '../http/keys.ts'
import { createServer, type Listening } from '../http/server.ts'
import { METRICS } from '../catalogue.ts'
import { NO_BUDGETS } from '../views/page/budget-model.ts'
import { NO_MARGIN, NOTHING_COMPARED } from '../views/page/margin-model.ts'
import type { PageModel } from '../views/page/model.ts'
import { webApp } from './web.ts'

const NONE: KeyRing = { reader: null, ingest: null, gateway: null, admin: null }
const KEYS: KeyRing = { reader: 'r', ingest: 'i', gateway: null, admin: 'a' }
const MODEL: PageModel = {
  demo: false,
  now: 0,
  timezone: 'UTC',
  spend: { today: 1n, week: 1n, month: 1n, todayCalls: 1, monthCalls: 1 },
  byTier: [],
  byModel: [],
  days: [],
  topCustomers: [],
  topSessions: [],
  unpriced: { models: 0, calls: 0 },
  margin: NO_MARGIN,
  budgets: NO_BUDGETS,
  reconciliation: NOTHING_COMPARED,
  sources: [],
  ledger: { seq: 1, writable: true, reason: null },
  intake: { url: 'http://127.0.0.1/v1/sources/litellm', keyed: true },
}

let server: Listening | undefined
afterEach(async () => {
  await server?.close()
})

async function statuses(keys: KeyRing, headers: Record<string, string> = {}): Promise<Record<string, number>> {
  const routes = Router().post('/v1/sources/x', (_req, res) => void res.send('in'))
  const app = webApp({
    keys: () => keys,
    host: '127.0.0.1',
    log: pino({ level: 'silent' }),
    now: () => 0,
    routes: [routes],
    collectors: [{ name: 'one', collect: () => [{ metric: METRICS.demo, samples: [{ labels: [], value: '0' }] }] }],
    page: () => MODEL,
    health: () => ({
      ledger: { writable: true, reason: null, since: 0, seq: 1 },
      sources: [],
      policy: { ok: true, problems: [] },
      catchingUp: false,
    }),
  })
  server = await createServer({ app, host: '127.0.0.1', port: 0 })
  const found: Record<string, number> = {}
  for (const path of ['/', '/page/fragment', '/metrics', '/healthz', '/readyz', '/nowhere']) {
    found[path] = (await ask(server, path, { headers })).status
  }
  return found
}

describe('the HTTP application', () => {
  it('is open to this machine without keys', async () => {
    expect(await statuses(NONE)).toEqual({
      '/': 200,
      '/page/fragment': 200,
      '/metrics': 200,
      '/healthz': 200,
      '/readyz': 200,
      '/nowhere': 404,
    })
  })

  it('shows numbers only to who has a key for them; probes need none', async () => {
    expect(await statuses(KEYS)).toMatchObject({
      '/': 401,
      '/page/fragment': 401,
      '/metrics': 401,
      '/healthz': 200,
      '/readyz': 200,
    })
    expect(await statuses(KEYS, { authorization: 'Bearer i' })).toMatchObject({ '/': 403, '/metrics': 403 })
    expect(await statuses(KEYS, { authorization: 'Bearer r' })).toMatchObject({
      '/': 200,
      '/page/fragment': 200,
      '/metrics': 200,
    })
    expect(await statuses(KEYS, { authorization: 'Bearer a' })).toMatchObject({ '/': 200, '/metrics': 200 })
  })

  it('tells details of its health only to who may read', async () => {
    await statuses(KEYS)
    const [stranger, reader] = [
      await ask(server as Listening, '/readyz'),
      await ask(server as Listening, '/readyz', { headers: { authorization: 'Bearer r' } }),
    ]
    expect(JSON.parse(stranger.body)).toEqual({ ready: true })
    expect(JSON.parse(reader.body)).toMatchObject({ ready: true, ledger: { writable: true } })
  })
})
