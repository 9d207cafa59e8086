import { describe, expect, test } from 'vitest'
import type { Call } from '../call.ts'
import { createTraffic } from '../traffic.ts'
import { attemptSums, fallbackSums } from '../tries.ts'
import { pushRecord } from './push.ts'
import { spendRow } from './row.ts'
import { type SlimRecord, slimRecords } from './slim.ts'

const FROM = Date.UTC(2026, 10, 2)
const calls = [...createTraffic({ seed: 3 }).calls(FROM, FROM + 36 * 3_600_000)]
const find = (fits: (call: Call) => boolean): Call => {
  const call = calls.find(fits)
  if (!call) throw new Error('no such call')
  return call
}
const last = (call: Call): SlimRecord => slimRecords(call).at(-1) as SlimRecord
const metadataOf = (record: SlimRecord) => record.metadata as Readonly<Record<string, unknown>>

describe('slim records', () => {
  test('say of a call what the whole record says, under the same names, and nothing of its texts', () => {
    for (const call of calls.slice(0, 2000)) {
      const whole = pushRecord(call, { hook: true }) as unknown as Readonly<Record<string, unknown>>
      const { marginwatch, kind, metadata, ...slim } = last(call)
      expect([marginwatch, kind]).toEqual([1, 'call'])
      for (const [name, value] of Object.entries(slim))
        if (name in whole && typeof value !== 'object') expect(value, name).toEqual(whole[name])
      expect(JSON.stringify([slim, metadata])).not.toMatch(/Question|Answer|traceback|User-Agent|"headers"/)
    }
  })

  test('have less than 2 kB, also of a call with everything in it', () => {
    const sizes = calls.flatMap((call) => slimRecords(call).map((record) => JSON.stringify(record).length))
    expect(sizes.reduce((most, size) => Math.max(most, size), 0)).toBeLessThan(2000)
  })

  test('tell of each try before the outcome as an attempt, numbered from 1, and of the outcome as the call', () => {
    const call = find(({ attempts, outcome }) => attempts.length === 2 && outcome === 'success')
    const [first, second, outcome, ...more] = slimRecords(call)
    expect(more).toEqual([])
    expect([first?.kind, first?.n, second?.kind, second?.n]).toEqual(['attempt', 1, 'attempt', 2])
    expect(outcome).toMatchObject({ kind: 'call', status: 'success' })
    for (const record of [first, second, outcome]) {
      expect(record?.litellm_call_id).toBe(call.callId)
      expect(record && metadataOf(record).spend_logs_metadata).toMatchObject({ marginwatch_call_id: call.hookId })
    }
    expect(first).toHaveProperty('error_information.error_class')
  })

  test('name a fallback as the row does', () => {
    const call = find(({ model, asked, outcome }) => outcome === 'success' && model?.group !== asked)
    const noted = { attempted_fallbacks: 1, original_model_group: call.asked }
    expect(last(call)).toMatchObject({ model_group: call.model?.group, metadata: noted })
    expect(spendRow(call)).toMatchObject({ model_group: call.model?.group, metadata: noted })
  })

  test('carry the session as the client named it, and an empty one where it named none', () => {
    const stamp = (call: Call) => metadataOf(last(call)).spend_logs_metadata
    const named = find(({ session, outcome }) => session !== null && outcome === 'success')
    const unnamed = find(({ session, outcome }) => session === null && outcome === 'success')
    expect(stamp(named)).toMatchObject({ marginwatch_session: named.session, marginwatch_model_asked: named.asked })
    expect(stamp(unnamed)).toMatchObject({ marginwatch_session: '' })
  })
})

test('tries and fallbacks are counted by name', () => {
  const tries = calls.reduce((sum, call) => sum + call.attempts.length, 0)
  const sum = (sums: Record<string, number>) => Object.values(sums).reduce((all, n) => all + n, 0)
  expect(sum(attemptSums(calls))).toBe(tries)
  expect(attemptSums(calls)).toHaveProperty('openai RateLimitError')
  expect(sum(fallbackSums(calls))).toBe(calls.filter(({ model, asked }) => model && model.group !== asked).length)
  expect(fallbackSums(calls)).not.toEqual({})
})
