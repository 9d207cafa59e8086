import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSessions, createTokenWindow, SESSION_GAP_MS } from './sessions.ts'

const MINUTE = 60_000

describe('the tokens of a session’s minute', () => {
  it('are those of the last sixty seconds, for any calls, corrections and removals', () => {
    const step = fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      wait: fc.nat(25_000),
      tokens: fc.nat(1_000),
      remove: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const window = createTokenWindow()
        const naive = new Map<string, { at: number; tokens: number }>()
        let now = 1_000_000
        for (const { id, wait, tokens, remove } of steps) {
          now += wait
          for (const [key, { at }] of naive) if (at <= now - MINUTE) naive.delete(key)
          window.sum(now)
          if (remove) {
            window.remove(id)
            naive.delete(id)
          } else {
            window.put(id, now, tokens)
            naive.set(id, { at: naive.get(id)?.at ?? now, tokens })
          }
          expect(window.sum(now)).toBe([...naive.values()].reduce((sum, one) => sum + one.tokens, 0))
        }
      }),
    )
  })

  it('tell how long to wait: then the call fits, or nothing else is in the minute, and a moment before it did not', () => {
    const call = fc.record({ ago: fc.integer({ min: 0, max: MINUTE - 1 }), tokens: fc.integer({ min: 1, max: 500 }) })
    fc.assert(
      fc.property(fc.array(call, { maxLength: 8 }), fc.nat(900), fc.nat(1_500), (calls, tokens, limit) => {
        const now = 1_000_000
        const window = createTokenWindow()
        for (const [i, { ago, tokens: used }] of calls.entries()) window.put(String(i), now - ago, used)
        const sum = (at: number) => calls.reduce((all, one) => all + (now - one.ago > at - MINUTE ? one.tokens : 0), 0)
        const fits = (at: number) => sum(at) === 0 || sum(at) + tokens <= limit
        const wait = window.waitFor(tokens, limit, now)
        expect(fits(now + wait)).toBe(true)
        if (wait > 0) expect(fits(now + wait - 1)).toBe(false)
      }),
    )
  })

  it('let a call that is larger than the whole minute pass when the minute is empty, and only then', () => {
    const window = createTokenWindow()
    expect(window.waitFor(90_000, 50_000, 0)).toBe(0)
    window.put('a', 0, 1)
    expect(window.waitFor(90_000, 50_000, 10_000)).toBe(50_000)
    expect(window.waitFor(90_000, 50_000, MINUTE)).toBe(0)
  })

  it('do not hold a session up for longer than a minute when the clock goes back', () => {
    const window = createTokenWindow()
    window.put('a', 10_000_000, 50_000)
    expect(window.waitFor(1, 50_000, 0)).toBe(0)
  })
})

describe('sessions', () => {
  it('go on while they are not idle for seven days, and begin anew after that', () => {
    const sessions = createSessions()
    const first = sessions.at('acme', 's', 0)
    expect(sessions.at('acme', 's', SESSION_GAP_MS)).toBe(first)
    expect(sessions.at('acme', 's', 2 * SESSION_GAP_MS + 1)).not.toBe(first)
    expect(sessions.get('acme', 's', 2 * SESSION_GAP_MS + 1)).toMatchObject({ first: 2 * SESSION_GAP_MS + 1 })
    expect(sessions.get('acme', 's', 4 * SESSION_GAP_MS)).toBeUndefined()
  })

  it('are the same in whichever order their calls are heard of: no longer pause within, a longer one between', () => {
    const call = fc.record({ hour: fc.nat(24 * 40), cost: fc.bigInt({ min: -9n, max: 99n }) })
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 25 }), (calls) => {
        const sessions = createSessions()
        for (const { hour, cost } of calls) {
          const state = sessions.at('acme', 's', hour * 3_600_000)
          state.spent += cost
          state.calls += 1
        }
        const starts = calls.map(({ hour }) => hour * 3_600_000).toSorted((a, b) => a - b)
        let first = starts[0] as number
        for (const [i, start] of starts.entries()) {
          const next = starts[i + 1]
          if (next !== undefined && next - start <= SESSION_GAP_MS) continue
          const own = calls.filter(({ hour }) => hour * 3_600_000 >= first && hour * 3_600_000 <= start)
          const spent = own.reduce((sum, { cost }) => sum + cost, 0n)
          const found = { first, last: start, spent, calls: own.length }
          expect(sessions.get('acme', 's', first)).toMatchObject(found)
          expect(sessions.get('acme', 's', start + SESSION_GAP_MS)).toMatchObject(found)
          first = next ?? 0
        }
      }),
    )
  })

  it('are forgotten when nothing that is heard of in time can belong to them', () => {
    const sessions = createSessions()
    sessions.at('acme', 's', 0)
    sessions.sweep(2 * SESSION_GAP_MS)
    expect([...sessions.all()]).toHaveLength(1)
    sessions.sweep(2 * SESSION_GAP_MS + 1)
    expect([...sessions.all()]).toHaveLength(0)
  })

  it('of two customers under one name are two', () => {
    const sessions = createSessions()
    expect(sessions.at('acme', 's', 0)).not.toBe(sessions.at('globex', 's', 0))
  })
})
