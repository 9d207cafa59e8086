import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type ErrorRequestHandler } from 'express'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BudgetExceeded, budgetMiddleware, type MiddlewareOptions } from '../src/index.ts'
import { type Watched, watched } from './support/guards.ts'
import { allow, block, type StandIn, startStandIn } from './support/stand-in.ts'
import { until } from './support/until.ts'

let exporter: StandIn
let guard: Watched

beforeEach(async () => {
  exporter = await startStandIn()
  guard = watched(exporter)
})
afterEach(async () => {
  guard.close()
  await exporter.close()
})

describe('a guarded function', () => {
  const answer = async (customer: string, model: string) => `${customer} asked ${model}`
  const whoOf = (customer: string) => ({ customer })

  test('runs as it is when it is allowed', async () => {
    expect(await guard.guard(answer, whoOf)('acme', 'gpt-4o')).toBe('acme asked gpt-4o')
    expect(exporter.asked[0]?.who).toEqual({ customer: 'acme' })
  })

  test('does not run when it is refused, and rejects with what the caller may read', async () => {
    exporter.decide = () => block(['customer=acme'])
    let ran = 0
    const guarded = guard.guard(
      async () => ran++,
      () => ({ customer: 'acme' }),
    )
    const error = await guarded().catch((error: unknown) => error)
    expect(error).toBeInstanceOf(BudgetExceeded)
    expect(error).toMatchObject({
      name: 'BudgetExceeded',
      message: 'Your plan is used up until 1 December.',
      status: 429,
      type: 'customer_budget_exceeded',
      retryAfter: 3600,
      headers: { 'Retry-After': '3600' },
    })
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      type: 'about:blank',
      title: 'Too Many Requests',
      status: 429,
      detail: 'Your plan is used up until 1 December.',
      code: 'customer_budget_exceeded',
      retry_after: 3600,
    })
    expect(ran).toBe(0)
  })

  test('heeds the model and the bound that were decided, by the application’s own rule', async () => {
    exporter.decide = () => allow({ action: 'degrade', model: 'gpt-4o-mini', max_tokens: 300 })
    const ask = async (question: { model: string; max_tokens: number }) => question
    const guarded = guard.guard(ask, () => ({ customer: 'acme' }), {
      call: ({ model, max_tokens }) => ({ model, maxTokens: max_tokens }),
      heed: ({ model, maxTokens }, question) => [
        { model: model ?? question.model, max_tokens: maxTokens ?? question.max_tokens },
      ],
    })
    expect(await guarded({ model: 'gpt-4o', max_tokens: 1000 })).toEqual({ model: 'gpt-4o-mini', max_tokens: 300 })
    expect(exporter.asked[0]).toMatchObject({ model: 'gpt-4o', max_tokens: 1000 })
  })

  test('fails by itself as it always did, and runs when nobody can tell whose call it is', async () => {
    const broken = guard.guard(
      () => {
        throw new TypeError('its own')
      },
      () => ({}),
    )
    await expect(broken()).rejects.toThrow(new TypeError('its own'))
    const lost = guard.guard(answer, () => {
      throw new Error('no such user')
    })
    expect(await lost('acme', 'm')).toBe('acme asked m')
    expect(await lost('acme', 'm')).toBe('acme asked m')
    expect(guard.troubles).toMatchObject([{ kind: 'who', message: expect.stringContaining('no such user') }])
    expect(guard.stats()).toMatchObject({ checks: 3, failed: 2 })
  })

  test('does not run when nobody can tell whose call it is and the guard fails closed', async () => {
    const closed = watched(exporter, { failOpen: false })
    const lost = closed.guard(answer, () => Promise.reject(new Error('no such user')))
    await expect(lost('acme', 'm')).rejects.toMatchObject({ status: 503, type: 'decision_unavailable', headers: {} })
    closed.close()
  })
})

