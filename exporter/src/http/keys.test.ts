import { afterEach, describe, expect, test } from 'vitest'
import { ask, serve } from '../../test/support/http.ts'
import { bearerKey, type KeyRing, type Role } from './keys.ts'
import type { Listening } from './server.ts'

const ALL: KeyRing = { reader: 'read-me', ingest: 'feed-me', gateway: 'ask-me', admin: 'rule-me' }
const NONE: KeyRing = { reader: null, ingest: null, gateway: null, admin: null }

let server: Listening | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

async function answer(given: {
  keys: KeyRing
  role?: Role
  loopback?: boolean
  authorization?: string
  accept?: string
}) {
  const { keys, role = 'reader', loopback = false, authorization, accept } = given
  server = await serve((app) => {
    app.get('/', bearerKey({ keys: () => keys, role, loopback }), (_req, res) => void res.send('inside'))
  })
  return ask(server, '/', {
    headers: { ...(authorization ? { authorization } : {}), ...(accept ? { accept } : {}) },
  })
}

const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

describe('a key opens', () => {
  test.each<[string, Role, string]>([
    ['its own role as a bearer', 'reader', 'Bearer read-me'],
    ['its own role as a bearer in any case of the scheme', 'reader', 'bEARER read-me'],
    ['its own role as the password of any user', 'reader', basic('anyone', 'read-me')],
    ['its own role as the password of no user', 'ingest', basic('', 'feed-me')],
    ['every role when it is the admin key', 'reader', 'Bearer rule-me'],
    ['ingest when it is the admin key', 'ingest', basic('x', 'rule-me')],
  ])('%s', async (_name, role, authorization) => {
    expect(await answer({ keys: ALL, role, authorization })).toMatchObject({ status: 200, body: 'inside' })
  })

  test('both roles that share it', async () => {
    const keys = { ...ALL, ingest: 'read-me' }
    expect((await answer({ keys, role: 'ingest', authorization: 'Bearer read-me' })).status).toBe(200)
  })

  test('nothing, when a colon is part of it, unless all of it is shown', async () => {
    const keys = { ...ALL, reader: 'a:b:c' }
    expect((await answer({ keys, authorization: basic('user', 'a:b:c') })).status).toBe(200)
    await server?.close()
    expect((await answer({ keys, authorization: basic('user', 'c') })).status).toBe(401)
  })
})

describe('without the right key', () => {
  test.each<[string, string | undefined]>([
    ['nothing', undefined],
    ['an unknown key', 'Bearer read-me-not'],
    ['the start of the key', 'Bearer read'],
    ['an empty key', 'Bearer '],
    ['a password that is not base64', 'Basic ???'],
    ['another scheme', 'Digest read-me'],
  ])('%s is answered with 401 and how to send one', async (_name, authorization) => {
    const got = await answer({ keys: ALL, ...(authorization ? { authorization } : {}) })
    expect(got.status).toBe(401)
    expect(got.headers['content-type']).toBe('application/problem+json')
    expect(got.headers['www-authenticate']).toBe('Bearer realm="marginwatch"')
    expect(JSON.parse(got.body).detail).toContain('server.keys.reader')
    expect(got.body).not.toContain('read-me')
  })

  test('a browser that asks for a page is offered to ask its user', async () => {
    const got = await answer({ keys: ALL, accept: 'text/html,application/xhtml+xml' })
    expect(got.headers['www-authenticate']).toContain('Basic realm="marginwatch"')
  })

  test('a key of another role is answered with 403', async () => {
    const got = await answer({ keys: ALL, role: 'reader', authorization: 'Bearer feed-me' })
    expect(got.status).toBe(403)
    expect(JSON.parse(got.body).title).toBe('Wrong key')
  })
})

describe('a role without a key', () => {
  test('is open on loopback, whatever is sent', async () => {
    expect((await answer({ keys: NONE, loopback: true })).status).toBe(200)
    await server?.close()
    expect((await answer({ keys: NONE, loopback: true, authorization: 'Bearer none' })).status).toBe(200)
  })

  test('is refused beyond loopback, with the setting to make', async () => {
    const got = await answer({ keys: { ...NONE, ingest: 'feed-me' }, authorization: 'Bearer feed-me' })
    expect(got.status).toBe(403)
    expect(JSON.parse(got.body).detail).toContain('server.keys.reader')
  })

  test('still opens beyond loopback to the admin key', async () => {
    expect((await answer({ keys: { ...NONE, admin: 'rule-me' }, authorization: 'Bearer rule-me' })).status).toBe(200)
  })
})

test('a key that was changed in the policy counts from the next request on', async () => {
  let keys: KeyRing = ALL
  server = await serve((app) => {
    app.get(
      '/',
      bearerKey({ keys: () => keys, role: 'reader', loopback: true }),
      (_req, res) => void res.send('inside'),
    )
  })
  const headers = { authorization: 'Bearer read-me' }
  expect((await ask(server, '/', { headers })).status).toBe(200)
  keys = { ...ALL, reader: 'new' }
  expect((await ask(server, '/', { headers })).status).toBe(401)
})
