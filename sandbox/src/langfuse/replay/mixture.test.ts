import { describe, expect, test } from 'vitest'
import type { Call } from '../../call.ts'
import { replay } from '../../replay.ts'
import { createTraffic } from '../../traffic.ts'
import { truthOf } from '../../truth.ts'
import type { ObservationRow } from '../observation.ts'
import { createTenant, type Tenant } from '../project.ts'
import { type MixtureOptions, mixture, type Passed, wayOf } from './mixture.ts'
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
    for (const { call, way, observation, twice, edit } of passed) {
      expect(reached.has(call)).toBe(way !== 'langfuse')
      const found = rows.get(observation ?? '') ?? []
      expect(found.length).toBe(way === 'gateway' ? 0 : twice && edit === null ? 2 : 1)
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
    expect(truth.twice).toBe(passed.filter(({ twice }) => twice).length)
    expect(truth.edited).toEqual({
      cost: passed.filter(({ edit }) => edit?.what === 'cost').length,
      tokens: passed.filter(({ edit }) => edit?.what === 'tokens').length,
      time: passed.filter(({ edit }) => edit?.what === 'time').length,
    })
    expect(Math.min(truth.twice, truth.late, ...Object.values(truth.edited))).toBeGreaterThan(0)
    const tools = langfuse.rows().filter(({ type }) => type === 'TOOL')
    expect(Object.values(truth.tools).reduce((sum, tool) => sum + tool.calls, 0)).toBe(tools.length)
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

  test('what is delivered twice is there once, and twice a second later', () => {
    const { langfuse, gateway, at } = sinks()
    const passed: Passed[] = []
    mixture({ gateway, langfuse, twice: 0.1, onPassed: (one) => passed.push(one) }).add(calls)
    const twice = passed.find((one) => one.twice)
    if (!twice?.from) throw new Error('no such call in this traffic')
    const there = (ms: number): number => {
      at(ms)
      return langfuse.rows().filter(({ id }) => id === twice.observation).length
    }
    expect([twice.from - 1, twice.from, twice.from + 1000].map(there)).toEqual([0, 1, 2])
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
