import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Verdict } from '../src/index.ts'
import { listening, type Watched, watched } from './support/guards.ts'
import { type Asked, allow, block, type StandIn, startStandIn } from './support/stand-in.ts'
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

/** Requests that a piece of work made. */
async function requestsOf(work: () => Promise<unknown>): Promise<number> {
  const before = exporter.asked.length
  await work()
  return exporter.asked.length - before
}

const ACME = { customer: 'acme' }

describe('a question', () => {
  test('goes out as version 1 of the wire has it', async () => {
    const who = { customer: 'acme', tier: 'pro', user: 'u', session: 's', agent: 'a', queryType: 'lookup' }
    await guard.check(who, { model: 'gpt-4o', maxTokens: 500, inputBytes: 1234, needs: ['tools'] })
    expect(exporter.asked).toEqual([
      {
        version: 1,
        call_id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
        model: 'gpt-4o',
        max_tokens: 500,
        n: 1,
        input: { bytes: 1234, images: 0, opaque: 0 },
        needs: ['tools'],
        who: { customer: 'acme', tier: 'pro', user: 'u', session: 's', agent: 'a', query_type: 'lookup' },
      },
    ])
  })

  test('that nothing is known of has no model, no bound and nobody', async () => {
    await guard.check({})
    expect(exporter.asked[0]).toMatchObject({ input: { bytes: 0, images: 0, opaque: 0 }, needs: [], who: {} })
    expect(Object.keys(exporter.asked[0] ?? {})).not.toContain('model')
    expect(Object.keys(exporter.asked[0] ?? {})).not.toContain('max_tokens')
  })

  test('carries no key where the exporter needs none', async () => {
    const keys: (string | undefined)[] = []
    exporter.answer = (req, res) => {
      keys.push(req.headers.authorization)
      if (req.method === 'POST') res.end(JSON.stringify(allow()))
    }
    guard.close()
    guard = watched(exporter, { key: undefined })
    expect(await guard.check(ACME)).toMatchObject({ decided: true })
    expect(new Set(keys)).toEqual(new Set([undefined]))
  })

  test('is answered with what is to be done', async () => {
    exporter.decide = () => allow({ action: 'degrade', reason: 'customer', model: 'gpt-4o-mini', max_tokens: 512 })
    expect(await guard.check(ACME, { model: 'gpt-4o' })).toEqual({
      action: 'degrade',
      reason: 'customer',
      model: 'gpt-4o-mini',
      maxTokens: 512,
      refusal: null,
      decided: true,
      age: null,
    })
    exporter.decide = () => block(['customer=acme'])
    expect(await guard.check(ACME, { model: 'gpt-4' })).toMatchObject({
      action: 'block',
      refusal: { status: 402, type: 'customer_budget_exceeded', retryAfter: 3600 },
    })
    expect(guard.stats()).toEqual({ checks: 2, asked: 2, fromCache: 0, failed: 0, blocked: 1 })
  })

  test('whose input must be counted is asked again, with the same id, its tokens or what its bytes make at most', async () => {
    exporter.decide = ({ input }: Asked) => (input.tokens === undefined ? allow({ action: 'count' }) : allow())
    expect(await guard.check(ACME, { inputBytes: 3001 })).toMatchObject({ action: 'allow', decided: true })
    const [first, second] = exporter.asked
    expect(second?.call_id).toBe(first?.call_id)
    expect([first, second].map((asked) => asked?.input.tokens)).toEqual([undefined, 1001])
    expect(await requestsOf(() => guard.check(ACME, { model: 'm', inputBytes: 3001, inputTokens: 700 }))).toBe(1)
    expect(exporter.asked.at(-1)?.input.tokens).toBe(700)
  })
})

