import { describe, expect, it } from 'vitest'
import { createMonthUse } from './month-use.ts'
import type { DayMetered, DayUse } from './rows.ts'

const use = (over: Partial<DayUse>): DayUse => ({
  ...{ day: 1, customer: 'acme', tier: 'tier_1', calls: 1, tokens: 10, cost: 100n, unpriced: 0 },
  ...over,
})
const amount = (over: Partial<DayMetered>): DayMetered => ({
  ...{ day: 1, resource: 'container', service: 'exporter', meter: 'cpu', amount: 0n, cost: 12n, unknown: 0 },
  ...over,
})
const BY_TOKENS = { allocate: 'tokens', keep: [] } as const

function month(...rows: (DayUse | DayMetered)[]) {
  const sums = createMonthUse()
  for (const row of rows) 'customer' in row ? sums.add(row) : sums.meter(row)
  return sums
}
const infraOf = (sums: ReturnType<typeof createMonthUse>, rule: Parameters<typeof sums.sums>[0]) =>
  Object.fromEntries([...sums.sums(rule).uses].map(([customer, uses]) => [customer, uses.map(({ infra }) => infra)]))

describe("a month's use", () => {
  it("divides a day's infrastructure among those of that day, by tokens, by requests or by what their models cost", () => {
    const sums = month(
      ...[use({ tokens: 30, calls: 1, cost: 0n }), use({ customer: 'globex', tokens: 10, calls: 2, cost: 7n })],
      ...[use({ customer: 'other day', day: 2 }), amount({})],
    )
    expect(infraOf(sums, BY_TOKENS)).toEqual({ acme: [9n], globex: [3n], 'other day': [0n] })
    expect(infraOf(sums, { allocate: 'requests', keep: [] })).toEqual({ acme: [4n], globex: [8n], 'other day': [0n] })
    expect(infraOf(sums, { allocate: 'model_cost', keep: [] })).toEqual({
      acme: [0n],
      globex: [12n],
      'other day': [0n],
    })
  })

  it('leaves undivided what is kept apart, and what falls on a day on which nobody weighs anything', () => {
    const sums = month(
      ...[use({}), use({ day: 2, tokens: 5 }), use({ day: 2, customer: 'acme', tokens: -9 }), amount({})],
      ...[amount({ service: 'grafana', cost: 5n }), amount({ day: 2, cost: 20n }), amount({ day: 3, cost: 100n })],
    )
    const { infra, allocated } = sums.sums({ allocate: 'tokens', keep: ['grafana'] })
    expect({ infra, allocated }).toEqual({ infra: 137n, allocated: 12n })
    expect(sums.sums({ allocate: 'tokens', keep: ['grafana', 'exporter'] })).toMatchObject({
      infra: 137n,
      allocated: 0n,
    })
    expect(infraOf(sums, { allocate: 'tokens', keep: ['grafana', 'exporter'] })).toEqual({ acme: [0n] })
    expect(infraOf(sums, BY_TOKENS)).toEqual({ acme: [17n] })
  })

  it('divides a day anew when something of it comes late, and only that day', () => {
    let divided = 0
    const rule = {
      allocate: 'tokens',
      get keep() {
        divided++
        return []
      },
    } as const
    const days = [1, 2, 3].flatMap((day) => [use({ day }), amount({ day })])
    const sums = month(...days)
    sums.sums(rule)
    expect(divided).toBe(3)
    sums.sums(rule)
    expect(divided).toBe(3)
    sums.add(use({ day: 2, customer: 'globex', tokens: 30 }))
    expect(infraOf(sums, rule)).toEqual({ acme: [27n], globex: [9n] })
    expect(divided).toBe(4)
    sums.meter(amount({ day: 2, cost: 4n, unknown: 1 }))
    expect(infraOf(sums, rule)).toEqual({ acme: [28n], globex: [12n] })
    expect(sums.sums(rule)).toMatchObject({ infra: 40n, allocated: 40n, unknown: 1, unknownOf: ['cpu'] })
    expect(divided).toBe(5)
  })
})
