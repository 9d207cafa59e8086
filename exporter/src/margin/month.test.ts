import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PlainSegment, plainTimeline } from '../../test/margin/support.ts'
import { createCalendar } from '../calendar.ts'
import { type CustomerMargin, millionths } from './figures.ts'
import { type MonthInput, monthMargin, worst } from './month.ts'
import { monthDays } from './month-days.ts'
import { createMonthUse } from './month-use.ts'
import type { DayUse } from './rows.ts'

const DAY = 86_400_000
const JUNE = monthDays(createCalendar('UTC'), Date.UTC(2026, 5, 1) / DAY)
const june = (day: number) => JUNE.from + (day - 1) * DAY

const use = (over: Partial<DayUse>): DayUse => ({
  ...{ day: JUNE.month, customer: 'acme', tier: 'tier_1', calls: 1, tokens: 10, cost: 0n, unpriced: 0 },
  ...over,
})

function marginOf(customers: Record<string, PlainSegment[]>, uses: readonly DayUse[], over: Partial<MonthInput> = {}) {
  const sums = createMonthUse()
  for (const one of uses) sums.add(one)
  return monthMargin({
    days: JUNE,
    at: JUNE.to,
    timeline: plainTimeline(customers, { tier_1: [{ price: 30n }], tier_2: [{ price: 60n }], gone: [{ price: null }] }),
    use: sums.sums({ allocate: 'tokens', keep: [] }),
    targets: new Map(),
    missing: null,
    ...over,
  })
}
const statesOf = ({ customers }: { customers: readonly CustomerMargin[] }) =>
  customers.map(({ customer, tier, state }) => `${customer} ${tier} ${state}`).sort()

describe('the margin of a month', () => {
  it('has each customer in one state: who costs exactly what it pays earns', () => {
    const month = marginOf(
      { even: [{ tier: 'tier_1' }], over: [{ tier: 'tier_1' }], free: [{ tier: 'tier_1', trial: true }] },
      [use({ customer: 'even', cost: 30n }), use({ customer: 'over', cost: 31n }), use({ customer: 'free', cost: 9n })],
    )
    expect(statesOf(month)).toEqual(['even tier_1 earning', 'free tier_1 trial', 'over tier_1 losing'])
    expect(month.tiers).toMatchObject([{ customers: 3, earning: 1, losing: 1, trial: 1 }])
  })

  it('has who is on trial no longer among those that earn or lose', () => {
    const customers = {
      acme: [
        { tier: 'tier_1', trial: true, to: june(11) },
        { tier: 'tier_1', from: june(11) },
      ],
    }
    expect(statesOf(marginOf(customers, [], { at: june(10) }))).toEqual(['acme tier_1 trial'])
    expect(statesOf(marginOf(customers, [], { at: june(11) }))).toEqual(['acme tier_1 earning'])
  })

  it('counts nobody who only comes, unless something was used before', () => {
    const customers = { acme: [{ tier: 'tier_1', from: june(20) }], globex: [{ tier: 'tier_1', from: june(20) }] }
    const month = marginOf(customers, [use({ customer: 'globex', cost: 1n })], { at: june(10) })
    expect(statesOf(month)).toEqual(['acme tier_1 coming', 'globex tier_1 losing'])
    expect(month.tiers).toMatchObject([{ customers: 1, losing: 1, revenueAccrued: 0n, revenueMonth: 22n }])
    expect(month.assumed).toEqual({ customers: 0, of: 0 })
  })

  it('leaves nothing behind of calls that were moved to another customer', () => {
    const wrong = { customer: 'wrong', tier: '' }
    const month = marginOf({}, [
      ...[use({ ...wrong, cost: 8n }), use({ ...wrong, calls: -1, tokens: -10, cost: -8n })],
      use({ customer: 'right', cost: 8n }),
    ])
    expect(statesOf(month)).toEqual(['right tier_1 losing'])
    // It is a customer by its roster all the same.
    expect(statesOf(marginOf({ wrong: [{ tier: 'tier_1' }] }, [use({ ...wrong, calls: 0, tokens: 0 })]))).toEqual([
      'wrong tier_1 earning',
    ])
  })

  it('puts what is used under the plan that was stamped on it, and what is paid under the plan of the roster', () => {
    const month = marginOf({ acme: [{ tier: 'tier_1' }] }, [
      use({ tier: 'tier_2', cost: 4n }),
      use({ tier: '', cost: 2n }),
    ])
    expect(month.tiers.map(({ tier, revenueMonth, modelCost }) => [tier, revenueMonth, modelCost])).toEqual([
      ['tier_1', 30n, 0n],
      ['tier_2', 0n, 4n],
      ['unattributed', 0n, 2n],
    ])
  })

  it('names the plans of the policy first and in its order, also without customers, and calls without a plan last', () => {
    const uses = ['zeta', '', 'alpha', 'tier_1'].map((tier) => use({ tier }))
    const targets = new Map([
      ['tier_2', 6_000],
      ['tier_1', null],
    ])
    const { tiers } = marginOf({}, uses, { targets })
    expect(tiers.map(({ tier }) => tier)).toEqual(['tier_2', 'tier_1', 'alpha', 'zeta', 'unattributed'])
    expect(tiers[0]).toMatchObject({ customers: 0, target: 6_000, ratio: null, margin: 0n })
  })

  it('says how many have a plan without a price, and how many are known only from their calls', () => {
    const month = marginOf(
      {
        acme: [{ tier: 'gone' }],
        globex: [{ tier: 'gone', origin: 'traffic' }],
        gus: [{ tier: 'tier_1', origin: 'rest' }],
      },
      [],
    )
    expect(month.tiers).toMatchObject([
      { tier: 'gone', customers: 2, unpricedCustomers: 2, assumed: 1 },
      { tier: 'tier_1', customers: 1, unpricedCustomers: 0, assumed: 0 },
    ])
    expect(month.assumed).toEqual({ customers: 1, of: 3 })
  })

  it('is taken as of the month’s end when it is over, and as of its begin before it', () => {
    const customers = { acme: [{ tier: 'tier_1' }] }
    expect(marginOf(customers, [], { at: JUNE.to + 99 * DAY })).toEqual(marginOf(customers, [], { at: JUNE.to }))
    expect(marginOf(customers, [], { at: 0 })).toMatchObject({ at: JUNE.from, whole: { revenueAccrued: 0n } })
  })
})

