import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { GuardOptions } from '../src/index.ts'
import { listening, type Watched, watched } from './support/guards.ts'
import { allow, block, KEY, type StandIn, startStandIn } from './support/stand-in.ts'
import { until } from './support/until.ts'

const ACME = { customer: 'acme' }
const UNDECIDED = { action: 'allow', reason: 'unreachable', decided: false, refusal: null }
const UNAVAILABLE = { action: 'block', decided: false, refusal: { status: 503, type: 'decision_unavailable' } }

let exporter: StandIn
let guards: Watched[]

beforeEach(async () => {
  exporter = await startStandIn()
  guards = []
})
afterEach(async () => {
  for (const guard of guards) guard.close()
  await exporter.close()
})

function guardOf(options: Partial<GuardOptions> = {}, url = exporter.url): Watched {
  const guard = watched({ url }, options)
  guards.push(guard)
  return guard
}

/** An address that refuses connections. */
async function nobody(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return `http://127.0.0.1:${port}`
}

describe('with nobody at the address', () => {
  test('calls are let through by default, and it is told once, however many they are', async () => {
    const guard = guardOf({}, await nobody())
    for (let times = 0; times < 20; times++) expect(await guard.check(ACME)).toMatchObject(UNDECIDED)
    expect(guard.troubles.map(({ kind }) => kind)).toEqual(['unreachable'])
    expect(guard.troubles[0]?.message).toMatch(/\/v1\/decisions\S* failed: .*ECONNREFUSED/)
    expect(guard.stats()).toMatchObject({ checks: 20, failed: 20, blocked: 0 })
  })

  test('calls are refused by choice, with a sentence', async () => {
    const guard = guardOf({ failOpen: false }, await nobody())
    expect(await guard.check(ACME)).toMatchObject(UNAVAILABLE)
    expect((await guard.check(ACME)).refusal?.message).toMatch(/try again/)
    expect(guard.stats()).toMatchObject({ failed: 2, blocked: 2 })
  })

  test('it is asked only once a second or two after three failures in a row', async () => {
    let now = 0
    const guard = guardOf({ now: () => now, random: () => 0.5 }, await nobody())
    const requests = async (checks: number) => {
      const { asked } = guard.stats()
      for (let times = 0; times < checks; times++) await guard.check(ACME)
      return guard.stats().asked - asked
    }
    expect(await requests(10)).toBe(3)
    now += 1499
    expect(await requests(10)).toBe(0)
    now += 1
    expect(await requests(10)).toBe(1)
    now -= 3_600_000
    expect(await requests(10)).toBe(1)
  })
})

describe('with an exporter that says nothing', () => {
  test('a call waits for the deadline and no longer, and what came too late is let go by', async () => {
    exporter.decide = () => new Promise(() => {})
    const guard = guardOf({ deadlineMs: 20 })
    expect(await guard.check(ACME)).toMatchObject(UNDECIDED)
    await until('it is told', () => guard.troubles.length === 1)
    expect(guard.troubles[0]).toMatchObject({ kind: 'unreachable' })
    expect(guard.troubles[0]?.message).toMatch(/did not decide within 20 ms/)
  })

  test('the deadline holds for an answer that begins and does not end, and for a fetch that heeds no signal', async () => {
    exporter.answer = (_req, res) =>
      void res.writeHead(200, { 'content-type': 'application/json' }).write('{"version":')
    expect(await guardOf({ deadlineMs: 20 }).check(ACME)).toMatchObject(UNDECIDED)
    expect(await guardOf({ deadlineMs: 20, fetch: () => new Promise(() => {}) }).check(ACME)).toMatchObject(UNDECIDED)
  })

  test('a thousand calls at once wait together', async () => {
    exporter.decide = () => new Promise(() => {})
    const guard = guardOf({ deadlineMs: 50 })
    const verdicts = await Promise.all(Array.from({ length: 1000 }, () => guard.check(ACME)))
    expect(verdicts.every(({ decided }) => !decided)).toBe(true)
    expect(guard.stats()).toMatchObject({ asked: 1, failed: 1000 })
  })
})

