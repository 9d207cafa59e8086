import { describe, expect, test } from 'vitest'
import type { Call } from './call.ts'
import type { Verdict } from './decisions/asker.ts'
import { decidedCall } from './litellm/decided.ts'
import { replay, trafficClock } from './replay.ts'
import { createTraffic } from './traffic.ts'

const ALLOW = { kind: 'decided', answer: { version: 1, action: 'allow', reason: 'ok' } } as const
const VERDICTS: Readonly<Record<string, Verdict>> = {
  tier_1: { kind: 'refused', reason: 'customer', refusal: { status: 402, type: 'x', message: 'No.' } },
}
const MINUTE = 60_000
const FROM = Date.UTC(2026, 10, 3, 10, 0, 30)
const traffic = createTraffic({ seed: 5 })

/** Runs a replay over a clock that each sleep moves on; returns what the server got, with the time it got it. */
async function run(lengthMs: number, options: { speed?: number; density?: number } = {}) {
  const stop = new AbortController()
  let time = FROM + 777_000
  const end = time + lengthMs
  const got: { readonly call: Call; readonly at: number }[] = []
  const clock = trafficClock(() => time, FROM, options.speed ?? 1)
  await replay({
    traffic,
    from: FROM,
    ...options,
    server: { add: (calls) => got.push(...Array.from(calls, (call) => ({ call, at: clock() }))) },
    now: () => time,
    sleep: async (ms) => {
      if (time >= end) stop.abort()
      time += ms
    },
    signal: stop.signal,
  })
  return { got, reached: clock() }
}

describe('replay', () => {
  test('every call that starts from then on arrives once, when it has ended and not before', async () => {
    const { got, reached } = await run(20 * MINUTE)
    const due = [...traffic.calls(FROM, reached)].filter((call) => call.end <= reached - 500)
    const ids = new Set(got.map(({ call }) => call.hookId))
    expect(due.length).toBeGreaterThan(50)
    expect(ids.size).toBe(got.length)
    expect(due.filter((call) => !ids.has(call.hookId))).toEqual([])
    expect(got.filter(({ call, at }) => call.end > at || at - call.end > 250 || call.start < FROM)).toEqual([])
  })

  test('history up to the moment and the replay from it together are the traffic, without overlap', async () => {
    const { got, reached } = await run(10 * MINUTE)
    const history = [...traffic.calls(FROM - 10 * MINUTE, FROM)]
    const all = [...history, ...got.map(({ call }) => call)].map((call) => call.hookId)
    const whole = [...traffic.calls(FROM - 10 * MINUTE, reached)].filter(
      (call) => call.start < FROM || call.end < reached - 500,
    )
    expect(new Set(all).size).toBe(all.length)
    expect(whole.filter((call) => !all.includes(call.hookId))).toEqual([])
  })

  test('speed makes the traffic’s clock run faster', async () => {
    const { got, reached } = await run(MINUTE, { speed: 60 })
    expect(reached - FROM).toBeGreaterThan(59 * MINUTE)
    expect(got.length).toBeGreaterThan(200)
    expect(got.filter(({ call, at }) => call.end > at)).toEqual([])
  })

  test('with somebody who decides, each call arrives as it was begun, and who is refused gives up the rest', async () => {
    const stop = new AbortController()
    const until = FROM + 3 * 3_600_000
    let time = FROM
    const begun: Call[] = []
    const got: Call[] = []
    await replay({
      traffic,
      from: FROM,
      server: {
        begin: async (call) => {
          begun.push(call)
          return call.outcome === 'blocked' ? null : decidedCall(call, VERDICTS[call.tier ?? ''] ?? ALLOW)
        },
        add: (calls) => got.push(...calls),
      },
      now: () => time,
      sleep: async (ms) => {
        if (time >= until) stop.abort()
        time += 20 * ms
      },
      signal: stop.signal,
    })
    const refused = got.filter((call) => call.tier === 'tier_1')
    expect(new Set(refused.map(({ outcome }) => outcome))).toEqual(new Set(['blocked']))
    const tries = new Map<string, number>()
    for (const { session } of refused) if (session) tries.set(session, (tries.get(session) ?? 0) + 1)
    expect(Math.max(...tries.values())).toBeLessThanOrEqual(4)
    const planned = [...traffic.calls(FROM, until)].filter(({ tier }) => tier === 'tier_1')
    expect(begun.filter(({ tier }) => tier === 'tier_1').length).toBeLessThan(planned.length / 2)
    const others = [...traffic.calls(FROM, until)].filter(
      ({ tier, outcome }) => tier === 'tier_3' && outcome !== 'blocked',
    )
    const made = new Set(got.map(({ hookId }) => hookId))
    expect(others.filter((call) => call.end < until - 60_000 && !made.has(call.hookId))).toEqual([])
  })

  test('without traffic it waits and ends when it is told to', async () => {
    expect((await run(MINUTE, { density: 0 })).got).toEqual([])
  })
})
