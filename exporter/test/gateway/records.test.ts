import {
  type Call,
  costMap,
  createTraffic,
  pushRecord,
  pushRecords,
  type RecordOptions,
  slimRecords,
  spendRow,
} from '@marginwatch/sandbox'
import { openPriceBook } from '@marginwatch/pricing'
import { describe, expect, it } from 'vitest'
import { type EventContext, eventOf } from '../../src/sources/litellm/event.ts'
import type { Json } from '../../src/sources/litellm/read.ts'
import { readRecord } from '../../src/sources/litellm/record.ts'
import { readRow } from '../../src/sources/litellm/row.ts'
import type { Usage } from '../../src/usage.ts'
import { ATTRIBUTION } from '../support/litellm.ts'

const START = Date.UTC(2026, 10, 18, 8)
const prices = openPriceBook({ litellmMap: costMap(false), litellmMapDate: START })
const CONTEXT: EventContext = { attribution: ATTRIBUTION, prices, development: false, now: START + 86_400_000 }
const calls = [...createTraffic({ seed: 8 }).calls(START, START + 6 * 3_600_000, { density: 1 })]

const fromRecord = (record: Json): Usage => eventOf(readRecord(record), CONTEXT).usage
const fromRow = (row: Json): Usage => eventOf(readRow(row), CONTEXT).usage

/** Fields in which the push record and the row of one call must say the same. */
const SAME = [
  'key',
  'customer',
  'tier',
  'user',
  'session',
  'agent',
  'operation',
  'queryType',
  'environment',
  'status',
  'cost',
  'basis',
  'tokens',
  'saved',
  'cacheHit',
  'model',
  'provider',
  'callType',
  'errorClass',
  'errorMessage',
  'start',
  'durationMs',
  'stream',
  'ttftMs',
  'contextWindow',
  'keyAlias',
] as const
// Not what was asked for before a fallback: the row alone tells that.

/** Whether the call came as far as our hook. */
const stampedBy = ({ failure }: Call) => failure !== 'bad_key' && failure !== 'native_budget'

const pick = (usage: Usage) => Object.fromEntries(SAME.map((field) => [field, usage[field]]))

describe('the push record and the row of a call that the stand-in makes', () => {
  it.each<[string, RecordOptions]>([
    ['whole', {}],
    ['slim', { slim: true }],
    ['with the stamp of our hook', { slim: true, hook: true }],
  ])('are one and the same event, %s', (_, options) => {
    for (const call of calls)
      expect(pick(fromRow(spendRow(call, options))), JSON.stringify(call.callId)).toEqual(
        pick(fromRecord(pushRecord(call, options))),
      )
  })

  it('are one and the same event with our gateway in front, the model asked for and the fallback included', () => {
    const seen = { uuid: false, none: false, fallback: false }
    for (const call of calls.flatMap((call) => [call, { ...call, session: call.session && call.traceId }])) {
      const slim = eventOf(readRecord(slimRecords(call).at(-1) as Json), CONTEXT)
      const row = eventOf(readRow(spendRow(call, { hook: true })), CONTEXT)
      const { modelAsked } = row.usage
      expect({ ...pick(row.usage), modelAsked }, call.callId).toEqual({
        ...pick(slim.usage),
        modelAsked: slim.usage.modelAsked,
      })
      expect(row.fallback).toEqual(slim.fallback)
      if (stampedBy(call)) expect([slim.usage.session, modelAsked]).toEqual([call.session, call.asked])
      seen.uuid ||= stampedBy(call) && slim.usage.session === call.traceId
      seen.none ||= stampedBy(call) && slim.usage.session === null
      seen.fallback ||= slim.fallback !== null
    }
    expect(seen).toEqual({ uuid: true, none: true, fallback: true })
  })

  it('are told apart from those of every other call, and a try from the success behind it', () => {
    for (const hook of [false, true]) {
      const expected = calls.reduce(
        (sum, call) => sum + (call.attempts.length > 0 && call.outcome === 'success' ? 2 : 1),
        0,
      )
      const keys = calls.flatMap((call) =>
        pushRecords(call, { slim: true, hook }).map((record) => fromRecord(record).key),
      )
      expect(new Set(keys).size).toBe(expected)
    }
  })

  it('keep nothing of what was asked and answered', () => {
    const said = (call: Call) => JSON.stringify(pushRecord(call, { prompts: true }))
    const kept = (call: Call) =>
      JSON.stringify(
        [fromRecord(pushRecord(call, { prompts: true })), fromRow(spendRow(call, { prompts: true }))],
        (_, value) => (typeof value === 'bigint' ? String(value) : value),
      )
    expect(calls.some((call) => said(call).includes("last month's numbers"))).toBe(true)
    for (const call of calls)
      expect(kept(call)).not.toMatch(/last month's numbers|it depends on the region|traceback|\/opt\//i)
  })
})
