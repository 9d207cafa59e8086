import { afterEach, describe, expect, test } from 'vitest'
import { type Script, type Scripted, REFUSAL, startScripted } from '../../test/scripted.ts'
import type { Call } from '../call.ts'
import type { Question } from '../decisions/wire.ts'
import { inputTokens } from '../tokens.ts'
import { createTraffic } from '../traffic.ts'
import type { DecideOptions } from './deciding.ts'
import { type Litellm, startLitellm } from './server.ts'
import { slimRecords } from './slim.ts'

const FROM = Date.UTC(2026, 10, 3, 9)
const calls = [...createTraffic({ seed: 5 }).calls(FROM, FROM + 12 * 3_600_000)]
const find = (fits: (call: Call) => boolean): Call => {
  const call = calls.find(fits)
  if (!call) throw new Error('no such call')
  return call
}
const paid = find(
  (call) => call.outcome === 'success' && !call.cacheHit && call.session !== null && call.agent !== null,
)

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

async function start(
  script: Script,
  over: Partial<DecideOptions> = {},
): Promise<{ server: Scripted; litellm: Litellm }> {
  const server = await startScripted(script)
  const litellm = await startLitellm({
    now: () => FROM + 86_400_000,
    push: { url: server.ingestUrl, form: 'marginwatch', flushMs: 1e9 },
    decide: { url: server.url, key: 'gateway-key', deadlineMs: 60_000, ...over },
  })
  closers.push(litellm.close, server.close)
  return { server, litellm }
}

describe('a call that begins', () => {
  test('is asked for with whose it is, and what is said of it later is the same', async () => {
    const { server, litellm } = await start(() => ({}))
    const made = await litellm.begin(paid)
    expect(server.questions).toEqual([
      expect.objectContaining({
        version: 1,
        call_id: paid.hookId,
        model: paid.asked,
        call_type: 'acompletion',
        stream: paid.stream,
      }),
    ])
    const { request_tags, end_user, trace_id, metadata } = (server.questions[0] as Question).record as Record<
      string,
      never
    >
    const record = slimRecords(made as Call).at(-1)
    expect(record).toMatchObject({ request_tags, end_user, trace_id, metadata })
    expect(metadata).toMatchObject({
      requester_metadata: { agent_id: paid.agent, session_id: paid.session },
      spend_logs_metadata: { marginwatch_call_id: paid.hookId, marginwatch_session: paid.session },
    })
    expect(JSON.stringify(server.questions)).not.toMatch(/usage_object|response_cost|status|Question|Answer/)
  })

  test('has a size in bytes that its tokens fit into, and says the tokens themselves when it is asked', async () => {
    const { server, litellm } = await start(({ input }) => (input.tokens === undefined ? { action: 'count' } : {}))
    for (const call of calls.slice(0, 200).filter(({ outcome }) => outcome === 'success')) {
      await litellm.begin(call)
      const { bytes, tokens } = server.questions.at(-1)?.input ?? { bytes: 0 }
      expect(tokens).toBe(inputTokens(call.tokens))
      expect(bytes / inputTokens(call.tokens)).toBeGreaterThan(3.4)
      expect(bytes / inputTokens(call.tokens)).toBeLessThan(4.6)
    }
  })

  test('goes as it was decided, and is recorded so', async () => {
    const { server, litellm } = await start(() => ({ action: 'block', reason: 'customer', refusal: REFUSAL }))
    const made = await litellm.begin(paid)
    expect(made).toMatchObject({ outcome: 'blocked', cost: 0n, decision: { action: 'block', reason: 'customer' } })
    litellm.add([made as Call])
    await litellm.flush()
    expect(server.posts.flatMap(({ records }) => records)).toEqual([
      expect.objectContaining({
        status: 'failure',
        response_cost: 0,
        error_information: expect.objectContaining({ error_class: 'ProxyException', error_code: '402' }),
      }),
    ])
  })

  test('is not asked for when LiteLLM itself turns it away before the hook', async () => {
    const { server, litellm } = await start(() => ({ action: 'block', refusal: REFUSAL }))
    for (const failure of ['bad_key', 'native_budget'] as const) {
      const call = find((one) => one.failure === failure)
      expect(await litellm.begin(call)).toBe(call)
    }
    expect(server.questions).toEqual([])
  })

  test('that the traffic has as blocked is not made, for here others decide', async () => {
    const { server, litellm } = await start(() => ({}))
    expect(await litellm.begin(find(({ outcome }) => outcome === 'blocked'))).toBe(null)
    expect(server.questions).toEqual([])
  })

  test('goes on when nobody answers, and the next post says how many did', async () => {
    const { server, litellm } = await start(() => ({ status: 503 }))
    const made = await litellm.begin(paid)
    expect(made).toMatchObject({ outcome: 'success', cost: paid.cost, decision: { action: 'undecided' } })
    litellm.add([made as Call])
    await litellm.flush()
    expect(server.posts.at(-1)?.state).toMatchObject({ undecided: 1 })
    expect(litellm.stats().decisions).toEqual({ asked: 1, answered: 0, undecided: 1 })
  })

  test('is refused when nobody answers and the gateway was told to be strict', async () => {
    const { litellm } = await start(() => ({ status: 503 }), { unreachable: 'block' })
    expect(await litellm.begin(paid)).toMatchObject({ outcome: 'blocked', decision: { reason: 'unreachable' } })
  })
})

test('a gateway that asks nobody lets each call go as the traffic says', async () => {
  const litellm = await startLitellm()
  closers.push(litellm.close)
  for (const call of [paid, find(({ outcome }) => outcome === 'blocked')]) expect(await litellm.begin(call)).toBe(call)
  expect(litellm.stats().decisions).toBe(null)
})
