import { afterEach, describe, expect, it } from 'vitest'
import { usage } from '../support/entries.ts'
import { NOVEMBER, NOW, OCTOBER, openStage, type Stage } from './stage.ts'

let stage: Stage
afterEach(() => stage.close())

const WHO = { by: 'ada', reason: 'contract' }
const KEYS = `server: { keys: { reader: "\${R}", ingest: "\${I}", gateway: "\${G}", admin: "\${A}" } }\n`

async function ask(method: string, path: string, body?: unknown, key?: string) {
  const answer = await fetch(`${await stage.serve()}${path}`, {
    method,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    ...(key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } }),
  })
  const text = await answer.text()
  return { status: answer.status, type: answer.headers.get('content-type'), body: JSON.parse(text) }
}
const put = (id: string, body: object) => ask('PUT', `/api/admin/customers/${id}`, { ...WHO, ...body })
const end = (id: string, body: object = {}) => ask('DELETE', `/api/admin/customers/${id}`, { ...WHO, ...body })

describe('A customer by REST', () => {
  it('is one from today on, or from the day that is named, past or to come, in the zone of the policy', async () => {
    for (const [zone, hour] of [
      ['Europe/Berlin', '23:00Z'],
      ['America/New_York', '04:00Z'],
    ] as const) {
      stage = await openStage('', { zone })
      await put('acme', { tier: 'tier_1' })
      await put('beta', { tier: 'tier_2', from: '2026-10-15' })
      const { timeline } = stage.roster
      const [today, october] =
        zone === 'Europe/Berlin'
          ? [Date.parse(`2026-11-21T${hour}`), Date.parse('2026-10-14T22:00Z')]
          : [Date.parse('2026-11-22T05:00Z'), Date.parse(`2026-10-15T${hour}`)]
      expect(timeline.segments('acme', 0, NOW)).toMatchObject([{ tier: 'tier_1', from: today, origin: 'rest' }])
      expect(timeline.segments('beta', 0, NOW)).toMatchObject([{ tier: 'tier_2', from: october, origin: 'rest' }])
      if (zone === 'Europe/Berlin') await stage.close()
    }
  })

  it('is shown with its trial, its price and its whole timeline, and kept with who and why', async () => {
    stage = await openStage()
    const body = { tier: 'tier_2', from: '2026-11-01', trial_until: '2026-11-15', to: '2026-12-01', price_usd: 39.5 }
    const shown = {
      customer: 'acme',
      tier: 'tier_2',
      price_usd: 39.5,
      trial: false,
      origin: 'rest',
      timeline: [
        { tier: 'tier_2', own_price_usd: 0, trial: true, origin: 'rest', from: '2026-11-01', to: '2026-11-15' },
        { tier: 'tier_2', own_price_usd: 39.5, trial: false, origin: 'rest', from: '2026-11-15', to: '2026-12-01' },
      ],
    }
    expect(await put('acme', body)).toMatchObject({ status: 200, body: { success: true, data: shown } })
    expect((await ask('GET', '/api/customers/acme')).body.data).toEqual(shown)
    const entries = await stage.ledger.read(1, 10, 'roster_change')
    expect(entries.map(({ entry }) => entry)).toMatchObject([WHO, WHO, { ...WHO, tier: null }])
    // The same again changes nothing.
    await put('acme', body)
    expect(await stage.ledger.read(1, 10, 'roster_change')).toHaveLength(entries.length)
    await stage.restart()
    const { price_usd } = { price_usd: stage.roster.timeline.at('acme', NOW)?.price }
    expect(price_usd).toBe(39_500_000_000n)
  })

  it('has what was said before behind the end of a change, and is none where nothing was', async () => {
    stage = await openStage()
    await put('acme', { tier: 'tier_1', from: '2026-01-01' })
    await put('acme', { tier: 'tier_2', from: '2026-11-01', to: '2026-11-10' })
    await put('beta', { tier: 'tier_2', from: '2026-11-01', to: '2026-11-10' })
    const tiers = (customer: string) =>
      [NOVEMBER - 1, NOVEMBER, NOW].map((at) => stage.roster.timeline.at(customer, at)?.tier)
    expect(tiers('acme')).toEqual(['tier_1', 'tier_2', 'tier_1'])
    expect(tiers('beta')).toEqual([undefined, 'tier_2', undefined])
  })

  it('ends from today on, or from the day that is named, though its calls go on', async () => {
    stage = await openStage()
    await stage.append(usage('a', { customer: 'acme', start: OCTOBER, tier: 'tier_1' }))
    expect((await end('acme')).body.data).toMatchObject({ tier: null, price_usd: null, origin: null })
    await stage.append(usage('b', { customer: 'acme', start: NOW + 86_400_000, tier: 'tier_2' }))
    const { timeline } = stage.roster
    expect([timeline.at('acme', Date.UTC(2026, 10, 22) - 1)?.tier, timeline.at('acme', NOW + 86_400_000)]).toEqual([
      'tier_1',
      null,
    ])
    await end('acme', { from: '2026-11-01' })
    expect([timeline.at('acme', NOVEMBER - 1)?.tier, timeline.at('acme', NOVEMBER)]).toEqual(['tier_1', null])
  })

  it('is listed in order and by pages, with how many are assumed from traffic', async () => {
    stage = await openStage('customers: [{ id: zeta, tier: tier_1 }, { id: acme, tier: tier_1 }]')
    await stage.append(usage('a', { customer: 'mid', start: NOW, tier: 'tier_2' }))
    const first = (await ask('GET', '/api/customers?limit=2')).body
    expect(first.data.map(({ customer }: { customer: string }) => customer)).toEqual(['acme', 'mid'])
    expect(first).toMatchObject({ success: true, next: 'mid', assumed: { customers: 1, of: 3 }, notes: [] })
    const rest = (await ask('GET', '/api/customers?limit=2&after=mid')).body
    expect([rest.data.length, rest.data[0].customer, rest.next]).toEqual([1, 'zeta', null])
  })

  it('whose name is an e-mail address is found by it and shown without it', async () => {
    stage = await openStage()
    await put('jane%40example.com', { tier: 'tier_1' })
    const { body } = await ask('GET', '/api/customers/jane%40example.com')
    expect(body.data.customer).toBe('hash:16')
  })
})

