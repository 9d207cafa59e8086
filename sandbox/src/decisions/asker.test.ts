import { afterEach, describe, expect, test } from 'vitest'
import { REFUSAL, type Script, type Scripted, startScripted } from '../../test/scripted.ts'
import { type Asker, type AskerOptions, createAsker } from './asker.ts'
import { marksOf } from './marks.ts'
import type { Question } from './wire.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

async function start(script: Script, over: Partial<AskerOptions> = {}): Promise<{ server: Scripted; asker: Asker }> {
  const server = await startScripted(script)
  const usual = { key: 'gateway-key', deadlineMs: 60_000, unreachable: 'allow', sockets: 8, now: () => 0 } as const
  const asker = createAsker({ url: server.url, ...usual, ...over })
  closers.push(asker.close, server.close)
  return { server, asker }
}

function question(over: Partial<Question> = {}): Question {
  return {
    version: 1,
    call_id: '7f9c24e5-2f1d-4a6b-9c37-5b8a1e0d4c21',
    model: 'gpt-4o',
    input: { bytes: 4000, images: 0, opaque: 0, cache_writes: false },
    record: { end_user: 'acme', trace_id: 't-1' },
    ...over,
  }
}
const uncounted = () => {
  throw new Error('nothing was to be counted')
}

describe('asking', () => {
  test('a question goes out with the key, and its answer is the verdict', async () => {
    const { server, asker } = await start(() => ({ action: 'degrade', reason: 'customer', model: 'gpt-4o-mini' }))
    const verdict = await asker.ask(question(), uncounted)
    expect(verdict).toMatchObject({ kind: 'decided', answer: { action: 'degrade', model: 'gpt-4o-mini' } })
    expect(server.questions).toEqual([question()])
    expect(server.headers[0]?.authorization).toBe('Bearer gateway-key')
    expect(asker.stats()).toEqual({ asked: 1, answered: 1, undecided: 0 })
  })

  test('connections stay open', async () => {
    const { server, asker } = await start(() => ({}))
    for (let i = 0; i < 5; i++) await asker.ask(question(), uncounted)
    expect(server.connections()).toBe(1)
  })

  test('when the tokens are to be counted, it asks again with them under the same id', async () => {
    const { server, asker } = await start(({ input }) => (input.tokens === undefined ? { action: 'count' } : {}))
    expect(await asker.ask(question(), () => 977)).toMatchObject({ kind: 'decided', answer: { action: 'allow' } })
    expect(server.questions.map(({ input }) => input.tokens)).toEqual([undefined, 977])
    expect(new Set(server.questions.map(({ call_id }) => call_id)).size).toBe(1)
  })

  test('a block is a refusal with its reason', async () => {
    const { asker } = await start(() => ({ action: 'block', reason: 'customer', refusal: REFUSAL }))
    expect(await asker.ask(question(), uncounted)).toEqual({ kind: 'refused', reason: 'customer', refusal: REFUSAL })
  })
})

describe('without an answer', () => {
  const away: readonly (readonly [string, Script, Partial<AskerOptions>])[] = [
    ['nobody answers in time', () => 'silence', { deadlineMs: 20 }],
    ['the other side is not ready', () => ({ status: 503 }), {}],
    ['the key is refused', () => ({ status: 401 }), {}],
    ['the answer is of another version', () => ({ version: 2 }) as never, {}],
    ['a block says nothing to its caller', () => ({ action: 'block' }), {}],
    ['the count is asked for without end', () => ({ action: 'count' }), {}],
    ['the way is cut', () => ({}), { reachable: () => false }],
  ]
  test.each(away)('a call goes on when %s', async (_, script, over) => {
    const { asker } = await start(script, over)
    expect(await asker.ask(question(), () => 1)).toEqual({ kind: 'undecided' })
    expect(asker.stats()).toEqual({ asked: 1, answered: 0, undecided: 1 })
  })

  test('a call is refused when that is how it was set up', async () => {
    const { asker } = await start(() => ({ status: 503 }), { unreachable: 'block' })
    const refusal = { status: 503, type: 'decision_unavailable' }
    expect(await asker.ask(question(), uncounted)).toMatchObject({ kind: 'refused', reason: 'unreachable', refusal })
  })

  test('what the last answer said of it stands over how it was set up, with its own words', async () => {
    const refusal = { status: 503, type: 'decision_unavailable', message: 'Nicht jetzt.' }
    const { server, asker } = await start(() => ({ unreachable: 'block', unreachable_refusal: refusal }))
    await asker.ask(question(), uncounted)
    server.script = () => ({ status: 500 })
    expect(await asker.ask(question(), uncounted)).toEqual({ kind: 'refused', reason: 'unreachable', refusal })
  })

  test('after five failures in a row it asks nobody for a second', async () => {
    let now = 0
    const { server, asker } = await start(() => ({ status: 500 }), { now: () => now })
    for (let i = 0; i < 9; i++) await asker.ask(question(), uncounted)
    expect(server.questions.length).toBe(5)
    now = 1_000
    server.script = () => ({})
    expect(await asker.ask(question(), uncounted)).toMatchObject({ kind: 'decided' })
  })
})

