import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RosterChange } from '../usage.ts'
import { differences, missingSteps, sameBefore, samePricesBefore } from './differences.ts'
import { changesOf, pricesOf } from './entries.ts'
import { paint, type Span, valueAt } from './spans.ts'
import { createTimeline, type PriceStep, stepAt } from './timeline.ts'
import type { Said } from './wanted.ts'

const MOMENTS = [-100, ...Array.from({ length: 12 }, (_, i) => i), 100]
const WHO = { by: 'ada', reason: 'because' }
const end = (infinite: number) => fc.option(fc.integer({ min: 0, max: 11 })).map((at) => at ?? infinite)
const painted = fc
  .array(fc.tuple(end(-Infinity), end(Infinity), fc.constantFrom('tier_1', 'tier_2', null, undefined)), {
    maxLength: 6,
  })
  .map((list) =>
    list.reduce<Span<Said>[]>(
      (spans, [from, to, tier]) =>
        paint(spans, from, to, tier === undefined ? undefined : { tier, price: tier === 'tier_2' ? 7n : null }),
      [],
    ),
  )
const steps = fc
  .uniqueArray(fc.tuple(end(-Infinity), fc.constantFrom(49n, 99n, null)), { selector: ([from]) => from, maxLength: 5 })
  .map((list) => list.map(([from, price]): PriceStep => ({ from, price })).sort((a, b) => (a.from < b.from ? -1 : 1)))
const since = end(-Infinity)
const plainly = (one: Said | undefined) => (one === undefined ? undefined : { tier: one.tier, price: one.price })

describe('What is written of a difference', () => {
  it('makes the ledger say what is wanted from a moment on, leaves what was before, and is nothing when there is none', () => {
    fc.assert(
      fc.property(painted, painted, since, (first, second, from) => {
        const timeline = createTimeline()
        let seq = 0
        const write = (entries: readonly RosterChange[]) => {
          for (const entry of entries) timeline.apply(JSON.parse(JSON.stringify(entry, big), back), ++seq)
        }
        const said = () => timeline.said('file', 'acme')
        write(changesOf(timeline, 'file', 'acme', differences(first, said(), -Infinity), WHO))
        const before = MOMENTS.map((at) => plainly(valueAt(said(), at)))
        expect(before).toEqual(MOMENTS.map((at) => valueAt(first, at)))
        const dates = second.flatMap((span) => [span.from, span.to]).filter(Number.isFinite)
        const past = MOMENTS.filter((at) => at >= Math.min(...dates, from) && at < from)
        const alike = past.every((at) => meaning(second, at) === meaning(said(), at))
        expect(sameBefore(second, said(), from)).toBe(alike)
        write(changesOf(timeline, 'file', 'acme', differences(second, said(), from), WHO))
        expect(MOMENTS.map((at) => plainly(valueAt(said(), at)))).toEqual(
          MOMENTS.map((at, i) => (at < from ? before[i] : valueAt(second, at))),
        )
        expect(differences(second, said(), from)).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  it('has another key each time, also when what was said is withdrawn and said again', () => {
    const timeline = createTimeline()
    const always: Span<Said>[] = [{ from: -Infinity, to: Infinity, value: { tier: 'tier_1', price: null } }]
    const keys = [always, [], always, [], always].flatMap((wanted, i) => {
      const entries = changesOf(timeline, 'file', 'acme', differences(wanted, timeline.said('file', 'acme'), 0), WHO)
      for (const entry of entries) timeline.apply(entry, i + 1)
      return entries.map(({ key }) => key)
    })
    expect(new Set(keys).size).toBe(5)
  })

  it('gives a plan its wanted prices from a moment on, and leaves those before', () => {
    fc.assert(
      fc.property(steps, steps, since, (first, second, from) => {
        const timeline = createTimeline()
        let seq = 0
        const write = (list: readonly PriceStep[]) => {
          for (const entry of pricesOf(timeline, 'tier_1', list)) timeline.apply(entry, ++seq)
        }
        const recorded = () => timeline.priceSteps('tier_1').steps
        write(missingSteps(first, [], -Infinity))
        const before = MOMENTS.map((at) => timeline.planPrice('tier_1', at))
        const price = (list: readonly PriceStep[], at: number) => stepAt(list, at)?.price ?? null
        expect(before).toEqual(MOMENTS.map((at) => price(first, at)))
        const dates = second.map((step) => step.from).filter(Number.isFinite)
        const past = MOMENTS.filter((at) => at >= Math.min(...dates, from) && at < from)
        expect(samePricesBefore(second, recorded(), from)).toBe(
          past.every((at) => price(first, at) === price(second, at)),
        )
        write(missingSteps(second, recorded(), from))
        expect(MOMENTS.map((at) => timeline.planPrice('tier_1', at))).toEqual(
          MOMENTS.map((at, i) => (at < from ? before[i] : price(second, at))),
        )
        expect(missingSteps(second, recorded(), from)).toEqual([])
      }),
      { numRuns: 500 },
    )
  })
})

/** To say nothing and to say that it is none is the same to who looks back. */
function meaning(spans: readonly Span<Said>[], at: number): string | null {
  const said = valueAt(spans, at)
  return said === undefined || said.tier === null ? null : `${said.tier} ${said.price}`
}

const big = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)
const back = (_: string, value: unknown) =>
  typeof value === 'string' && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value