describe('What cannot be done to a customer', () => {
  it.each([
    [{ tier: 'tier_9' }, 'Found the tier "tier_9", expected one of tier_1, tier_2.'],
    [{}, 'Found no tier, expected a text of at most 64 characters.'],
    [{ tier: 5 }, 'Found an unusable tier, expected a text of at most 64 characters.'],
    [{ tier: 'constructor' }, 'Found the tier "constructor", expected one of tier_1, tier_2.'],
    [{ tier: 'tier_1', from: '01.11.2026' }, 'from: found "01.11.2026", expected a date such as 2026-01-31.'],
    [{ tier: 'tier_1', from: 20261101 }, 'from: found "20261101", expected a date such as 2026-01-31.'],
    [{ tier: 'tier_1', from: '2026-02-30' }, 'from: found "2026-02-30", expected a date such as 2026-01-31.'],
    [
      { tier: 'tier_1', to: '2026-11-22' },
      'Found to 2026-11-22, expected a day after from; it is the first day that no longer counts.',
    ],
    [
      { tier: 'tier_1', trial_until: '2026-11-01' },
      'Found trial_until 2026-11-01, expected a day after from; it is the first paid day.',
    ],
    [
      { tier: 'tier_1', to: '2026-12-01', trial_until: '2026-12-02' },
      'Found trial_until 2026-12-02, expected a day not after to.',
    ],
    [{ tier: 'tier_1', price_usd: -1 }, 'price_usd: found "-1", expected dollars from 0 to 1000000000.'],
    [
      { tier: 'tier_1', price_usd: true },
      'Found no usable price_usd, expected dollars as a decimal number, e.g. 49 or 49.90.',
    ],
    [{ tier: 'tier_1', by: '' }, 'Found an unusable by, expected a text of at most 200 characters.'],
    [{ tier: 'tier_1', reason: null }, 'Found an unusable reason, expected a text of at most 500 characters.'],
    [
      { tier: 'tier_1', price: 5 },
      'Found "price", expected nothing but tier, price_usd, trial_until, from, to, by, reason.',
    ],
  ])('is refused with what was found and what is expected: %j', async (body, detail) => {
    stage = await openStage()
    const answer = await put('acme', body)
    expect(answer).toMatchObject({ status: 400, body: { title: 'Not possible', detail } })
    expect(await stage.ledger.read(1, 10, 'roster_change')).toEqual([])
  })

  it.each([
    ['PUT', '/api/admin/customers/acme', '[]', 400],
    ['PUT', '/api/admin/customers/acme', 'no json', 400],
    ['PUT', '/api/admin/customers/unattributed', '{}', 400],
    ['PUT', `/api/admin/customers/${'x'.repeat(257)}`, '{}', 400],
    ['PUT', '/api/admin/customers/a%00b', '{}', 400],
    ['DELETE', '/api/admin/customers/acme', '{"tier":"tier_1"}', 400],
    ['DELETE', '/api/admin/customers/acme', '{"by":"a","reason":"b"}', 404],
    ['GET', '/api/customers/acme', undefined, 404],
    ['GET', '/api/customers?limit=0', undefined, 400],
    ['GET', '/api/customers?limit=x', undefined, 400],
  ])('%s %s with %s is answered with %d', async (method, path, body, status) => {
    stage = await openStage()
    expect((await ask(method, path, body)).status).toBe(status)
  })

  it('is refused for one that a file names, and taken for the time of which no file speaks', async () => {
    stage = await openStage('customers: [{ id: omega, tier: tier_1 }]')
    await stage.policy('customers: [{ id: omega, tier: tier_1 }, { id: acme, tier: tier_1 }]')
    const answer = await put('acme', { tier: 'tier_2' })
    expect(answer).toMatchObject({ status: 409, body: { title: 'The file counts' } })
    expect((await end('acme')).status).toBe(409)
    expect((await put('acme', { tier: 'tier_2', from: '2026-10-01', to: '2026-11-01' })).status).toBe(200)
    const tiers = [NOVEMBER - 1, NOVEMBER].map((at) => stage.roster.timeline.at('acme', at)?.tier)
    expect(tiers).toEqual(['tier_2', 'tier_1'])
    await stage.policy('')
    expect((await put('acme', { tier: 'tier_2' })).status).toBe(200)
  })

  it('is refused to whoever has not the key of an administrator, and reading to whoever has none to read', async () => {
    stage = await openStage(KEYS)
    const statuses = async (method: string, path: string, body?: object) => {
      const list = []
      for (const key of [undefined, 'wrong', 'reader', 'ingest', 'gateway', 'admin'])
        list.push((await ask(method, path, body, key)).status)
      return list
    }
    const change = { ...WHO, tier: 'tier_1' }
    expect(await statuses('PUT', '/api/admin/customers/acme', change)).toEqual([401, 401, 403, 403, 403, 200])
    expect(await statuses('GET', '/api/customers')).toEqual([401, 401, 200, 403, 403, 200])
    expect(await statuses('GET', '/api/customers/acme')).toEqual([401, 401, 200, 403, 403, 200])
    expect(await statuses('DELETE', '/api/admin/customers/acme', WHO)).toEqual([401, 401, 403, 403, 403, 200])
  })
})