describe('a refusal that may be remembered', () => {
  const block = (over: object) => ({
    action: 'block' as const,
    reason: 'session',
    refusal: REFUSAL,
    remember: { seconds: 30, when: ['end_user=acme', 'session_id=s-1'], ...over },
  })
  const ofSession = (session: string, over: Partial<Question> = {}) =>
    question({
      record: { end_user: 'acme', metadata: { spend_logs_metadata: { marginwatch_session: session } } },
      ...over,
    })

  async function told(remember: object) {
    let now = 0
    const { server, asker } = await start(() => block(remember), { now: () => now })
    await asker.ask(ofSession('s-1'), uncounted)
    server.script = () => ({ status: 503 })
    return {
      asker,
      pass: (ms: number) => (now += ms),
      kind: async (q: Question) => (await asker.ask(q, uncounted)).kind,
    }
  }

  test('holds for the calls that have all of its marks, for as long as it said', async () => {
    const { asker, pass, kind } = await told({})
    expect(await asker.ask(ofSession('s-1'), uncounted)).toEqual({
      kind: 'refused',
      reason: 'session',
      refusal: REFUSAL,
    })
    expect(await kind(ofSession('s-2'))).toBe('undecided')
    pass(30_000)
    expect(await kind(ofSession('s-1'))).toBe('undecided')
  })

  test('holds for its model alone when it names one', async () => {
    const { kind } = await told({ model: 'gpt-4o' })
    expect([await kind(ofSession('s-1')), await kind(ofSession('s-1', { model: 'local' }))]).toEqual([
      'refused',
      'undecided',
    ])
  })

  test('holds for every call when it names no mark', async () => {
    const { kind } = await told({ when: [] })
    expect(await kind(question({ record: {} }))).toBe('refused')
  })

  test('is over when another answer lets its call go on', async () => {
    const { server, asker } = await start(() => block({}))
    await asker.ask(ofSession('s-1'), uncounted)
    server.script = () => ({})
    await asker.ask(ofSession('s-1'), uncounted)
    server.script = () => ({ status: 503 })
    expect(await asker.ask(ofSession('s-1'), uncounted)).toEqual({ kind: 'undecided' })
  })
})

test('marks are named as the policy names the places', () => {
  const record = {
    end_user: 'acme',
    trace_id: 't-9',
    request_tags: ['agent:helpdesk', 'bare', 'url:http://x'],
    metadata: {
      user_api_key_alias: 'app-production',
      user_api_key_team_id: 'team-7',
      spend_logs_metadata: { marginwatch_session: 'chat-1' },
      requester_metadata: { plan_tier: 'tier_1', nested: { a: 1 } },
      requester_custom_headers: { 'X-Session-Id': 'chat-1' },
    },
  }
  expect([...marksOf(record)].sort()).toEqual([
    'end_user=acme',
    'header.x-session-id=chat-1',
    'key_alias=app-production',
    'key_team=team-7',
    'metadata.plan_tier=tier_1',
    'session_id=chat-1',
    'tag.agent=helpdesk',
    'tag.url=http://x',
    'trace_id=t-9',
  ])
})
