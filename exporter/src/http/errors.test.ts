import express from 'express'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ask, serve } from '../../test/support/http.ts'
import { errorHandler } from './errors.ts'
import { CONTENT_SECURITY_POLICY, securityHeaders } from './headers.ts'
import { HttpProblem, methodNotAllowed, notFound, problem } from './problem.ts'
import type { Listening } from './server.ts'

class Busy extends Error {}

let server: Listening
let logged: unknown[]

beforeEach(async () => {
  logged = []
  server = await serve((app) => {
    app.use(securityHeaders)
    app.use(express.json({ limit: 100 }))
    app.get('/boom', () => {
      throw new Error('secret of /srv/marginwatch/ledger.ts')
    })
    app.get('/late', async () => {
      await Promise.reject(new Error('secret'))
    })
    app.get('/odd', () => {
      throw { status: 418, password: 'secret' }
    })
    app.get('/busy', () => {
      throw new Busy('secret')
    })
    app.get('/ours', () => {
      throw new HttpProblem({
        status: 409,
        title: 'Taken',
        detail: 'The name a is taken.',
        extra: { status: 1, names: ['a'] },
      })
    })
    app.get('/begun', (_req, res) => {
      res.write('half')
      problem(res, { status: 500, title: 'never seen' })
      res.end(' and half')
    })
    app.get('/torn', (_req, res) => {
      res.write('half')
      throw new Error('secret')
    })
    app
      .route('/read-only')
      .get((_req, res) => void res.send('ok'))
      .all(methodNotAllowed('GET'))
    app.post('/echo', (req, res) => void res.json(req.body))
    app.use(notFound)
    const busy = { status: 503, title: 'Busy', headers: { 'Retry-After': '2' } }
    app.use(errorHandler({ log: (error) => logged.push(error), translate: (e) => (e instanceof Busy ? busy : null) }))
  })
})
afterEach(() => server.close())

describe('an error in a handler', () => {
  test.each(['/boom', '/late', '/odd'])(
    'at %s is a plain 500 for the caller and all of it for the log',
    async (path) => {
      const got = await ask(server, path)
      expect(got.status).toBe(500)
      expect(got.headers['content-type']).toBe('application/problem+json')
      expect(JSON.parse(got.body)).toMatchObject({ type: 'about:blank', title: 'Internal error', status: 500 })
      expect(got.body).not.toMatch(/secret|ledger\.ts|\bat /)
      expect(logged).toHaveLength(1)
    },
  )

  test('that was written for the caller reaches it, standard members unharmed', async () => {
    const got = await ask(server, '/ours')
    expect(got.status).toBe(409)
    expect(JSON.parse(got.body)).toEqual({
      type: 'about:blank',
      title: 'Taken',
      status: 409,
      detail: 'The name a is taken.',
      names: ['a'],
    })
    expect(logged).toHaveLength(0)
  })

  test('of another unit becomes what the application says it means', async () => {
    const got = await ask(server, '/busy')
    expect(got).toMatchObject({ status: 503, headers: { 'retry-after': '2' } })
    expect(got.body).not.toContain('secret')
  })

  test('after the answer has begun leaves the answer alone', async () => {
    expect(await ask(server, '/begun')).toMatchObject({ status: 200, body: 'half and half' })
  })

  test('in the middle of an answer cuts the connection, so that half is not taken for whole', async () => {
    await expect(ask(server, '/torn')).rejects.toThrow()
    expect(logged).toHaveLength(1)
  })
})

describe('a bad request', () => {
  const json = { 'content-type': 'application/json' }
  test.each<[string, number, string, Parameters<typeof ask>[2]]>([
    ['of broken JSON', 400, 'not valid JSON', { method: 'POST', headers: json, body: '{"secret":' }],
    [
      'too large',
      413,
      'larger than this server takes',
      { method: 'POST', headers: json, body: `"${'x'.repeat(200)}"` },
    ],
    [
      'in an unknown encoding',
      415,
      'gzip',
      { method: 'POST', headers: { ...json, 'content-encoding': 'zap' }, body: '{}' },
    ],
  ])('%s is answered with %i and a sentence', async (_name, status, sentence, options) => {
    const got = await ask(server, '/echo', options)
    expect(got.status).toBe(status)
    expect(JSON.parse(got.body).detail).toContain(sentence)
    expect(got.body).not.toContain('secret')
    expect(logged).toHaveLength(0)
  })

  test('of a path that cannot be decoded is the caller’s fault', async () => {
    const got = await ask(server, '/%E0%A4%A')
    expect(got.status).toBeGreaterThanOrEqual(400)
    expect(got.status).toBeLessThan(500)
    expect(got.headers['content-type']).toBe('application/problem+json')
  })

  test('of an address that does not exist is a 404', async () => {
    const got = await ask(server, '/nowhere?key=secret')
    expect(got.status).toBe(404)
    expect(JSON.parse(got.body).detail).toContain('/nowhere')
    expect(got.body).not.toContain('secret')
  })

  test('of a method that the address does not take is a 405 that names those it takes', async () => {
    const got = await ask(server, '/read-only', { method: 'DELETE' })
    expect(got.status).toBe(405)
    expect(got.headers.allow).toBe('GET, HEAD')
    expect((await ask(server, '/read-only', { method: 'HEAD' })).status).toBe(200)
  })
})

test('every answer, errors too, carries the security headers and not the name of the framework', async () => {
  for (const path of ['/read-only', '/boom', '/nowhere']) {
    const { headers } = await ask(server, path)
    expect(headers['content-security-policy']).toBe(CONTENT_SECURITY_POLICY)
    expect(headers['x-content-type-options']).toBe('nosniff')
    expect(headers['referrer-policy']).toBe('no-referrer')
    expect(headers['x-powered-by']).toBeUndefined()
  }
  expect(CONTENT_SECURITY_POLICY).not.toMatch(/unsafe|\*/)
})
