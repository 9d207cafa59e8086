import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Charge } from '../../src/budgets/ask.ts'
import type { Hold, Holds } from '../../src/budgets/holds.ts'

const NOBODY = { customer: 'acme', tier: null, session: null, agent: null, trace: null }
const CALL: Hold['call'] = { ...NOBODY, modelAsked: 'm', model: 'm', own: 'm', counted: null, amount: 0n }

/** A hold of a call; override what matters to the test. */
export function holdOf(callId: string, charges: readonly Charge[], over: Partial<Hold> = {}): Hold {
  return { callId, charges, at: 0, expires: 600_000, seq: 0, call: CALL, ...over }
}

/** A charge on a meter with nothing spent. */
export function chargeOf(key: string, amount: bigint, line: bigint | null = null, spent = 0n): Charge {
  return { key, amount, line, spent }
}

const KEYS = ['customer', 'session', 'total']
const CALLS = ['a', 'b', 'c', 'd', 'e']

type Step =
  | { readonly do: 'hold'; readonly callId: string; readonly charges: readonly Charge[]; readonly lives: number }
  | { readonly do: 'settle' | 'release'; readonly callId: string }
  | { readonly do: 'wait'; readonly ms: number }

const money = fc.bigInt({ min: 0n, max: 100n })
const charges = fc
  .subarray(KEYS)
  .chain((keys) =>
    fc.tuple(
      ...keys.map((key) =>
        fc.record({ key: fc.constant(key), amount: money, line: fc.option(money, { nil: null }), spent: money }),
      ),
    ),
  )
const callId = fc.constantFrom(...CALLS)
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('hold' as const), callId, charges, lives: fc.nat(200_000) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('settle' as const, 'release' as const), callId }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: -30_000, max: 90_000 }) }),
  },
)