describe('an answer that may be remembered', () => {
  test('makes more than 95 of 100 repeated questions need no request', async () => {
    await listening(guard)
    const before = guard.stats()
    for (let number = 0; number < 10_000; number++) {
      const who = { customer: `c${(number * 7919) % 100}`, session: `s${number % 3}` }
      await guard.check(who, { model: 'gpt-4o', maxTokens: number })
    }
    const after = guard.stats()
    expect(after.checks - before.checks).toBe(10_000)
    expect((after.fromCache - before.fromCache) / 10_000).toBeGreaterThan(0.95)
    expect(after.asked - before.asked).toBeLessThanOrEqual(300)
    expect(after.asked - before.asked + after.fromCache - before.fromCache).toBe(10_000)
  })

  test('is used again for the same who and model, and for no other', async () => {
    await listening(guard)
    await guard.check(ACME, { model: 'gpt-4o' })
    expect(await requestsOf(() => guard.check(ACME, { model: 'gpt-4o', maxTokens: 7 }))).toBe(0)
    expect(await requestsOf(() => guard.check(ACME, { model: 'gpt-4o-mini' }))).toBe(1)
    expect(await requestsOf(() => guard.check({ ...ACME, agent: 'a' }, { model: 'gpt-4o' }))).toBe(1)
    expect(await requestsOf(() => guard.check(ACME, { model: 'gpt-4o', needs: ['tools'] }))).toBe(1)
  })

  test('bounds an answer to its bound or to the one asked for, whichever is less', async () => {
    exporter.decide = () => allow({ max_tokens: 512 })
    await listening(guard)
    await guard.check(ACME, { maxTokens: 4000 })
    expect((await guard.check(ACME, { maxTokens: 100 })).maxTokens).toBe(100)
    expect((await guard.check(ACME, { maxTokens: 900 })).maxTokens).toBe(512)
    expect((await guard.check(ACME)).maxTokens).toBe(512)
  })

  test('ends when it says, when the guard says, and when a refusal says that trying again is worth it', async () => {
    let now = 1_000_000
    guard.close()
    guard = watched(exporter, { now: () => now, cacheMs: 60_000 })
    await listening(guard)
    const lifetimes: [object, number][] = [
      [allow({ remember: { seconds: 10, when: [] } }), 10_000],
      [allow({ remember: { seconds: 3600, when: [] } }), 60_000],
      [block([], { refusal: { status: 429, type: 't', message: 'm', retry_after: 3 } }), 3000],
    ]
    for (const [answer, ms] of lifetimes) {
      exporter.decide = () => answer
      const model = `for ${ms}`
      await guard.check(ACME, { model })
      now += ms - 1
      expect(await requestsOf(() => guard.check(ACME, { model }))).toBe(0)
      now += 1
      expect(await requestsOf(() => guard.check(ACME, { model }))).toBe(1)
      now -= 1_000
      expect(await requestsOf(() => guard.check(ACME, { model }))).toBe(1)
    }
  })

  test('tells how much of the wait is left', async () => {
    let now = 1_000_000
    guard.close()
    guard = watched(exporter, { now: () => now })
    exporter.decide = () => block(['customer=acme'])
    await listening(guard)
    await guard.check(ACME)
    now += 100_500
    expect(await guard.check(ACME)).toMatchObject({ action: 'block', age: 100.5, refusal: { retryAfter: 3500 } })
  })

  test('is not used again when it says nothing of it, or nothing that is understood', async () => {
    await listening(guard)
    const odd = [null, 5, {}, { seconds: 0 }, { seconds: 'x' }, { seconds: 9, when: 'x' }, { seconds: 9, model: 5 }]
    for (const remember of odd) {
      exporter.decide = () => allow({ remember })
      expect(await requestsOf(() => guard.check(ACME).then(() => guard.check(ACME)))).toBe(2)
    }
  })

  test('that refuses all calls of a customer gives way to one that allows another of them', async () => {
    await listening(guard)
    exporter.decide = () => block(['customer=acme'])
    await guard.check(ACME, { model: 'a' })
    exporter.decide = () => allow({ remember: undefined })
    await guard.check(ACME, { model: 'b' })
    await exporter.close()
    expect(await guard.check(ACME, { model: 'c' })).toMatchObject({ action: 'allow', decided: false })
    expect(await guard.check(ACME, { model: 'a' })).toMatchObject({ action: 'block', decided: true })
  })
})

