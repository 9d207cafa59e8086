import { describe, expect, test } from 'vitest'
import type { Call } from '../call.ts'
import type { Answer } from '../decisions/wire.ts'
import { GPT_4O_MINI, HAIKU, type Model, nanoCost, SONNET } from '../models.ts'
import { inputTokens, outputTokens } from '../tokens.ts'
import { createTraffic } from '../traffic.ts'
import { fallbackSums } from '../tries.ts'
import { decidedCall } from './decided.ts'
import { slimRecords } from './slim.ts'

const FROM = Date.UTC(2026, 10, 2)
const calls = [...createTraffic({ seed: 3 }).calls(FROM, FROM + 36 * 3_600_000)]
const find = (fits: (call: Call) => boolean): Call => {
  const call = calls.find(fits)
  if (!call) throw new Error('no such call')
  return call
}
const plain = (call: Call) =>
  call.outcome === 'success' && !call.cacheHit && !call.aborted && call.attempts.length === 0
const paid = find((call) => plain(call) && call.model === SONNET && call.session !== null && call.tokens.output > 300)
const decided = (call: Call, answer: Partial<Answer>): Call =>
  decidedCall(call, { kind: 'decided', answer: { version: 1, action: 'allow', reason: 'ok', ...answer } })
const record = (call: Call) => slimRecords(call).at(-1) as Readonly<Record<string, unknown>>
const degraded = { action: 'degrade', reason: 'customer', model: HAIKU.group } as const

describe('a call that may go', () => {
  test('goes as it would have gone, and says so', () => {
    const made = decided(paid, {})
    expect({ ...made, decision: null }).toEqual(paid)
    expect(record(made)).toMatchObject({
      metadata: { spend_logs_metadata: { marginwatch_action: 'allow', marginwatch_reason: 'ok' } },
    })
  })

  test('and whose answer is bounded ends there: fewer tokens, cheaper, sooner, cut', () => {
    const most = Math.floor(outputTokens(paid.tokens) / 3)
    const made = decided(paid, { max_tokens: most })
    expect(outputTokens(made.tokens)).toBe(most)
    expect(inputTokens(made.tokens)).toBe(inputTokens(paid.tokens))
    expect(made.cost).toBe(BigInt(nanoCost(SONNET, made.tokens) ?? -1))
    expect(made.end).toBeLessThan(paid.end)
    expect(record(made)).toMatchObject({ finish_reason: 'length', completion_tokens: most })
    expect(record(paid)).toMatchObject({ finish_reason: 'stop' })
  })

  test('and whose answer fits its bound is not cut', () => {
    const made = decided(paid, { max_tokens: outputTokens(paid.tokens) })
    expect([made.truncated, made.cost]).toEqual([false, paid.cost])
  })

  test('of a thinking model spends the bound on thought first', () => {
    const call = find((one) => plain(one) && one.tokens.reasoning > 20 && one.tokens.output > 20)
    const made = decided(call, { max_tokens: call.tokens.reasoning + 5 })
    expect(made.tokens).toMatchObject({ reasoning: call.tokens.reasoning, output: 5 })
  })

  test('without fallbacks fails as the last try before its fallback did', () => {
    const call = find((one) => one.outcome === 'success' && one.model?.group !== one.asked)
    const made = decided(call, { fallbacks: 'off' })
    const last = call.attempts.at(-1)
    expect(made).toMatchObject({ outcome: 'failed', failure: last?.failure, model: last?.model, cost: 0n })
    expect(made.attempts.length).toBe(call.attempts.length - 1)
  })
})

describe('a call that a cheaper model answers', () => {
  test('costs the price of that model, with nothing of its prompt in a cache', () => {
    const made = decided(paid, degraded)
    expect(made.model).toBe(HAIKU)
    expect(made.tokens).toMatchObject({
      input: inputTokens(paid.tokens),
      cacheRead: 0,
      output: outputTokens(paid.tokens),
    })
    expect(made.cost).toBe(BigInt(nanoCost(HAIKU, made.tokens) ?? -1))
    expect(made.end).toBeLessThan(paid.end)
  })

  test('is recorded under that model, with the one that was asked for, a tag, and no fallback', () => {
    const made = decided(paid, degraded)
    expect(record(made)).toMatchObject({
      model_group: HAIKU.group,
      model: HAIKU.name,
      request_tags: expect.arrayContaining(['marginwatch:degrade']),
      metadata: {
        attempted_fallbacks: 0,
        original_model_group: HAIKU.group,
        spend_logs_metadata: {
          marginwatch_action: 'degrade',
          marginwatch_reason: 'customer',
          marginwatch_model_asked: SONNET.group,
        },
      },
    })
    expect(fallbackSums([made])).toEqual({})
  })

  test('is in nobody’s cache', () => {
    const hit = find((call) => call.cacheHit && call.model !== HAIKU && (call.saved ?? 0n) > 0n)
    const made = decided(hit, degraded)
    expect([made.cacheHit, made.saved, made.cost]).toEqual([false, null, BigInt(nanoCost(HAIKU, made.tokens) ?? -1)])
    expect(made.responseId).not.toBe(hit.responseId)
  })

  test('that the gateway does not know is rejected by it', () => {
    expect(decided(paid, { ...degraded, model: 'no-such-model' })).toMatchObject({
      outcome: 'rejected',
      failure: 'unknown_model',
      cost: 0n,
    })
  })
})

describe('a call that is refused', () => {
  const refusal = { status: 429, type: 'session_rate_limited', message: 'Slowly, please.', retry_after: 12 }
  const made = decidedCall(paid, { kind: 'refused', refusal, reason: 'session_rate' })

  test('costs nothing and is over at once', () => {
    expect(made).toMatchObject({ outcome: 'blocked', cost: 0n, saved: null, attempts: [], stream: false })
    expect(made.end - made.start).toBeLessThan(10)
  })

  test('is recorded as the exception of the hook, with what its caller read', () => {
    expect(record(made)).toMatchObject({
      status: 'failure',
      response_cost: 0,
      error_information: { error_class: 'ProxyException', error_code: '429', error_message: 'Slowly, please.' },
      metadata: { spend_logs_metadata: { marginwatch_action: 'block', marginwatch_reason: 'session_rate' } },
    })
    expect(slimRecords(made).length).toBe(1)
  })
})

test('a call that goes on undecided says so', () => {
  expect(record(decidedCall(paid, { kind: 'undecided' }))).toMatchObject({
    metadata: { spend_logs_metadata: { marginwatch_action: 'undecided', marginwatch_reason: 'unreachable' } },
  })
})

test('whatever is decided, what is only tried costs nothing and a success costs what its tokens do', () => {
  const answers = [{}, degraded, { max_tokens: 40 }, { ...degraded, model: GPT_4O_MINI.group, max_tokens: 9 }]
  for (const call of calls.slice(0, 3000)) {
    for (const answer of answers) {
      const made = decided(call, { ...answer, fallbacks: 'off' })
      if (made.outcome !== 'success' || made.cacheHit) expect(made.cost).toBe(0n)
      else expect(made.cost === null ? null : Number(made.cost)).toBe(nanoCost(made.model as Model, made.tokens))
      expect(made.end).toBeGreaterThan(made.start)
    }
  }
})
