import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { allocate as allocateTo } from './allocate.ts'

interface Sharer {
  readonly name: string
  readonly weight: bigint
}

const allocate = (amount: bigint, list: readonly Sharer[]) =>
  allocateTo(
    amount,
    list.map(({ name }) => name),
    list.map(({ weight }) => weight),
  )

const sharers = (...weights: bigint[]): Sharer[] => weights.map((weight, i) => ({ name: `s${i}`, weight }))

const anyAmount = fc.oneof(fc.bigInt({ min: 0n, max: 50n }), fc.bigInt({ min: 0n, max: 10n ** 15n }))
// Small weights tie, large ones go beyond what a number holds.
const anyWeight = fc.oneof(
  fc.bigInt({ min: -5n, max: 5n }),
  fc.bigInt({ min: 0n, max: 10n ** 9n }),
  fc.bigInt({ min: 0n, max: 10n ** 25n }),
)
const anySharers = fc
  .uniqueArray(fc.tuple(fc.string(), anyWeight), { selector: ([name]) => name, maxLength: 40 })
  .map((list) => list.map(([name, weight]): Sharer => ({ name, weight })))

const heavy = (list: readonly Sharer[]) => list.reduce((sum, { weight }) => (weight > 0n ? sum + weight : sum), 0n)

describe('a divided amount', () => {
  it('is given out to the last nano-dollar, nobody more than one away from the exact share', () => {
    fc.assert(
      fc.property(anyAmount, anySharers, (amount, list) => {
        const shares = allocate(amount, list)
        const total = heavy(list)
        if (total === 0n) {
          expect(shares).toBeNull()
          return
        }
        expect(shares?.reduce((sum, share) => sum + share, 0n)).toBe(amount)
        list.forEach(({ weight }, i) => {
          const exact = amount * (weight > 0n ? weight : 0n)
          const off = (shares?.[i] ?? 0n) * total - exact
          expect(off > -total && off < total).toBe(true)
        })
      }),
    )
  })

  it('gives who weighs more no less, and who weighs nothing nothing', () => {
    fc.assert(
      fc.property(anyAmount, anySharers, (amount, list) => {
        const shares = allocate(amount, list) ?? []
        const pairs = shares.map((share, i) => ({ share, weight: list[i]?.weight ?? 0n }))
        pairs.sort((a, b) => (a.weight < b.weight ? -1 : 1))
        for (const { share, weight } of pairs) if (weight <= 0n) expect(share).toBe(0n)
        pairs.slice(1).forEach(({ share, weight }, i) => {
          const before = pairs[i]
          if (before && weight > before.weight && weight > 0n) expect(share >= before.share).toBe(true)
        })
      }),
    )
  })

  it('is divided the same way whoever is named first', () => {
    fc.assert(
      fc.property(
        anyAmount,
        anySharers.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        (amount, [list, shuffled]) => {
          const byName = (order: readonly Sharer[]) => {
            const shares = allocate(amount, order)
            return new Map(order.map(({ name }, i) => [name, shares?.[i]]))
          }
          const [one, other] = [byName(list), byName(shuffled)]
          for (const { name } of list) expect(other.get(name)).toBe(one.get(name))
        },
      ),
    )
  })

  it('leaves the odd nano-dollars to the largest fractions, and among equal ones to the first names', () => {
    // 10 by 1 : 1 : 1 is 3.33 each
    expect(allocate(10n, sharers(1n, 1n, 1n))).toEqual([4n, 3n, 3n])
    // 10 by 5 : 3 : 1 is 5.56, 3.33, 1.11
    expect(allocate(10n, sharers(5n, 3n, 1n))).toEqual([6n, 3n, 1n])
    // 2 by 1 : 1 : 1 is 0.67 each
    expect(
      allocate(2n, [
        { name: 'zoe', weight: 1n },
        { name: 'bob', weight: 1n },
        { name: 'amy', weight: 1n },
      ]),
    ).toEqual([0n, 1n, 1n])
  })

  it('tells weights apart that are the same to a number', () => {
    const list = [
      { name: 'a', weight: 2n ** 60n },
      { name: 'b', weight: 2n ** 60n + 1n },
    ]
    expect(allocate(1n, list)).toEqual([0n, 1n])
  })

  it('counts a weight below nothing as none, and has nobody to go to without weights', () => {
    expect(allocate(7n, sharers(-3n, 2n, 0n))).toEqual([0n, 7n, 0n])
    expect(allocate(7n, sharers(-3n, 0n))).toBeNull()
    expect(allocate(0n, [])).toBeNull()
    expect(allocate(0n, sharers(1n))).toEqual([0n])
  })

  it('may be one that was taken back', () => {
    expect(allocate(-10n, sharers(1n, 1n, 1n))).toEqual([-4n, -3n, -3n])
  })
})
