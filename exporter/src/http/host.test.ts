import { afterEach, describe, expect, test } from 'vitest'
import { ask, serve } from '../../test/support/http.ts'
import { hostCheck, refuseCrossSite } from './host.ts'
import type { KeyRing } from './keys.ts'
import type { Listening } from './server.ts'

const ALL: KeyRing = { reader: 'a', ingest: 'b', gateway: 'd', admin: 'c' }
const NONE: KeyRing = { reader: null, ingest: null, gateway: null, admin: null }

let server: Listening | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

describe('on loopback without keys', () => {
  async function status(host: string, keys: KeyRing, loopback = true) {
    server = await serve((app) => {
      app.use(hostCheck({ keys: () => keys, loopback }))
      app.get('/', (_req, res) => void res.send('inside'))
    })
    return (await ask(server, '/', { headers: { host } })).status
  }

  test.each(['127.0.0.1', '127.0.0.1:1', 'localhost', 'LOCALHOST:9464', '[::1]', '[::1]:80'])(
    'the name %s is answered',
    async (host) => expect(await status(host, NONE)).toBe(200),
  )

  test.each([
    'evil.example',
    'evil.example:9464',
    '127.0.0.1.evil.example',
    '10.0.0.1',
    'localhost.',
    '::1:80:1',
    'a@127.0.0.1',
  ])('the name %s is refused', async (host) => expect(await status(host, NONE)).toBe(403))

  test('one role without a key is enough to refuse other names', async () => {
    expect(await status('evil.example', { ...ALL, ingest: null })).toBe(403)
  })

  test('with a key for every role any name is answered', async () => {
    expect(await status('costs.example', ALL)).toBe(200)
  })

  test('beyond loopback the keys guard, not the name', async () => {
    expect(await status('costs.example', NONE, false)).toBe(200)
  })
})

describe('a change', () => {
  async function post(headers: Record<string, string>, method = 'POST') {
    server = await serve((app) => {
      app.use(refuseCrossSite())
      app.all('/', (_req, res) => void res.send('done'))
    })
    return (await ask(server, '/', { method, headers })).status
  }

  test.each<[string, Record<string, string>]>([
    ['a program', {}],
    ['a page of this server', { 'sec-fetch-site': 'same-origin', origin: 'https://in-front-of-a-proxy.example' }],
    ['a page of this server in an old browser', { host: 'x.example', origin: 'http://x.example' }],
    ['anyone who shows a bearer key', { 'sec-fetch-site': 'cross-site', authorization: 'Bearer a' }],
  ])('from %s is taken', async (_name, headers) => expect(await post(headers)).toBe(200))

  test.each<[string, Record<string, string>]>([
    ['a page of another site', { 'sec-fetch-site': 'cross-site' }],
    ['a page of a sibling domain', { 'sec-fetch-site': 'same-site', origin: 'http://a.example' }],
    ['a page of another site in an old browser', { host: 'x.example', origin: 'http://evil.example' }],
    ['a page without an origin', { origin: 'null' }],
    ['a page of another site with a stored password', { 'sec-fetch-site': 'cross-site', authorization: 'Basic eDph' }],
  ])('from %s is refused', async (_name, headers) => expect(await post(headers)).toBe(403))

  test('reading from a link of another site is no change', async () => {
    expect(await post({ 'sec-fetch-site': 'cross-site' }, 'GET')).toBe(200)
  })
})
