import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PlanPrice, ROSTER_ORIGINS, type RosterChange } from '../usage.ts'
import { createTimeline, type Standing, timelineOf } from './timeline.ts'

const END = 12
const MOMENTS = Array.from({ length: END + 2 }, (_, i) => i - 1)
const CUSTOMERS = ['acme', 'beta', 'constructor']

const moment = fc.option(fc.integer({ min: 0, max: END - 1 }))
const said = fc.record({
  customer: fc.constantFrom(...CUSTOMERS),
  tier: fc.constantFrom('tier_1', 'tier_2', null),
  price: fc.constantFrom(null, 0n, 5n),
  from: moment,
  to: moment,
  origin: fc.constantFrom(...ROSTER_ORIGINS),
  withdrawn: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
})
const changes = fc.array(said, { maxLength: 25 }).map((list) =>
  list.map(({ withdrawn, ...one }, i): RosterChange => {
    const change = { kind: 'roster_change', version: 1, key: `k${i}`, by: 'ada', reason: 'because', ...one } as const
    return withdrawn ? { ...change, tier: null, withdrawn } : change
  }),
)
const prices = fc
  .array(
    fc.record({
      tier: fc.constantFrom('tier_1', 'tier_2'),
      price: fc.constantFrom(null, 49n, 99n),
      from: moment,
    }),
    { maxLength: 8 },
  )
  .map((list) => list.map((one, i): PlanPrice => ({ kind: 'plan_price', version: 1, key: `p${i}`, ...one })))

/** By the words of the definition alone. */
function bruteForce(all: readonly RosterChange[], customer: string, at: number): Standing | null {
  for (const origin of ROSTER_ORIGINS) {
    const last = all.findLast(
      (one) =>
        one.customer === customer &&
        one.origin === origin &&
        (one.from === null || one.from <= at) &&
        (one.to === null || at < one.to),
    )
    if (last === undefined || last.withdrawn) continue
    return last.tier === null
      ? null
      : { tier: last.tier, price: last.price, trial: last.price === 0n, origin: last.origin }
  }
  return null
}

describe('The timeline', () => {
  it('is at each moment what the most trusted origin that speaks of it said last, for any changes in any order', () => {
    fc.assert(
      fc.property(changes, (all) => {
        const timeline = timelineOf(all)
        for (const customer of CUSTOMERS)
          for (const at of MOMENTS) expect(timeline.at(customer, at)).toEqual(bruteForce(all, customer, at))
      }),
      { numRuns: 500 },
    )
  })

  it('has segments that are whole, in order, apart, never the same twice in a row, and say what each moment says', () => {
    fc.assert(
      fc.property(changes, fc.integer({ min: -1, max: 5 }), fc.integer({ min: 6, max: END }), (all, from, to) => {
        const timeline = timelineOf(all)
        for (const customer of CUSTOMERS) {
          const segments = timeline.segments(customer, from, to)
          for (const at of MOMENTS.filter((at) => at >= from && at < to)) {
            const [found, ...more] = segments.filter((one) => one.from <= at && at < one.to)
            expect(more).toEqual([])
            const { from: _, to: __, ...standing } = found ?? {}
            expect(found === undefined ? null : standing).toEqual(bruteForce(all, customer, at))
          }
          segments.forEach((one, i) => {
            const next = segments[i + 1]
            expect(from <= one.from && one.from < one.to && one.to <= to).toBe(true)
            if (next === undefined) return
            expect(one.to).toBeLessThanOrEqual(next.from)
            const same = one.tier === next.tier && one.price === next.price && one.origin === next.origin
            expect(one.to === next.from && same).toBe(false)
          })
        }
      }),
      { numRuns: 300 },
    )
  })

  it('names everybody who is a customer within a time, and how many of them only traffic speaks for', () => {
    fc.assert(
      fc.property(changes, (all) => {
        const timeline = timelineOf(all)
        const within = CUSTOMERS.map((customer) => MOMENTS.slice(3, 8).map((at) => bruteForce(all, customer, at)))
        const there = CUSTOMERS.filter((_, i) => within[i]?.some((one) => one !== null))
        expect([...timeline.customers(2, 7)].sort()).toEqual(there.sort())
        const assumed = within.filter((list) => list.some((one) => one?.origin === 'traffic')).length
        expect(timeline.assumed(2, 7)).toEqual({ customers: assumed, of: there.length })
      }),
      { numRuns: 300 },
    )
  })

  it('is the same whether it was asked between the entries or not', () => {
    fc.assert(
      fc.property(changes, (all) => {
        const asked = createTimeline()
        for (const [i, one] of all.entries()) {
          asked.apply(one, i + 1)
          for (const customer of CUSTOMERS) asked.at(customer, i % END)
        }
        const timeline = timelineOf(all)
        for (const customer of CUSTOMERS) {
          const whole = [customer, -Infinity, Infinity] as const
          expect(asked.segments(...whole)).toEqual(timeline.segments(...whole))
        }
      }),
    )
  })

  it('knows the price of a plan: of the latest date that has come, the last word', () => {
    fc.assert(
      fc.property(prices, (all) => {
        const timeline = timelineOf(all)
        for (const tier of ['tier_1', 'tier_2']) {
          const price = (at: number) => {
            const held = all.filter((one) => one.tier === tier && (one.from ?? -Infinity) <= at)
            const latest = Math.max(...held.map(({ from }) => from ?? -Infinity))
            return held.findLast(({ from }) => (from ?? -Infinity) === latest)?.price ?? null
          }
          const segments = timeline.planSegments(tier, 1, 9)
          expect([segments[0]?.from, segments.at(-1)?.to]).toEqual([1, 9])
          for (const [i, one] of segments.entries())
            if (i > 0)
              expect(segments[i - 1]).toMatchObject({
                to: one.from,
                price: expect.not.toSatisfy((p) => p === one.price),
              })
          for (const at of MOMENTS) {
            expect(timeline.planPrice(tier, at)).toBe(price(at))
            if (at >= 1 && at < 9) expect(segments.find((one) => one.from <= at && at < one.to)?.price).toBe(price(at))
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})