describe('an exporter that goes away', () => {
  const REFUSED = { action: 'block', decided: true, refusal: { type: 'customer_budget_exceeded' } }

  test('leaves its refusals in force, for every call that they speak of, until they end', async () => {
    let now = 1_000_000
    const guard = guardOf({ now: () => now })
    await listening(guard)
    exporter.decide = () =>
      block(['customer=acme', 'tier=pro'], { remember: { seconds: 30, when: ['tier=pro', 'customer=acme'] } })
    await guard.check({ customer: 'acme', tier: 'pro', session: 's1' }, { model: 'gpt-4o' })
    await exporter.close()
    now += 29_999
    expect(await guard.check({ customer: 'acme', tier: 'pro', agent: 'a' })).toMatchObject({ ...REFUSED, age: 29.999 })
    expect(await guard.check({ customer: 'acme', tier: 'pro' }, { model: 'other' })).toMatchObject(REFUSED)
    expect(await guard.check({ customer: 'acme' })).toMatchObject(UNDECIDED)
    expect(await guard.check({ customer: 'beta', tier: 'pro' })).toMatchObject(UNDECIDED)
    now += 1
    expect(await guard.check({ customer: 'acme', tier: 'pro', session: 's1' }, { model: 'gpt-4o' })).toMatchObject(
      UNDECIDED,
    )
    expect(guard.stats()).toMatchObject({ failed: 5, blocked: 3, fromCache: 3 })
  })

  test('leaves a refusal of one model in force for that model, and one without marks for all calls', async () => {
    const guard = guardOf()
    await listening(guard)
    exporter.decide = () => block([], { remember: { seconds: 30, when: [], model: 'gpt-4o' } })
    await guard.check(ACME, { model: 'gpt-4o' })
    await exporter.close()
    expect(await guard.check({ customer: 'beta' }, { model: 'gpt-4o' })).toMatchObject(REFUSED)
    expect(await guard.check({ customer: 'beta' }, { model: 'gpt-4' })).toMatchObject(UNDECIDED)
    expect(await guard.check({ customer: 'beta' })).toMatchObject(UNDECIDED)
  })

  test('leaves the cheaper model in force where calls are let through, and nothing but refusals where they are not', async () => {
    const [open, closed] = [guardOf(), guardOf({ failOpen: false })]
    for (const guard of [open, closed]) await listening(guard)
    exporter.decide = () => allow({ action: 'degrade', model: 'gpt-4o-mini' })
    for (const guard of [open, closed]) await guard.check(ACME, { model: 'gpt-4o' })
    await exporter.close()
    expect(await open.check(ACME, { model: 'gpt-4o' })).toMatchObject({ action: 'degrade', model: 'gpt-4o-mini' })
    await until('the end is noticed', async () => !(await closed.check(ACME, { model: 'gpt-4o' })).decided)
    expect(await closed.check(ACME, { model: 'gpt-4o' })).toMatchObject(UNAVAILABLE)
  })

  test("leaves the policy's word in force where the application has none of its own", async () => {
    const refusal = { status: 503, type: 'decision_unavailable', message: 'Gleich wieder da.', retry_after: 5 }
    exporter.decide = () => allow({ remember: undefined, unreachable: 'block', unreachable_refusal: refusal })
    const [silent, open] = [guardOf(), guardOf({ failOpen: true })]
    for (const guard of [silent, open]) await guard.check(ACME)
    await exporter.close()
    expect(await silent.check(ACME)).toMatchObject({
      ...UNAVAILABLE,
      refusal: { message: 'Gleich wieder da.', retryAfter: 5 },
    })
    expect(await open.check(ACME)).toMatchObject(UNDECIDED)
  })

  test('is asked again as soon as it is back, and trouble that comes back is told again', async () => {
    const guard = guardOf()
    await listening(guard)
    await exporter.close()
    for (let times = 0; times < 5; times++) await guard.check(ACME)
    exporter = await startStandIn(exporter.port)
    await listening(guard)
    expect(await guard.check(ACME)).toMatchObject({ decided: true })
    await exporter.close()
    await until('it is told again', async () => {
      await guard.check({ customer: 'beta' })
      return guard.troubles.length === 2
    })
    expect(guard.troubles.map(({ kind }) => kind)).toEqual(['unreachable', 'unreachable'])
  })
})

describe('a wrong key', () => {
  test('is told once, without the key, and what to do about it', async () => {
    const guard = guardOf({ key: 'sk-wrong-and-secret' })
    for (let times = 0; times < 5; times++) expect(await guard.check(ACME)).toMatchObject(UNDECIDED)
    await until('changes were asked for too', () => guard.stats().asked >= 3)
    expect(guard.troubles).toHaveLength(1)
    expect(guard.troubles[0]).toMatchObject({ kind: 'key' })
    expect(guard.troubles[0]?.message).toMatch(/answered 401 \(Key unknown: Send the key\.\).*server\.keys\.gateway/)
    expect(JSON.stringify(guard.troubles) + guard.troubles[0]?.stack).not.toContain('secret')
  })
})