describe('equal questions at once', () => {
  test('are one request, a thousand of them', async () => {
    const verdicts = await Promise.all(Array.from({ length: 1000 }, () => guard.check(ACME, { model: 'gpt-4o' })))
    expect(exporter.asked).toHaveLength(1)
    expect(new Set(verdicts.map(({ action }) => action))).toEqual(new Set(['allow']))
    expect(guard.stats()).toMatchObject({ checks: 1000, asked: 1, failed: 0 })
  })

  test('are not those that differ in size', async () => {
    const sizes = [{ maxTokens: 1 }, { maxTokens: 2 }, { inputBytes: 1 }, { inputTokens: 1 }]
    expect(await requestsOf(() => Promise.all(sizes.map((size) => guard.check(ACME, size))))).toBe(4)
  })
})

describe('a change', () => {
  /** Customers whose remembered answer a change took away. */
  async function asksAgain(change: () => void): Promise<string[]> {
    const asks = [
      { customer: 'acme' },
      { customer: 'beta', session: 's1' },
      { customer: 'gamma', agent: 'crawler' },
      { customer: 'delta', tier: 'pro' },
    ]
    await listening(guard)
    for (const who of asks) await guard.check(who)
    const mark = exporter.asked.length
    change()
    // The change of a subject that nobody asks for, told after it, is heard after it.
    await guard.check({ agent: 'marker' })
    exporter.change('agent', 'marker')
    await until('the change is heard', async () => (await guard.check({ agent: 'marker' })).age === null)
    for (const who of asks) await guard.check(who)
    return exporter.asked.slice(mark).flatMap(({ who }) => (who.customer === undefined ? [] : [who.customer]))
  }

  test.each([
    ['customer', 'acme', ['acme']],
    ['tenant_day', 'beta', ['beta']],
    ['session', 's1', ['beta']],
    ['session', 'beta/s1', ['beta']],
    ['session', 'acme/s1', []],
    ['agent', 'crawler', ['gamma']],
    ['customer', 'nobody', []],
    ['tier', 'pro', ['acme', 'beta', 'gamma', 'delta']],
    ['global', '', ['acme', 'beta', 'gamma', 'delta']],
    ['unknown_customers', '', ['acme', 'beta', 'gamma', 'delta']],
    ['all', undefined, ['acme', 'beta', 'gamma', 'delta']],
    ['a scope of tomorrow', 'x', ['acme', 'beta', 'gamma', 'delta']],
  ])('of %s %s takes away the answers that it makes untrue', async (scope, subject, expected) => {
    expect(await asksAgain(() => exporter.change(scope, subject))).toEqual(expected)
  })

  test.each(['no json', '[]', '{}', '{"scope":5,"subject":"acme"}'])(
    'that cannot be understood, %s, is of all',
    async (data) => {
      expect(await asksAgain(() => exporter.write(`event: change\ndata: ${data}\n\n`))).toHaveLength(4)
    },
  )

  test('takes an answer away by the subject that the answer named, too', async () => {
    exporter.decide = () => allow({ remember: { seconds: 300, when: [], scope: 'customer', subject: 'ACME Ltd' } })
    expect(await asksAgain(() => exporter.change('customer', 'ACME Ltd'))).toHaveLength(4)
  })

  test('is not made by comments and other events', async () => {
    expect(await asksAgain(() => exporter.write(': still here\n\nevent: other\ndata: {"scope":"all"}\n\n'))).toEqual([])
  })

  test('is heeded before the event loop takes another turn', async () => {
    let tell: (text: string) => void = () => {}
    guard.close()
    guard = watched(exporter, {
      fetch: (input, init) => {
        if (!String(input).endsWith('/changes')) return fetch(input, init)
        const body = new ReadableStream<Uint8Array>({
          start(controller) {
            tell = (text) => controller.enqueue(new TextEncoder().encode(text))
          },
        })
        return Promise.resolve(new Response(body, { headers: { 'content-type': 'text/event-stream' } }))
      },
    })
    await listening(guard)
    await guard.check(ACME)
    const { asked } = guard.stats()
    void guard.check(ACME)
    expect(guard.stats().asked).toBe(asked)
    tell('event: change\ndata: {"scope":"customer","subject":"acme"}\n\n')
    await turn()
    const again = guard.check(ACME)
    expect(guard.stats().asked).toBe(asked + 1)
    await again
  })

  test('while a question is on its way: its answer is not used again, and who asks after it asks anew', async () => {
    await listening(guard)
    const answers: ((answer: unknown) => void)[] = []
    exporter.decide = ({ who }) => (who.customer === 'acme' ? new Promise((resolve) => answers.push(resolve)) : allow())
    const before = guard.check(ACME)
    await until('the question arrived', () => answers.length === 1)
    await guard.check({ agent: 'marker' })
    exporter.change('customer', 'acme')
    exporter.change('agent', 'marker')
    await until('the change is heard', async () => (await guard.check({ agent: 'marker' })).age === null)
    const after = guard.check(ACME)
    await until('the second question arrived', () => answers.length === 2)
    answers[1]?.(block(['customer=acme']))
    expect((await after).action).toBe('block')
    answers[0]?.(allow())
    expect((await before).action).toBe('allow')
    expect(await guard.check(ACME)).toMatchObject({ action: 'block', age: expect.any(Number) })
  })
})

