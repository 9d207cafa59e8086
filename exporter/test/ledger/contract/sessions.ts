import { describe, expect, it } from 'vitest'
import { correction, DAY, observation, T0, usage } from '../../support/entries.ts'
import { holdLedger, type OpenLedger } from './fixture.ts'

const MINUTE = 60_000

/** What every engine promises of sessions that a trace store alone knows. */
export function testSessions(engine: string, openEngine: OpenLedger): void {
  describe(`sessions on ${engine}`, () => {
    const held = holdLedger(openEngine)
    const dearest = (over: Record<string, number> = {}) =>
      held.ask('sessions', { from: T0, to: T0 + DAY, limit: 10, ...over })
    const row = (session: string, calls: bigint, cost: bigint, minutes: readonly [number, number]) => ({
      session,
      customer: 'acme',
      calls,
      cost,
      first: BigInt(T0 + minutes[0] * MINUTE),
      last: BigInt(T0 + minutes[1] * MINUTE),
    })
    const call = (key: string, minute: number, session: string | null = null) =>
      usage(key, { session, start: T0 + minute * MINUTE, cost: 100n, durationMs: 0 })

    it('a call without a session has that of its observation, with what corrects it; one with a session keeps it', async () => {
      const lent = call('b', 1)
      await held.append(
        call('a', 0, 's1'),
        lent,
        correction(lent, { cost: -30n }),
        call('c', 2, 's2'),
        call('d', 3),
        observation('ob', { call: 'b', session: 's1' }),
        observation('oc', { call: 'c', session: 's1' }),
        observation('od', { call: 'd' }),
        observation('ox', { call: 'elsewhere', session: 's9' }),
      )
      expect(await dearest()).toEqual([row('s1', 2n, 170n, [0, 1]), row('s2', 1n, 100n, [2, 2])])
      expect(await held.ask('active', { from: T0 })).toEqual([{ customers: 1n, sessions: 2n }])
    })

    it('of an observation the latest version lends its session, and only one of a call does', async () => {
      const first = observation('o', { call: 'a', session: 's1' })
      const tool = observation('tool', { call: 'b', what: 'tool', session: 's3' })
      await held.append(call('a', 0), call('b', 0), call('c', 0), first, tool)
      await held.append({ ...first, key: 'o:2', session: 's2' })
      await held.append(
        observation('c1', { call: 'c', session: 's4' }),
        observation('c2', { call: 'c', session: 's5' }),
      )
      expect(await dearest()).toEqual([row('s2', 1n, 100n, [0, 0]), row('s5', 1n, 100n, [0, 0])])
      await held.append({ ...first, key: 'o:3', session: null })
      expect(await dearest()).toEqual([row('s5', 1n, 100n, [0, 0])])
    })

    it('sessions and active take calls by their own start, whenever they were observed', async () => {
      await held.append(
        call('a', 0),
        call('b', 10),
        observation('oa', { call: 'a', session: 's', start: T0 + DAY }),
        observation('ob', { call: 'b', session: 's', start: T0 - DAY }),
      )
      expect(await dearest({ from: T0 + 5 * MINUTE })).toEqual([row('s', 1n, 100n, [10, 10])])
      expect(await dearest({ to: T0 + 5 * MINUTE })).toEqual([row('s', 1n, 100n, [0, 0])])
      expect(await held.ask('active', { from: T0 + 5 * MINUTE })).toEqual([{ customers: 1n, sessions: 1n }])
      expect(await held.ask('active', { from: T0 + 11 * MINUTE })).toEqual([{ customers: 0n, sessions: 0n }])
    })

    it('idle_sessions closes one with all of its calls, those that only an observation puts there included', async () => {
      const idle = (from: number, to: number) =>
        held.ask('idle_sessions', { from: T0 + from * MINUTE, idle: T0 + to * MINUTE })
      const expected = { ...row('s', 3n, 300n, [0, 20]), tier: 'tier_1' }
      await held.append(
        call('a', 0, 's'),
        call('b', 10),
        call('c', 20),
        observation('ob', { call: 'b', session: 's' }),
        observation('oc', { call: 'c', session: 's' }),
      )
      expect(await idle(0, 20)).toEqual([])
      expect(await idle(0, 21)).toEqual([expected])
      expect(await idle(15, 21)).toEqual([expected])
      expect(await idle(21, 60)).toEqual([])
      await held.append({
        kind: 'session_closed',
        version: 1,
        key: 'closed',
        session: 's',
        customer: 'acme',
        tier: null,
        calls: 3,
        cost: 300n,
        first: T0,
        last: T0,
      })
      expect(await idle(0, 21)).toEqual([])
    })

    it('the same name of two customers is two sessions, lent or not', async () => {
      await held.append(
        call('a', 0, 's'),
        { ...call('b', 0), customer: 'beta', cost: 7n },
        observation('ob', { call: 'b', session: 's', customer: 'acme' }),
      )
      expect((await dearest()).map(({ customer, cost }) => [customer, cost])).toEqual([
        ['acme', 100n],
        ['beta', 7n],
      ])
      expect(await held.ask('active', { from: T0 })).toEqual([{ customers: 2n, sessions: 2n }])
    })
  })
}