describe('an answer that cannot be used', () => {
  test('because it broke off is no decision, and is told', async () => {
    exporter.answer = (req, res) => {
      if (req.method !== 'POST') return
      res.writeHead(200, { 'content-type': 'application/json' }).write('{"version":')
      res.socket?.end()
    }
    const guard = guardOf()
    expect(await guard.check(ACME)).toMatchObject(UNDECIDED)
    expect(guard.troubles).toMatchObject([{ kind: 'unreachable', message: expect.stringMatching(/broke off/) }])
  })

  test.each([
    ['no json at all', 'that is not JSON'],
    ['[]', 'no JSON object'],
    ['{"version":2,"action":"allow"}', 'version 2'],
    ['{"version":1,"action":"maybe"}', 'the action "maybe"; expected one of allow, degrade, block, count'],
    ['{"version":1,"action":"block"}', 'a block without a refusal'],
    ['{"version":1,"action":"block","refusal":{"status":200,"type":"t","message":"m"}}', 'a block without a refusal'],
    ['{"version":1,"action":"count"}', 'asks again to count'],
  ])('is no decision, and is told: %s', async (body, told) => {
    exporter.decide = () => body
    const guard = guardOf()
    expect(await guard.check(ACME)).toMatchObject(UNDECIDED)
    expect(guard.troubles.map(({ kind }) => kind)).toEqual(['answer'])
    expect(guard.troubles[0]?.message).toContain(told)
  })

  test.each([
    [
      503,
      'unready',
      '{"title":"Warming","detail":"The ledger is being read."}',
      /answered 503 \(Warming: The ledger is/,
    ],
    [429, 'unready', 'slow\n down', /answered 429 \(slow down\)/],
    [404, 'answer', '', /answered 404\. Check that url/],
    [403, 'key', '{}', /answered 403\. Give the guard the key/],
    [
      400,
      'question',
      '{"title":"Bad","detail":"who.customer is longer than 200."}',
      /answered 400 \(Bad: who\.customer is/,
    ],
  ])('%i is no decision, and is told as %s', async (status, kind, body, told) => {
    // Who listens to changes hears nothing, so that the question's trouble is the only one.
    exporter.answer = (req, res) => void (req.method === 'POST' && res.writeHead(status).end(body))
    const guard = guardOf()
    expect(await guard.check(ACME)).toMatchObject(UNDECIDED)
    expect(guard.troubles).toMatchObject([{ kind, message: expect.stringMatching(told) }])
  })

  test('to one question says nothing about the next: it is asked all the same', async () => {
    exporter.answer = (_req, res) => void res.writeHead(400).end()
    const guard = guardOf()
    for (let times = 0; times < 10; times++) await guard.check(ACME)
    expect(guard.stats().asked).toBe(10)
  })

  test('and a redirect is not followed: the key is for one address', async () => {
    let reached = 0
    const other = createServer((_req, res) => {
      reached++
      res.end()
    })
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`
    exporter.answer = (_req, res) => void res.writeHead(307, { location }).end()
    expect(await guardOf().check(ACME)).toMatchObject(UNDECIDED)
    expect(reached).toBe(0)
    await new Promise((resolve) => other.close(resolve))
  })
})

test('no trouble of the guard is ever an error of the application, whatever it is told and answered', async () => {
  const anyAnswer = fc.oneof(
    fc.json(),
    fc.string(),
    fc
      .record(
        {
          version: fc.constant(1),
          action: fc.constantFrom('allow', 'block', 'degrade', 'count'),
          refusal: fc.anything(),
          remember: fc.oneof(fc.anything(), fc.record({ seconds: fc.double(), when: fc.array(fc.string()) })),
          max_tokens: fc.anything(),
        },
        { requiredKeys: ['version', 'action'] },
      )
      .map((answer) => JSON.stringify(answer)),
  )
  const guard = guardOf({
    onError: () => {
      throw new Error('the application cannot even log')
    },
  })
  await fc.assert(
    fc.asyncProperty(fc.anything(), fc.anything(), anyAnswer, async (who, call, answer) => {
      exporter.decide = () => answer
      const verdict = await guard.check(who as never, call as never)
      expect(['allow', 'degrade', 'block']).toContain(verdict.action)
      expect(verdict.refusal === null).toBe(verdict.action !== 'block')
    }),
    { numRuns: 300 },
  )
})

test('without onError trouble is a warning of the process', async () => {
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
  guardOf({ onError: undefined, key: KEY }, await nobody()).check(ACME)
  expect(await warned).toMatchObject({ name: 'GuardTrouble', kind: 'unreachable' })
})
