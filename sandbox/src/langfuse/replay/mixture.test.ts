import { describe, expect, test } from 'vitest'
import type { Call } from '../../call.ts'
import { replay } from '../../replay.ts'
import { createTraffic } from '../../traffic.ts'
import { truthOf } from '../../truth.ts'
import type { ObservationRow } from '../observation.ts'
import { createTenant, type Tenant } from '../project.ts'
import { type MixtureOptions, mixture } from './mixture.ts'
import { type Passed, wayOf } from './plan.ts'
import { spanId } from './spans.ts'
import { traceOf } from './trace.ts'

const FROM = Date.UTC(2026, 10, 3, 9)
const HOUR = 3_600_000
const traffic = createTraffic({ seed: 5 })
const calls = [...traffic.calls(FROM, FROM + HOUR)]

function sinks() {
  let now = FROM
  const seen: Call[] = []
  const langfuse: Tenant = createTenant({ name: 'default' }, () => now)
  const gateway: MixtureOptions['gateway'] = { add: (some) => void seen.push(...some) }
  return { seen, langfuse, gateway, at: (ms: number) => (now = ms) }
}

const DISTURBED = { gatewayOnly: 0.1, langfuseOnly: 0.1, late: 0.1, twice: 0.1, edited: 0.2 }

describe('a mixture', () => {
  test('undisturbed, each call leaves its row in both places', () => {
    const { seen, langfuse, gateway, at } = sinks()
    const both = mixture({ gateway, langfuse })
    both.add(calls)
    at(FROM + 30 * HOUR)
    expect(seen).toEqual(calls)
    const ids = new Set(langfuse.rows().map(({ id }) => id))
    for (const call of calls) expect(ids.has(spanId(call, 'call'))).toBe(true)
    const truth = truthOf(calls)
    expect(both.truth()).toMatchObject({
      both: { calls: truth.calls, cost: truth.cost, tokens: truth.tokens },
      gateway: { calls: 0 },
      langfuse: { calls: 0 },
      late: 0,
      twice: 0,
      edited: { cost: 0, tokens: 0, time: 0 },
      observations: langfuse.rows().length,
      scores: [...langfuse.scores.rows(FROM + 30 * HOUR)].length,
    })
  })

  test('disturbed, what it says of each call is what the two places hold', () => {
    const { seen, langfuse, gateway, at } = sinks()
    const passed: Passed[] = []
    const disturbed = mixture({ gateway, langfuse, ...DISTURBED, onPassed: (one) => passed.push(one) })
    disturbed.add(calls)
    at(FROM + 30 * HOUR)
    const reached = new Set(seen)
    const rows = new Map<string, ObservationRow[]>()
    for (const row of langfuse.rows()) rows.set(row.id, [...(rows.get(row.id) ?? []), row])
    for (const { call, way, observation, twiceAfterMs, edit } of passed) {
      expect(reached.has(call)).toBe(way !== 'langfuse')
      const found = rows.get(observation ?? '') ?? []
      expect(found.length).toBe(way === 'gateway' ? 0 : twiceAfterMs !== null && edit === null ? 2 : 1)
      if (way === 'gateway') continue
      const [row] = found
      const untouched = traceOf(call, { way: way === 'langfuse' ? 'direct' : 'gateway' }).generations.at(-1)
      expect(row?.start).toBe(call.start + (edit?.what === 'time' ? edit.byMs : 0))
      expect(row?.usage.total).toBe(edit?.what === 'tokens' ? edit.tokens : untouched?.usage?.total)
      if (edit?.what === 'cost') expect(row?.cost.total).toBe(edit.usd)
    }
    const truth = disturbed.truth()
    expect(truth.both.calls + truth.gateway.calls + truth.langfuse.calls).toBe(calls.length)
    for (const sum of [truth.both, truth.gateway, truth.langfuse]) expect(sum.calls).toBeGreaterThan(0)
    expect(truth.twice).toBe(passed.filter(({ twiceAfterMs }) => twiceAfterMs !== null).length)
    expect(truth.edited).toEqual({
      cost: passed.filter(({ edit }) => edit?.what === 'cost').length,
      tokens: passed.filter(({ edit }) => edit?.what === 'tokens').length,
      time: passed.filter(({ edit }) => edit?.what === 'time').length,
    })
    expect(Math.min(truth.twice, truth.late, ...Object.values(truth.edited))).toBeGreaterThan(0)
    const tools = new Set(langfuse.rows().flatMap(({ type, id }) => (type === 'TOOL' ? [id] : [])))
    expect(Object.values(truth.tools).reduce((sum, tool) => sum + tool.calls, 0)).toBe(tools.size)
  })

  test('a late observation is not there before its time, an edited one is as it was until its edit', () => {
    const { langfuse, gateway, at } = sinks()
    const passed: Passed[] = []
    mixture({ gateway, langfuse, ...DISTURBED, twice: 0, onPassed: (one) => passed.push(one) }).add(calls)
    const row = (id: string | null) => langfuse.rows().find((one) => one.id === id)
    const late = passed.find((one) => one.late && one.edit?.what === 'cost')
    if (!late?.from || !late.edit) throw new Error('no such call in this traffic')
    expect(late.from - late.call.end).toBeGreaterThanOrEqual(600_000)
    at(late.from - 1)
    expect(row(late.observation)).toBeUndefined()
    at(late.from)
    const before = row(late.observation)
    expect(before?.cost.total).not.toBe(late.edit.what === 'cost' && late.edit.usd)
    at(late.edit.at)
    expect(row(late.observation)?.cost.total).toBe(late.edit.what === 'cost' && late.edit.usd)
    expect(row(late.observation)?.updatedAt).toBeGreaterThan(before?.updatedAt ?? 0)
  })

  test.for([
    { how: {}, least: 1000, most: 1000 },
    { how: { twiceAfterMs: [60_000, HOUR] }, least: 60_000, most: HOUR },
  ] as const)('what is delivered twice is there once, and twice $least to $most ms later', ({ how, least, most }) => {
    const { langfuse, gateway, at } = sinks()
    const passed: Passed[] = []
    mixture({ gateway, langfuse, twice: 0.1, ...how, onPassed: (one) => passed.push(one) }).add(calls)
    const waits = passed.flatMap(({ twiceAfterMs }) => twiceAfterMs ?? [])
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(least)
    expect(Math.max(...waits)).toBeLessThanOrEqual(most)
    const twice = passed.find((one) => one.twiceAfterMs !== null)
    if (!twice?.from || !twice.twiceAfterMs) throw new Error('no such call in this traffic')
    const there = (ms: number): number => {
      at(ms)
      return langfuse.rows().filter(({ id }) => id === twice.observation).length
    }
    const again = twice.from + twice.twiceAfterMs
    expect([twice.from - 1, twice.from, again - 1, again].map(there)).toEqual([0, 1, 1, 2])
  })

  test('is delivered twice with all of its trace, and edited with its tools', () => {
    const { langfuse, gateway, at } = sinks()
    const passed: Passed[] = []
    mixture({ gateway, langfuse, ...DISTURBED, onPassed: (one) => passed.push(one) }).add(calls)
    at(FROM + 30 * HOUR)
    const rows = new Map<string, ObservationRow[]>()
    for (const row of langfuse.rows()) rows.set(row.id, [...(rows.get(row.id) ?? []), row])
    const seen = { twice: 0, moved: 0, saidAgain: 0 }
    for (const { call, way, twiceAfterMs, edit } of passed) {
      if (way === 'gateway') continue
      for (const { id, start, type } of traceOf(call, { way: way === 'langfuse' ? 'direct' : 'gateway' }).others) {
        const edited = type === 'TOOL' ? edit : null
        const [row, ...others] = rows.get(id) ?? []
        expect(others.length).toBe(Number(twiceAfterMs !== null && edited === null))
        expect(row?.start).toBe(start + (edited?.what === 'time' ? edited.byMs : 0))
        if (edited) expect(row?.updatedAt).toBe(edited.at)
        seen.twice += others.length
        if (edited) seen[edited.what === 'time' ? 'moved' : 'saidAgain'] += 1
      }
    }
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(0)
  })

  test('an edit comes as long after the observation as is asked, and only of what both places have', () => {
    const { langfuse, gateway } = sinks()
    const passed: Passed[] = []
    const options = { ...DISTURBED, editAfterMs: [60_000, 3_600_000] } as const
    mixture({ gateway, langfuse, ...options, onPassed: (one) => passed.push(one) }).add(calls)
    const waits = passed.flatMap(({ edit, from }) => (edit && from !== null ? [edit.at - from] : []))
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(60_000)
    expect(Math.max(...waits)).toBeLessThanOrEqual(3_600_000)
    expect(new Set(waits).size).toBeGreaterThan(10)
    expect(new Set(passed.flatMap(({ edit, way }) => (edit ? [way] : [])))).toEqual(new Set(['both']))
  })

  test('what the gateway tells of late is handed to it with how late that is, everything else at once', () => {
    const { langfuse } = sinks()
    const late = new Map<Call, number>()
    const passed: Passed[] = []
    const disturbed = mixture({
      langfuse,
      gateway: {
        add(some, { lateMs = 0 } = {}) {
          for (const call of some) late.set(call, lateMs)
        },
      },
      langfuseOnly: 0.1,
      gatewayLate: 0.1,
      gatewayLateMs: [HOUR, 2 * HOUR],
      onPassed: (one) => passed.push(one),
    })
    disturbed.add(calls)
    for (const { call, gatewayLateMs } of passed) expect(late.get(call) ?? null).toBe(gatewayLateMs)
    const delays = [...late.values()].filter((ms) => ms > 0)
    expect(disturbed.truth().gatewayLate).toBe(delays.length)
    expect(delays.length).toBeGreaterThan(calls.length / 20)
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(HOUR)
    expect(Math.max(...delays)).toBeLessThanOrEqual(2 * HOUR)
  })

  test('of a call that is lent its session the gateway hears none, and the trace has it with our id', () => {
    const { seen, langfuse, gateway, at } = sinks()
    const passed: Passed[] = []
    const disturbed = mixture({ gateway, langfuse, langfuseOnly: 0.1, lent: 0.2, onPassed: (one) => passed.push(one) })
    disturbed.add(calls)
    at(FROM + 30 * HOUR)
    const rows = new Map(langfuse.rows().map((row) => [row.id, row]))
    const told = new Map(seen.map((call) => [call.hookId, call.session]))
    const lent = passed.filter((one) => one.lent)
    for (const { call, observation, way } of lent) {
      expect([way, told.get(call.hookId)]).toEqual(['both', null])
      expect(rows.get(observation ?? '')).toMatchObject({
        sessionId: call.session ?? '',
        metadata: { marginwatch_call_id: call.hookId },
        cost: {},
      })
    }
    expect(disturbed.truth().lent).toBe(lent.length)
    expect(lent.filter(({ call }) => call.session !== null).length).toBeGreaterThan(calls.length / 20)
    for (const { call, way } of passed.filter((one) => !one.lent && one.way !== 'langfuse'))
      expect([way, told.get(call.hookId)]).toEqual(['both', call.session])
  })

  test('what was refused before it left always passes the gateway; the same calls are disturbed in the same way', () => {
    const of = (): string[] => {
      const { langfuse, gateway } = sinks()
      const ways: string[] = []
      mixture({
        gateway,
        langfuse,
        langfuseOnly: 1,
        onPassed: ({ call, way }) => ways.push(`${call.outcome} ${way}`),
      }).add(calls)
      return ways
    }
    const ways = of()
    expect(ways).toEqual(of())
    expect(new Set(ways)).toContain('success langfuse')
    expect(ways.filter((way) => way === 'blocked langfuse' || way === 'rejected langfuse')).toEqual([])
  })

  test('is the server of a replay', async () => {
    const { seen, langfuse, gateway } = sinks()
    const stopping = new AbortController()
    let now = 0
    const server = mixture({ gateway, langfuse, langfuseOnly: 0.2 })
    const added: Call[] = []
    await replay({
      traffic,
      from: FROM,
      server,
      now: () => now,
      signal: stopping.signal,
      sleep: async () => {
        now += 60_000
        if (now > HOUR) stopping.abort()
      },
      onCall: (call) => added.push(call),
    })
    const truth = server.truth()
    expect(added.length).toBeGreaterThan(50)
    expect(truth.both.calls + truth.langfuse.calls).toBe(added.length)
    expect(seen.length).toBe(truth.both.calls)
  })
})

test('whoever calls a provider itself asks no gateway before', async () => {
  const { langfuse } = sinks()
  const asked: Call[] = []
  const gateway: MixtureOptions['gateway'] = {
    add: () => undefined,
    begin: async (call) => {
      asked.push(call)
      return call
    },
  }
  const options = { gateway, langfuse, ...DISTURBED }
  const { begin } = mixture(options)
  for (const call of calls) expect(await begin?.(call)).toBe(call)
  expect(asked).toEqual(calls.filter((call) => wayOf(call, options) !== 'langfuse'))
  expect(asked.length).toBeLessThan(calls.length)
})