describe('the customers with the least margin', () => {
  it('are the first of all in order, equal ones by name, without those that are none yet', () => {
    const { customers } = marginOf({}, [use({})])
    const [like] = customers
    if (!like) throw new Error('nobody')
    const anyCustomer = fc.record({
      customer: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      tier: fc.constantFrom('x', 'y'),
      margin: fc.bigInt({ min: -3n, max: 3n }),
      state: fc.constantFrom('earning', 'losing', 'nobody', 'coming'),
    })
    const anyList = fc.uniqueArray(anyCustomer, { selector: ({ customer, tier }) => customer + tier, maxLength: 12 })
    fc.assert(
      fc.property(anyList, fc.nat(8), (list, most) => {
        const all = list.map((one) => ({ ...like, ...one }) as CustomerMargin)
        const order = ({ customer, tier, margin }: CustomerMargin) =>
          `${(margin ?? 0n) + 9n} ${customer} ${tier}`.padStart(9, '0')
        const expected = all
          .filter(({ state }) => state !== 'coming')
          .sort((a, b) => (order(a) < order(b) ? -1 : 1))
          .slice(0, most)
        expect(worst(all, most)).toEqual(expected)
      }),
    )
  })

  it('are picked by the margin before infrastructure where that is all there is', () => {
    const month = marginOf({}, [use({ customer: 'a', cost: 1n }), use({ customer: 'b', cost: 2n })], {
      missing: 'all of it',
    })
    expect(worst(month.customers, 1)).toMatchObject([{ customer: 'b', margin: null, marginBeforeInfra: -2n }])
  })
})

describe('a ratio', () => {
  it('is rounded down, on either side of nothing, and there is none of nothing', () => {
    expect([millionths(2n, 3n), millionths(-2n, 3n), millionths(-4n, 2n), millionths(0n, 7n)]).toEqual([
      666_666n,
      -666_667n,
      -2_000_000n,
      0n,
    ])
    expect([millionths(1n, 0n), millionths(1n, -1n)]).toEqual([null, null])
  })
})