describe('the middleware', () => {
  let server: Server
  let address: string
  let handled: number
  afterEach(() => new Promise((resolve) => server.close(resolve)))

  async function serve(options: MiddlewareOptions, budget = guard) {
    const app = express()
    handled = 0
    app.get('/', budgetMiddleware(budget, options), (req, res) => {
      handled++
      res.json(req.marginwatch ?? null)
    })
    const failed: ErrorRequestHandler = (error, _req, res, _next) => void res.status(500).send(String(error))
    app.use(failed)
    await new Promise<void>((resolve) => {
      server = app.listen(0, '127.0.0.1', () => resolve())
    })
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    return (headers: Record<string, string> = {}, signal: AbortSignal | null = null) =>
      fetch(address, { headers, signal })
  }
  const who: MiddlewareOptions['who'] = (req) => ({ customer: req.get('x-customer') })

  test('lets a request on, with what was decided on it and on the answer', async () => {
    exporter.decide = () => allow({ action: 'degrade', reason: 'customer', model: 'gpt-4o-mini', max_tokens: 300 })
    const ask = await serve({ who, call: () => ({ model: 'gpt-4o' }) })
    const got = await ask({ 'x-customer': 'acme' })
    expect(got.status).toBe(200)
    expect(got.headers.get('x-marginwatch-action')).toBe('degrade')
    expect(await got.json()).toMatchObject({ action: 'degrade', model: 'gpt-4o-mini', maxTokens: 300 })
    expect(exporter.asked[0]).toMatchObject({ model: 'gpt-4o', who: { customer: 'acme' } })
  })

  test('answers a refused one with 429, JSON and Retry-After', async () => {
    exporter.decide = () => block(['customer=acme'])
    const got = await (await serve({ who }))({ 'x-customer': 'acme' })
    expect(got.status).toBe(429)
    expect(got.headers.get('retry-after')).toBe('3600')
    expect(got.headers.get('x-marginwatch-action')).toBe('block')
    expect(got.headers.get('content-type')).toMatch(/^application\/json/)
    expect(await got.json()).toEqual({
      error: {
        message: 'Your plan is used up until 1 December.',
        type: 'customer_budget_exceeded',
        retry_after: 3600,
      },
    })
  })

  test('names no time where nobody knows one', async () => {
    exporter.decide = () => block([], { refusal: { status: 403, type: 'agent_paused', message: 'Paused.' } })
    const got = await (await serve({ who }))()
    expect(got.status).toBe(429)
    expect(got.headers.get('retry-after')).toBeNull()
    expect(await got.json()).toEqual({ error: { message: 'Paused.', type: 'agent_paused', retry_after: null } })
  })

  test('says undecided where nobody decided, and lets on what it can tell nothing of', async () => {
    await exporter.close()
    const ask = await serve({ who })
    const got = await ask({ 'x-customer': 'acme' })
    expect([got.status, got.headers.get('x-marginwatch-action')]).toEqual([200, 'undecided'])
    expect(await got.json()).toMatchObject({ action: 'allow', decided: false, model: null })
  })

  test('lets a request on when the application cannot tell whose it is, and says so once', async () => {
    const ask = await serve({ who: () => Promise.reject(new Error('session store is away')) })
    expect((await ask()).status).toBe(200)
    expect((await ask()).headers.get('x-marginwatch-action')).toBe('undecided')
    expect(guard.troubles.map(({ kind }) => kind)).toEqual(['who'])
  })

  test('does no work for somebody who is gone', async () => {
    const gone = new AbortController()
    const ask = await serve({
      who: async (req) => {
        const isFirst = !gone.signal.aborted
        gone.abort()
        if (isFirst) await new Promise((resolve) => req.res?.once('close', resolve))
        return { customer: 'acme' }
      },
    })
    await expect(ask({}, gone.signal)).rejects.toThrow()
    await until('it was decided', () => guard.stats().asked === 1 && exporter.asked.length === 1)
    // Who comes next is handled after everything that was to be done for the one before.
    expect((await fetch(address)).status).toBe(200)
    expect(handled).toBe(1)
  })

  test('refuses with 503 where it fails closed: no budget is exceeded then', async () => {
    await exporter.close()
    const closed = watched(exporter, { failOpen: false })
    const got = await (await serve({ who }, closed))()
    expect([got.status, got.headers.get('x-marginwatch-action')]).toEqual([503, 'block'])
    expect(await got.json()).toMatchObject({ error: { type: 'decision_unavailable' } })
    closed.close()
  })
})