describe('a connection for changes that is cut', () => {
  test('is made anew, and what was remembered before is not used after, nor in between', async () => {
    await listening(guard)
    await guard.check(ACME)
    exporter.decide = () => block(['customer=acme'])
    exporter.cut()
    await until('the guard listens again', () => exporter.connections === 2)
    // Between the cut and here the customer's budget ran out, and nobody could tell.
    expect((await guard.check(ACME)).action).toBe('block')
    await listening(guard)
    exporter.change('customer', 'acme')
    exporter.decide = () => allow()
    await until('changes are heard again', async () => (await guard.check(ACME)).action === 'allow')
    expect(guard.troubles).toEqual([])
  })

  test('means asking each time until it is back, and using answers again then', async () => {
    let cut = true
    guard.close()
    guard = watched(exporter, {
      fetch: (input, init) =>
        cut && String(input).endsWith('/changes') ? Promise.reject(new TypeError('cut')) : fetch(input, init),
    })
    expect(
      await requestsOf(async () => {
        for (let times = 0; times < 5; times++) await guard.check(ACME)
      }),
    ).toBe(5)
    cut = false
    await listening(guard)
    expect(guard.troubles.map(({ kind }) => kind)).toEqual(['unreachable'])
  })

  test('by an event stream that is none, or without an end, is told', async () => {
    for (const body of ['<html>', `data: ${'x'.repeat(70_000)}`]) {
      const type = body === '<html>' ? 'text/html' : 'text/event-stream'
      guard.close()
      guard = watched(exporter, {
        fetch: (input, init) =>
          String(input).endsWith('/changes')
            ? Promise.resolve(new Response(body, { headers: { 'content-type': type } }))
            : fetch(input, init),
      })
      const first: Verdict = await guard.check(ACME)
      expect(first).toMatchObject({ action: 'allow', decided: true })
      if (body === '<html>') await until('it is told', () => guard.troubles.length === 1)
      expect(guard.troubles.map(({ kind }) => kind)).toEqual(body === '<html>' ? ['answer'] : [])
    }
  })
})

describe('a closed guard', () => {
  test('listens no longer, asks no longer, and keeps nobody waiting', async () => {
    await listening(guard)
    exporter.decide = () => new Promise(() => {})
    const waiting = guard.check(ACME)
    await until('the question arrived', () => exporter.asked.at(-1)?.who.customer === 'acme')
    guard.close()
    expect(await waiting).toMatchObject({ action: 'allow', decided: false })
    await until('nobody listens', () => exporter.listeners === 0)
    expect(await requestsOf(() => guard.check({ customer: 'late' }))).toBe(0)
    expect(guard.troubles).toEqual([])
  })

  test('that never asked has nothing to close', async () => {
    guard.close()
    expect(await guard.check(ACME)).toMatchObject({ action: 'allow', decided: false })
    expect(exporter.listeners).toBe(0)
  })
})