/** What every keeper of holds promises. `create` makes one that holds nothing. */
export function testHolds(name: string, create: () => Holds): void {
  describe(`the holds of ${name}`, () => {
    it('hold all charges of a call or none of them, and name the first that does not fit', async () => {
      const holds = create()
      const fits = chargeOf('customer', 10n, 100n)
      const short = chargeOf('total', 10n, 100n, 91n)
      expect(await holds.tryHold(holdOf('a', [fits, short]))).toEqual(short)
      expect(holds.held('customer', 0)).toMatchObject({ amount: 0n, calls: 0 })
      expect(holds.size).toBe(0)
      expect(await holds.tryHold(holdOf('a', [fits, chargeOf('total', 9n, 100n, 91n)]))).toBeNull()
      expect(holds.held('customer', 0)).toMatchObject({ amount: 10n, calls: 1 })
      expect(holds.held('total', 0)).toMatchObject({ amount: 9n, calls: 1 })
    })

    it('fill a line to its last unit, by what is spent and what others hold, and not beyond', async () => {
      const holds = create()
      expect(await holds.tryHold(holdOf('a', [chargeOf('k', 40n, 100n, 20n)]))).toBeNull()
      expect(await holds.tryHold(holdOf('b', [chargeOf('k', 41n, 100n, 20n)]))).not.toBeNull()
      expect(await holds.tryHold(holdOf('b', [chargeOf('k', 40n, 100n, 20n)]))).toBeNull()
      expect(await holds.tryHold(holdOf('c', [chargeOf('k', 0n, 100n, 20n)]))).toBeNull()
    })

    it('replace what a call holds when it asks again, without counting it against itself', async () => {
      const holds = create()
      await holds.tryHold(holdOf('a', [chargeOf('k', 80n, 100n)]))
      expect(await holds.tryHold(holdOf('a', [chargeOf('k', 90n, 100n)]))).toBeNull()
      expect(holds.held('k', 0)).toMatchObject({ amount: 90n, calls: 1 })
    })

    it('keep what a call holds when what it asks for the second time does not fit', async () => {
      const holds = create()
      await holds.tryHold(holdOf('a', [chargeOf('k', 80n, 100n)]))
      expect(await holds.tryHold(holdOf('a', [chargeOf('k', 101n, 100n)]))).not.toBeNull()
      expect(holds.held('k', 0)).toMatchObject({ amount: 80n, calls: 1 })
    })

    it('end once: the second settlement, and one of a call that never held, give nothing back', async () => {
      const holds = create()
      const made = holdOf('a', [chargeOf('k', 80n)])
      await holds.tryHold(made)
      expect((await holds.settle('a'))?.callId).toBe('a')
      expect(await holds.settle('a')).toBeNull()
      expect(await holds.release('a')).toBeNull()
      expect(await holds.release('stranger')).toBeNull()
      expect(holds.held('k', 0)).toMatchObject({ amount: 0n, calls: 0 })
    })

    it('remember how many held at a time, and forget half of it each minute', async () => {
      const holds = create()
      for (let i = 0; i < 8; i++) await holds.tryHold(holdOf(`c${i}`, [chargeOf('k', 1n)], { at: 1_000 }))
      for (let i = 0; i < 8; i++) await holds.settle(`c${i}`)
      expect(holds.held('k', 1_000).crowd).toBe(8)
      expect(holds.held('k', 61_000).crowd).toBe(4)
      expect(holds.held('k', 121_000).crowd).toBe(2)
      expect(holds.held('k', 1_000_000).crowd).toBeLessThanOrEqual(1)
    })

    it('do not let the clock going backwards make a crowd larger', async () => {
      const holds = create()
      for (let i = 0; i < 4; i++) await holds.tryHold(holdOf(`c${i}`, [chargeOf('k', 1n)], { at: 1_000_000 }))
      for (let i = 0; i < 4; i++) await holds.settle(`c${i}`)
      await holds.tryHold(holdOf('late', [chargeOf('k', 1n)], { at: 0 }))
      expect(holds.held('k', 0).crowd).toBeLessThanOrEqual(4)
    })

    it('list the holds whose calls can no longer be on their way, from their very moment on', async () => {
      const holds = create()
      await holds.tryHold(holdOf('a', [], { expires: 5_000 }))
      await holds.tryHold(holdOf('b', [], { expires: 6_000 }))
      expect(holds.expired(4_999)).toEqual([])
      expect(holds.expired(5_000).map((hold) => hold.callId)).toEqual(['a'])
      expect(holds.size).toBe(2)
    })

    it('hold at any time what the open calls hold, for any order of asking, settling, releasing and waiting', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(anyStep, { maxLength: 60 }), async (steps) => {
          const holds = create()
          const open = new Map<string, Hold>()
          const peak = new Map<string, number>()
          let now = 1_000_000
          const amountOf = (key: string, without = '') =>
            [...open.values()]
              .filter((hold) => hold.callId !== without)
              .flatMap((hold) => hold.charges.filter((charge) => charge.key === key))
              .reduce((sum, { amount }) => sum + amount, 0n)
          for (const step of steps) {
            if (step.do === 'wait') now += step.ms
            else if (step.do === 'hold') {
              const hold = holdOf(step.callId, step.charges, { at: now, expires: now + step.lives })
              const short = step.charges.find(
                ({ key, amount, line, spent }) => line !== null && spent + amountOf(key, step.callId) + amount > line,
              )
              expect(await holds.tryHold(hold)).toEqual(short ?? null)
              if (short === undefined) open.set(step.callId, hold)
            } else {
              const known = open.get(step.callId)
              expect((await holds[step.do](step.callId))?.callId).toBe(known?.callId)
              open.delete(step.callId)
            }
            expect(holds.size).toBe(open.size)
            for (const key of KEYS) {
              const calls = [...open.values()].filter((hold) => hold.charges.some((one) => one.key === key)).length
              peak.set(key, Math.max(calls, peak.get(key) ?? 0))
              const held = holds.held(key, now)
              expect({ amount: held.amount, calls: held.calls }).toEqual({ amount: amountOf(key), calls })
              expect(held.crowd).toBeGreaterThanOrEqual(calls)
              expect(held.crowd).toBeLessThanOrEqual(peak.get(key) ?? 0)
            }
            const expired = holds.expired(now).map((hold) => hold.callId)
            expect(expired.toSorted()).toEqual(
              [...open.values()]
                .filter(({ expires }) => expires <= now)
                .map((hold) => hold.callId)
                .toSorted(),
            )
          }
          for (const id of [...open.keys()]) await holds.settle(id)
          for (const key of KEYS) expect(holds.held(key, now + 3_600_000)).toEqual({ amount: 0n, calls: 0, crowd: 0 })
          expect(holds.size).toBe(0)
        }),
        { numRuns: 300 },
      )
    })
  })
}
