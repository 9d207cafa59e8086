import { nano } from '@marginwatch/pricing'
import { describe, expect, test } from 'vitest'
import type { Call } from '../call.ts'
import { inputTokens } from '../tokens.ts'
import { createTraffic } from '../traffic.ts'
import { HOOK_CALL_ID, HOOK_MODEL_ASKED, HOOK_SESSION } from './parts.ts'
import { pushRecord, pushRecords } from './push.ts'
import { rowId, spendRow } from './row.ts'

const FROM = Date.UTC(2026, 10, 2)
const calls = [...createTraffic({ seed: 3 }).calls(FROM, FROM + 30 * 3_600_000)]

function find(matches: (call: Call) => boolean): Call {
  const call = calls.find(matches)
  if (!call) throw new Error('no such call in the traffic of this test')
  return call
}

describe('ids', () => {
  test('a cache hit has the cached answer’s id with a time behind it, another one in push and row', () => {
    const hit = find((call) => call.cacheHit)
    const pushed = pushRecord(hit).id
    const row = spendRow(hit).request_id
    expect(pushed).toMatch(/^chatcmpl-[0-9a-f-]{36}_cache_hit\d{10}\.\d+$/)
    expect(row).toMatch(/^chatcmpl-[0-9a-f-]{36}_cache_hit\d{10}\.\d+$/)
    expect(row).not.toBe(pushed)
    expect(row.split('_cache_hit')[0]).toBe(pushed.split('_cache_hit')[0])
  })

  test('a retried call posts each failed try under the same call id, without cost, before its success', () => {
    const call = find((one) => one.attempts.length === 2 && one.outcome === 'success')
    const records = pushRecords(call)
    expect(records.map((record) => record.status)).toEqual(['failure', 'failure', 'success'])
    expect(new Set(records.map((record) => record.litellm_call_id))).toEqual(new Set([call.callId]))
    expect(records.map((record) => record.id)).toEqual([call.callId, call.callId, call.responseId])
    expect(records.slice(0, 2).map((record) => record.response_cost)).toEqual([0, 0])
    const starts = records.map((record) => record.startTime)
    expect([...starts].sort((a, b) => a - b)).toEqual(starts)
  })

  test('an embedding has no response id of its own: all its ids are the call id', () => {
    const call = find((one) => one.callType === 'aembedding' && one.outcome === 'success')
    expect([pushRecord(call).id, rowId(call)]).toEqual([call.callId, call.callId])
  })

  test('the hook’s call id is stamped on push and row alike, only when there is a hook', () => {
    const call = find((one) => one.outcome === 'success')
    const stamp = { [HOOK_CALL_ID]: call.hookId, [HOOK_MODEL_ASKED]: call.asked, [HOOK_SESSION]: call.session ?? '' }
    expect(pushRecord(call, { hook: true }).metadata.spend_logs_metadata).toEqual(stamp)
    expect(spendRow(call, { hook: true }).metadata.spend_logs_metadata).toEqual(stamp)
    expect(pushRecord(call).metadata.spend_logs_metadata).toBeNull()
  })
})

describe('session and owner', () => {
  test('the client’s session is in trace_id and in the row’s session_id; without one a uuid is made up', () => {
    const named = find((call) => call.session !== null && call.outcome === 'success')
    const unnamed = find((call) => call.session === null && call.outcome === 'success')
    expect([pushRecord(named).trace_id, pushRecord(named).session_id]).toEqual([named.session, ''])
    expect(spendRow(named).session_id).toBe(named.session)
    expect(pushRecord(unnamed).trace_id).toMatch(/^[0-9a-f-]{36}$/)
    expect(spendRow(unnamed).session_id).toBe(pushRecord(unnamed).trace_id)
  })

  test('tags carry the application’s names and then LiteLLM’s user agents', () => {
    const call = find((one) => one.queryType !== null && one.agent !== null && one.tier !== null && one.user !== null)
    const tags = pushRecord(call).request_tags
    expect(tags).toContain(`plan_tier:${call.tier}`)
    expect(tags).toContain(`query_type:${call.queryType}`)
    expect(tags).toContain(`agent:${call.agent}`)
    expect(tags.at(-1)).toMatch(/^User-Agent: /)
    expect(spendRow(call).request_tags).toEqual(tags)
  })

  test('a native budget rejection keeps the tags without user agents and loses the session', () => {
    const call = find((one) => one.failure === 'native_budget' && one.session !== null)
    const row = spendRow(call)
    expect(row.request_tags.some((tag) => tag.startsWith('User-Agent'))).toBe(false)
    expect(row.request_tags).toContain(`environment:${call.environment}`)
    expect(row.session_id).not.toBe(call.session)
    expect(row.metadata.original_model_group).toBeNull()
    expect(row.metadata.error_information?.error_budget_entity_id).toBe(call.customer)
  })

  test('nobody is null in the push and empty in the row', () => {
    const call = find((one) => one.customer === null)
    expect([pushRecord(call).end_user, spendRow(call).end_user, spendRow(call).user]).toEqual([null, '', ''])
  })
})

