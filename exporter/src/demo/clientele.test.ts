import { CAST, createTraffic } from '@marginwatch/sandbox'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createCalendar } from '../calendar.ts'
import { readPolicy } from '../policy/read.ts'
import { clientele, demoTiers, trafficOf } from './clientele.ts'
import { HISTORY_DENSITY } from './history.ts'

const DAY = 86_400_000
const DOLLAR = 1_000_000_000n
const traffic = createTraffic({ seed: 1 })
const { company } = traffic
const calendar = createCalendar('Europe/Berlin')
const BEGAN = Date.UTC(2026, 10, 18, 16)
const entries = clientele(company, BEGAN, calendar)
const of = (id: string) => entries.filter((entry) => entry.id === id)
const anyStart = fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2028, 0, 1) })

function tiersOf(text: string) {
  const { policy } = readPolicy(text, { file: 'f', env: {} })
  if (!policy) throw new Error('refused')
  return policy.tiers
}

describe('the customers of the invented company', () => {
  test('whenever it begins, one has joined in the running month, one has left in it, one took a dearer plan, one is on trial', () => {
    fc.assert(
      fc.property(anyStart, (began) => {
        const list = clientele(company, began, calendar)
        const month = calendar.dayStart(calendar.monthOf(calendar.day(began)))
        const within = (at: number | null) => at !== null && at >= month && at <= began
        const joined = list.filter(({ from }) => within(from)).map(({ id }) => id)
        const left = list.filter(({ to }) => within(to)).map(({ id }) => id)
        expect(joined.sort()).toEqual(['juniper-barbers', 'kiteworks-toys', 'thistle-down-inn'])
        expect(left.sort()).toEqual(['driftwood-hostel', 'kiteworks-toys'])
        const [trial, ...others] = list.filter(({ trialUntil }) => trialUntil !== null && trialUntil > began)
        expect([trial?.id, others]).toEqual(['juniper-barbers', []])
        const [before, after] = list.filter(({ id }) => id === 'kiteworks-toys')
        expect([before?.tier, after?.tier, before?.to]).toEqual(['tier_1', 'tier_2', after?.from])
      }),
    )
  })

  test('all others have been there for long, but for a few that nobody has entered', () => {
    const known = new Set(entries.map(({ id }) => id))
    const unknown = company.customers.filter(({ id }) => !known.has(id)).map(({ id }) => id)
    expect(unknown.sort()).toEqual([
      ...['inkwell-print', 'millrace-software', 'pebble-beach-rentals', 'wanderlight-labs'],
    ])
    for (const { customer } of Object.values(CAST)) {
      const [entry, ...others] = of(customer)
      expect(others).toEqual([])
      expect(entry).toMatchObject({ to: null, price: null, trialUntil: null })
      expect(entry?.from).toBeLessThan(BEGAN - 50 * DAY)
    }
  })

  test('two of them pay what the plan once cost', () => {
    expect(entries.flatMap(({ tier, price }) => (price === null ? [] : [[tier, price]])).sort()).toEqual([
      ['tier_2', 29n * DOLLAR],
      ['tier_3', 39n * DOLLAR],
    ])
  })

  test('call only while they are customers, under the plan that they have then', () => {
    const to = BEGAN
    const calls = [...trafficOf(traffic, entries).calls(to - 9 * DAY, to, { density: 0.3 })]
    const all = [...traffic.calls(to - 9 * DAY, to, { density: 0.3 })]
    expect(calls.length).toBeGreaterThan(all.length * 0.9)
    expect(calls.length).toBeLessThan(all.length)
    const wrong = calls.filter(({ customer, tier, start }) => {
      const said = of(customer ?? '')
      const held = said.filter((one) => (one.from ?? 0) <= start && start < (one.to ?? Infinity))
      return said.length > 0 && (held.length !== 1 || held[0]?.tier !== tier)
    })
    expect(wrong).toEqual([])
    const rest = (id: string | null) => calls.filter(({ customer }) => customer === id).length
    for (const id of ['inkwell-print', 'wanderlight-labs', null])
      expect(rest(id)).toBe(all.filter(({ customer }) => customer === id).length)
    for (const id of ['driftwood-hostel', 'thistle-down-inn', 'kiteworks-toys']) expect(rest(id)).toBeGreaterThan(0)
  })
})

/** Infrastructure comes to three quarters of what models cost. */
const WITH_INFRA = 1.75

test('a month of it is that of a business that earns: each plan, but not each customer', () => {
  const spent = new Map<string, number>()
  const [from, to] = [Date.UTC(2026, 9, 19, 16), BEGAN]
  for (const { customer, cost } of trafficOf(traffic, entries).calls(from, to, { density: HISTORY_DENSITY }))
    spent.set(customer ?? '', (spent.get(customer ?? '') ?? 0) + Number(cost ?? 0) / 1e9)
  const prices = { tier_1: 49, tier_2: 99, tier_3: 199 }
  const share = new Map<string, { paid: number; cost: number; losing: string[] }>()
  for (const { id, tier, price } of entries) {
    const paid = price === null ? prices[tier as keyof typeof prices] : Number(price) / 1e9
    const cost = spent.get(id) ?? 0
    const sum = share.get(tier) ?? { paid: 0, cost: 0, losing: [] }
    share.set(tier, {
      paid: sum.paid + paid,
      cost: sum.cost + cost,
      losing: WITH_INFRA * cost > paid ? [...sum.losing, id] : sum.losing,
    })
  }
  const losing = [...share.values()].flatMap((sum) => sum.losing)
  expect(losing.sort()).toEqual(['everstead-homes', 'harborview-clinics'])
  for (const { paid, cost } of share.values()) {
    expect(1 - (WITH_INFRA * cost) / paid).toBeGreaterThan(0.6)
    expect(1 - (WITH_INFRA * cost) / paid).toBeLessThan(0.9)
  }
})

describe('the plans', () => {
  test('cost what the user’s policy says, and those that it has not, what the company takes', () => {
    const own = tiersOf('tiers: { tier_2: { price_usd: 120 }, gold: { price_usd: 900 } }')
    const tiers = demoTiers(own)
    expect(Object.keys(tiers)).toEqual(['tier_2', 'gold', 'tier_1', 'tier_3'])
    expect(tiers.tier_2).toBe(own.tier_2)
    expect(tiers.tier_1).toMatchObject({ prices: [{ price: 49n * DOLLAR, from: null }], budget: 8n * DOLLAR })
    expect(tiers.constructor).toBeUndefined()
  })

  test('of the shipped policy are those of the company', () => {
    expect(demoTiers(tiersOf(''))).toEqual(
      tiersOf(`tiers:
  tier_1: { price_usd: 49, budget_usd: 8 }
  tier_2: { price_usd: 99, budget_usd: 18 }
  tier_3: { price_usd: 199, budget_usd: 35 }`),
    )
  })
})
