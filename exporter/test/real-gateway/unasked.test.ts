import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWithFixture } from '../support/fixture.ts'
import { eventually } from '../support/eventually.ts'
import { type Asking, startAsking } from './asking.ts'

const CHAT = '/v1/chat/completions'
const ask = (user: string) => ({ model: 'gpt-4o', user, messages: [{ role: 'user', content: 'upstream(output=5)' }] })
const ALLOW = { action: 'allow', reason: 'ok' }
const REFUSAL = { status: 402, type: 'customer_budget_exceeded', message: 'Used up.', retry_after: 600 }
const WARMING = { status: 503, body: { type: 'warming', title: 'Warming up' } }

describeWithFixture('A call through the real LiteLLM that no decision can be had for', () => {
  let asking: Asking
  const action = ({ headers }: { headers: Headers }) => headers.get('x-marginwatch-action')
  beforeAll(async () => {
    asking = await startAsking()
  })
  afterAll(() => asking?.close())

  it('leaves, is counted, and says so; the log tells it once', async () => {
    for (const [at, none] of (['hang', WARMING, { status: 401, body: { detail: 'Key unknown' } }] as const).entries()) {
      asking.decisions.set(() => none)
      const answer = await asking.call(CHAT, ask('acme'))
      expect([answer.status, action(answer)]).toEqual([200, 'undecided'])
      const { spend_logs_metadata: logged } = (await asking.recordOfLast()).metadata as Record<string, object>
      expect(logged).toMatchObject({ marginwatch_action: 'undecided', marginwatch_reason: 'unreachable' })
      await eventually('the count', () => (asking.decisions.state().undecided === at + 1 ? true : null))
    }
    expect(asking.gateway.logs().match(/does not decide \(no answer within 250 ms\)/g)).toHaveLength(1)
    expect(asking.gateway.logs()).not.toContain('decides again')
    asking.decisions.set(() => ALLOW)
    expect(action(await asking.call(CHAT, ask('acme')))).toBe('allow')
    expect(asking.gateway.logs().match(/decides again/g)).toHaveLength(1)
  })

  it('is refused where the policy wants that, with the words that the exporter left', async () => {
    const refusal = { status: 503, type: 'decision_unavailable', message: 'Please wait.', retry_after: 7 }
    asking.decisions.set(() => ({ ...ALLOW, unreachable: 'block', unreachable_refusal: refusal }))
    expect(action(await asking.call(CHAT, ask('acme')))).toBe('allow')
    asking.decisions.set(() => WARMING)
    const { status, headers, text } = await asking.call(CHAT, ask('acme'))
    expect([status, headers.get('retry-after'), headers.get('x-marginwatch-reason')]).toEqual([503, '7', 'unreachable'])
    expect(JSON.parse(text).error).toMatchObject({ message: 'Please wait.', type: 'decision_unavailable' })
    asking.decisions.set(() => ALLOW)
    expect(action(await asking.call(CHAT, ask('acme')))).toBe('allow')
    expect(asking.decisions.state().undecided).toBe(3)
  })

  it('is refused when it was before, and nobody else is, until a call like it was let through', async () => {
    const remember = { seconds: 60, when: ['end_user=acme'], scope: 'customer', subject: 'acme' }
    asking.decisions.set(({ record }) =>
      record.end_user === 'acme' ? { action: 'block', reason: 'customer', refusal: REFUSAL, remember } : ALLOW,
    )
    expect((await asking.call(CHAT, ask('acme'))).status).toBe(402)
    asking.decisions.set(() => WARMING)
    const again = await asking.call(CHAT, ask('acme'))
    expect([again.status, action(again), again.headers.get('x-marginwatch-reason')]).toEqual([402, 'block', 'customer'])
    expect(Number(again.headers.get('retry-after'))).toBeLessThanOrEqual(600)
    expect((await asking.call(CHAT, ask('globex'))).status).toBe(200)
    asking.decisions.set(() => ALLOW)
    expect((await asking.call(CHAT, ask('acme'))).status).toBe(200)
    asking.decisions.set(() => WARMING)
    expect(action(await asking.call(CHAT, ask('acme')))).toBe('undecided')
  })

  it('does not wait once it is known that nobody answers, and is asked for again when somebody does', async () => {
    asking.decisions.set(() => 'hang')
    for (let i = 0; i < 5; i++) await asking.call(CHAT, ask('acme'))
    const before = asking.decisions.asked().length
    const answers = await Promise.all(Array.from({ length: 20 }, () => asking.call(CHAT, ask('acme'))))
    expect(answers.map(action)).toEqual(answers.map(() => 'undecided'))
    // At most one at a time tries; the others wait for nothing.
    expect(asking.decisions.asked().length - before).toBeLessThan(10)
    asking.decisions.set(() => ALLOW)
    await eventually('a decision', async () => (action(await asking.call(CHAT, ask('acme'))) === 'allow' ? true : null))
  })
})

describeWithFixture('A call through the real LiteLLM with an exporter that was never there', () => {
  it('is refused where the environment wants that', async () => {
    const asking = await startAsking({
      MARGINWATCH_URL: 'http://127.0.0.1:9',
      MARGINWATCH_ON_UNREACHABLE: 'block',
    })
    try {
      const { status, headers, text } = await asking.call('/v1/messages', { ...ask('acme'), max_tokens: 50 })
      expect([status, headers.get('retry-after')]).toEqual([503, '5'])
      expect(JSON.parse(text).error.message).toMatch(/^The AI service cannot check your budget/)
      expect(asking.upstream.served()).toEqual([])
    } finally {
      await asking.close()
    }
  })
})