describe('money and tokens', () => {
  test('the float of push and row is the true cost to the nano-dollar, for each call', () => {
    const wrong = calls.filter((call) => {
      const [pushed, row] = [pushRecord(call, { slim: true }), spendRow(call, { slim: true })]
      return nano(pushed.response_cost) !== (call.cost ?? 0n) || row.spend !== pushed.response_cost
    })
    expect(wrong).toEqual([])
  })

  test('prompt_tokens include what was read from and written to the provider’s cache', () => {
    const call = find((one) => one.tokens.cacheRead > 0 && one.tokens.cacheWrite5m > 0)
    expect(pushRecord(call).prompt_tokens).toBe(inputTokens(call.tokens))
    expect(pushRecord(call).prompt_tokens).toBeGreaterThan(call.tokens.input)
  })

  test('a cache hit costs 0 and still shows its tokens, the breakdown and what was saved', () => {
    const hit = find((call) => call.cacheHit && (call.saved ?? 0n) > 0n)
    const pushed = pushRecord(hit)
    expect([pushed.response_cost, pushed.cache_hit, pushed.total_tokens > 0]).toEqual([0, true, true])
    expect(nano(pushed.saved_cache_cost)).toBe(hit.saved)
    expect(nano(pushed.cost_breakdown?.total_cost ?? 0)).toBe(hit.saved)
    expect([spendRow(hit).spend, spendRow(hit).cache_hit]).toEqual([0, 'True'])
  })

  test('a call that failed at the provider has a prompt counted in its row, none in the push', () => {
    const call = find((one) => one.failure === 'server_error')
    expect(pushRecord(call).prompt_tokens).toBe(0)
    expect(spendRow(call).prompt_tokens).toBeGreaterThan(0)
    expect(spendRow(call).metadata.usage_object).toEqual({})
  })
})

describe('time', () => {
  test('push times are epoch seconds with microseconds, row times texts cut to milliseconds', () => {
    const call = find((one) => one.micros > 0 && one.start % 1000 > 99)
    expect(pushRecord(call).startTime).toBeCloseTo((call.start + call.micros / 1000) / 1000, 5)
    expect(spendRow(call).startTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/)
    expect(Date.parse(spendRow(call).startTime)).toBe(call.start)
  })

  test('a row that starts on a full second has no decimals', () => {
    const call = { ...find((one) => one.outcome === 'success'), start: FROM + 5000 }
    expect(spendRow(call).startTime).toBe('2026-11-02T00:00:05+00:00')
  })

  test('response_time of a stream is the time to its first token, else the whole time', () => {
    const stream = find((call) => call.stream && (call.firstTokenMs ?? 0) < call.end - call.start)
    const whole = find((call) => !call.stream && call.outcome === 'success')
    expect(pushRecord(stream).response_time).toBeCloseTo((stream.firstTokenMs ?? 0) / 1000, 4)
    expect(pushRecord(whole).response_time).toBeCloseTo((whole.end - whole.start) / 1000, 4)
  })
})

describe('size', () => {
  test('a full record has about 12 kB with prompts and prices in it, a slim one neither', () => {
    const call = find((one) => one.model?.group === 'gpt-4o' && one.outcome === 'success')
    const [full, slim] = [JSON.stringify(pushRecord(call)), JSON.stringify(pushRecord(call, { slim: true }))]
    expect(full.length).toBeGreaterThan(9000)
    expect(full.length).toBeLessThan(15_000)
    expect(slim.length).toBeLessThan(5000)
    expect(full).toContain('Question')
    expect(slim).not.toContain('Question')
    expect(JSON.stringify(pushRecord(call, { prompts: false }))).not.toContain('Question')
  })
})

describe('refusals', () => {
  test('both ways in which our hook blocks name the type of block', () => {
    for (const [failure, errorClass] of [
      ['hook_http', 'HTTPException'],
      ['hook_proxy', 'ProxyException'],
    ]) {
      const record = pushRecord(find((call) => call.failure === failure))
      expect(record.error_information.error_class).toBe(errorClass)
      expect(record.error_information.error_code).toBe('402')
      expect(record.error_str).toContain('customer_budget_exceeded')
    }
  })
})
