import { afterEach, beforeEach, expect, test } from 'vitest'
import { ask, serve } from '../../../test/support/http.ts'
import type { Listening } from '../../http/server.ts'
import type { HealthReadings } from './readings.ts'
import { healthRouter } from './router.ts'

const NOW = Date.UTC(2026, 10, 22, 14, 0, 0)
const WELL: HealthReadings = {
  ledger: { writable: true, reason: null, since: NOW - 60_000, seq: 42 },
  sources: [{ name: 'litellm', state: 'ok', since: null, lastSuccess: NOW - 1_500, detail: null }],
  policy: { ok: true, problems: [] },
  catchingUp: false,
}

let server: Listening
let readings: HealthReadings
let known: boolean

beforeEach(async () => {
  readings = WELL
  known = true
  server = await serve((app) => app.use(healthRouter({ read: () => readings, now: () => NOW, mayRead: () => known })))
})
afterEach(() => server.close())

async function ready() {
  const { status, headers, body } = await ask(server, '/readyz')
  expect(headers['cache-control']).toBe('no-store')
  return { status, body: JSON.parse(body) }
}

test('a process that answers is alive, whatever else is wrong', async () => {
  readings = { ...WELL, ledger: { ...WELL.ledger, writable: false } }
  expect(await ask(server, '/healthz')).toMatchObject({ status: 200, body: 'ok\n' })
})

test('all well is ready, and says what each part does', async () => {
  expect(await ready()).toEqual({
    status: 200,
    body: {
      ready: true,
      reasons: [],
      ledger: { writable: true, reason: null, since: '2026-11-22T13:59:00.000Z', seq: 42 },
      sources: [
        {
          name: 'litellm',
          state: 'ok',
          since: null,
          last_success: '2026-11-22T13:59:58.500Z',
          seconds_since_last_success: 2,
          detail: null,
        },
      ],
      policy: { ok: true, problems: [] },
      catching_up: false,
    },
  })
})

test('a ledger that cannot be written is not ready, with the reason', async () => {
  readings = { ...WELL, ledger: { ...WELL.ledger, writable: false, reason: 'No space is left.' } }
  expect(await ready()).toMatchObject({
    status: 503,
    body: { ready: false, reasons: ['The ledger cannot be written: No space is left.'] },
  })
})

test('a first back-fill is not ready', async () => {
  readings = { ...WELL, catchingUp: true }
  expect(await ready()).toMatchObject({ status: 503, body: { ready: false, catching_up: true } })
})

test('a silent source and a refused policy are told, but it stays ready', async () => {
  readings = {
    ...WELL,
    sources: [{ name: 'langfuse', state: 'silent', since: NOW - 5_000, lastSuccess: null, detail: 'No answer.' }],
    policy: { ok: false, problems: ['tiers.pro.price: expected a number'] },
  }
  const { status, body } = await ready()
  expect(status).toBe(200)
  expect(body.sources).toEqual([
    {
      name: 'langfuse',
      state: 'silent',
      since: '2026-11-22T13:59:55.000Z',
      last_success: null,
      seconds_since_last_success: null,
      detail: 'No answer.',
    },
  ])
  expect(body.policy.problems).toEqual(['tiers.pro.price: expected a number'])
})

test('who may not read learns only whether it is ready', async () => {
  known = false
  expect(await ready()).toEqual({ status: 200, body: { ready: true } })
  readings = { ...WELL, catchingUp: true }
  expect(await ready()).toEqual({ status: 503, body: { ready: false } })
})

test('health can only be read', async () => {
  for (const path of ['/healthz', '/readyz']) expect((await ask(server, path, { method: 'POST' })).status).toBe(405)
})
