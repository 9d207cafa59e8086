import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { usage } from '../../test/support/entries.ts'
import { metered, type PlainLedger, plainLedger, plainTimeline } from '../../test/margin/support.ts'
import { createCalendar } from '../calendar.ts'
import { type Correction, type Entry, METERS, type Nano, totalTokens, type Usage } from '../usage.ts'
import { type CustomerMargin, NO_TIER } from './figures.ts'
import { type MarginDeps, openMargin, readMonth } from './fold.ts'
import type { MonthMargin } from './month.ts'
import type { MarginPolicy } from '../policy/policy.ts'
import type { Timeline } from './timeline.ts'

const calendar = createCalendar('Europe/Berlin')
const DAY = 86_400_000
/** Evening of 31 October 2026, Berlin: days after the clocks went back, and hours before the month turns. */
const T0 = Date.UTC(2026, 9, 31, 19)

const maybe = (...names: string[]) => fc.constantFrom(null, ...names)
/** Moments about the turn of the month, and of weeks before it; the same id is always the same moment. */
function startOf(id: number): number {
  const n = id % 25
  return n < 12 ? T0 + (30 - 5 * n) * 3_600_000 : T0 - (n - 12) * 4 * DAY
}

const anyUsage: fc.Arbitrary<Usage> = fc
  .record({
    id: fc.nat(299),
    customer: fc.constantFrom('acme', 'globex', "o'hara", 'unattributed'),
    tier: maybe('tier_1', 'tier_2', 'made up'),
    tokens: fc.record({ input: fc.nat(40), output: fc.nat(3) }),
    nanos: fc.option(fc.bigInt({ min: 0n, max: 3_000_000_000_000n }), { nil: null }),
  })
  .map(({ id, nanos, ...over }) =>
    usage(`key ${id}`, { ...over, start: startOf(id), cost: nanos, basis: nanos === null ? 'unpriced' : 'priced' }),
  )

const anyCorrection: fc.Arbitrary<Correction> = fc
  .record({
    event: anyUsage,
    cost: fc.bigInt({ min: -2_000_000_000_000n, max: 1_000_000n }),
    calls: fc.constantFrom(-1, 0, 1),
    input: fc.integer({ min: -40, max: 5 }),
    n: fc.nat(99),
  })
  .map(({ event: { kind: _, ...event }, cost, calls, input, n }) => ({
    ...event,
    ...{ kind: 'correction', key: `correction ${n}`, of: event.key, reason: 'price changed', by: 'test' },
    ...{ calls, tokens: { input }, cost },
  }))

const anyMetered = fc
  .record({
    id: fc.nat(299),
    service: fc.constantFrom('exporter', 'grafana', 'litellm'),
    meter: fc.constantFrom(...METERS),
    cost: fc.option(fc.bigInt({ min: 0n, max: 900_000_007n }), { nil: null, freq: 12 }),
    amount: fc.bigInt({ min: 0n, max: 10n ** 15n }),
  })
  .map(({ id, ...over }) => metered(`metered ${id}`, { ...over, start: startOf(id) }))

const anyEntry: fc.Arbitrary<Entry> = fc.oneof(
  { weight: 6, arbitrary: anyUsage },
  { weight: 2, arbitrary: anyCorrection },
  { weight: 2, arbitrary: anyMetered },
)

const RULES: readonly [MarginPolicy, MarginPolicy, MarginPolicy] = [
  { allocate: 'tokens', keep: ['grafana'] },
  { allocate: 'requests', keep: [] },
  { allocate: 'model_cost', keep: ['litellm', 'exporter'] },
]
const TIERS = { tier_1: { target: 8_000 }, tier_2: { target: null } }

type Step =
  | { do: 'append'; entries: Entry[] }
  | { do: 'look' | 'restart' }
  | { do: 'wait'; hours: number }
  | { do: 'rule'; n: number }

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.array(anyEntry, { maxLength: 15 }).map((entries): Step => ({ do: 'append', entries })) },
  { weight: 4, arbitrary: fc.constant<Step>({ do: 'look' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'restart' }) },
  { weight: 2, arbitrary: fc.integer({ min: -1, max: 20 }).map((hours): Step => ({ do: 'wait', hours })) },
  { weight: 2, arbitrary: fc.nat(RULES.length - 1).map((n): Step => ({ do: 'rule', n })) },
)

const timeline = plainTimeline(
  {
    acme: [{ tier: 'tier_1' }],
    globex: [
      { tier: 'tier_1', to: T0 - 9 * DAY },
      { tier: 'tier_2', from: T0 - 9 * DAY, origin: 'rest' },
    ],
    "o'hara": [{ tier: 'tier_2', from: T0 + 8 * DAY, origin: 'traffic' }],
  },
  { tier_1: [{ price: 49_000_000_000n }], tier_2: [{ price: 99_000_000_000n }] },
)

/** What a month's rows say, worked out event by event without what the fold is made of. */
function naive(ledger: PlainLedger, month: number, rule: MarginPolicy) {
  const used = new Map<string, { cost: Nano; infra: Nano; calls: number; tokens: number }>()
  const days = new Map<number, { weights: Map<string, bigint>; pool: Nano }>()
  let [infra, allocated] = [0n, 0n]
  for (const { entry } of ledger.recorded) {
    if (entry.kind !== 'usage' && entry.kind !== 'correction' && entry.kind !== 'metered') continue
    const number = calendar.day(entry.start)
    if (calendar.monthOf(number) !== month) continue
    const day = days.get(number) ?? { weights: new Map<string, bigint>(), pool: 0n }
    days.set(number, day)
    if (entry.kind === 'metered') {
      infra += entry.cost ?? 0n
      if (!rule.keep.includes(entry.service)) day.pool += entry.cost ?? 0n
      continue
    }
    const name = `${entry.customer}\u001f${entry.tier ?? ''}`
    const sum = used.get(name) ?? { cost: 0n, infra: 0n, calls: 0, tokens: 0 }
    used.set(name, sum)
    const calls = entry.kind === 'usage' ? 1 : entry.calls
    sum.cost += entry.cost ?? 0n
    sum.calls += calls
    sum.tokens += totalTokens(entry.tokens)
    const weight = { tokens: BigInt(totalTokens(entry.tokens)), requests: BigInt(calls), model_cost: entry.cost ?? 0n }
    day.weights.set(name, (day.weights.get(name) ?? 0n) + weight[rule.allocate])
  }
  for (const { weights, pool } of days.values()) {
    const heavy = [...weights].filter(([, weight]) => weight > 0n)
    const total = heavy.reduce((sum, [, weight]) => sum + weight, 0n)
    if (total === 0n) continue
    allocated += pool
    const parts = heavy.map(([name, weight]) => ({
      name,
      floor: (pool * weight) / total,
      rest: (pool * weight) % total,
    }))
    const odd = Number(pool - parts.reduce((sum, { floor }) => sum + floor, 0n))
    parts.sort((a, b) => (a.rest === b.rest ? (a.name < b.name ? -1 : 1) : a.rest > b.rest ? -1 : 1))
    parts.forEach(({ name, floor }, i) => {
      const sum = used.get(name)
      if (sum) sum.infra += floor + (i < odd ? 1n : 0n)
    })
  }
  return { used, infra, allocated }
}

const sumOf = (list: readonly CustomerMargin[], value: (one: CustomerMargin) => Nano | null) =>
  list.reduce((sum, one) => sum + (value(one) ?? 0n), 0n)

/** The month's figures against those, and all sums against each other. */
function check(month: MonthMargin, ledger: PlainLedger, rule: MarginPolicy): void {
  const { used, infra, allocated } = naive(ledger, month.month, rule)
  expect(month.infra).toMatchObject({ total: infra, allocated, unallocated: infra - allocated })
  const known = month.infra.unknown === null
  const said = new Map(
    month.customers.map((one) => [`${one.customer}\u001f${one.tier === NO_TIER ? '' : one.tier}`, one]),
  )
  for (const [name, sum] of used) {
    const one = said.get(name)
    if (!one) expect(sum).toMatchObject({ cost: 0n, infra: 0n, calls: 0, tokens: 0 })
    else {
      expect([one.modelCost, one.calls, one.tokens]).toEqual([sum.cost, sum.calls, sum.tokens])
      expect(one.infraCost).toBe(known ? sum.infra : null)
    }
  }
  for (const tier of month.tiers) {
    const own = month.customers.filter((one) => one.tier === tier.tier)
    expect(sumOf(own, (one) => one.revenueAccrued)).toBe(tier.revenueAccrued)
    expect(sumOf(own, (one) => one.modelCost)).toBe(tier.modelCost)
    expect(sumOf(own, (one) => one.infraCost)).toBe(tier.infraCost ?? 0n)
    expect(sumOf(own, (one) => one.margin)).toBe(tier.margin ?? 0n)
    expect(tier.earning + tier.losing + tier.trial).toBe(tier.customers)
  }
  const all = sumOf(month.customers, (one) => one.marginBeforeInfra)
  expect(month.whole.marginBeforeInfra).toBe(all)
  expect(month.whole.margin).toBe(known ? all - infra : null)
}

const byName = (list: readonly CustomerMargin[]) =>
  [...list].sort((a, b) => (`${a.customer} ${a.tier}` < `${b.customer} ${b.tier}` ? -1 : 1))
const sorted = (month: MonthMargin | null) => month && { ...month, customers: byName(month.customers) }

describe('the running month', () => {
  it('is the same whether it was followed or is read, and is what its events come to, for any order of events, duplicates, corrections, late ones, month turns, rules and restarts', async () => {
    let turned = 0
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 25 }), async (steps) => {
        const ledger = plainLedger(calendar)
        let now = T0
        let rule: MarginPolicy = RULES[0]
        let rules = { margin: rule, tiers: TIERS }
        const deps: MarginDeps = {
          calendar,
          now: () => now,
          timeline: () => timeline,
          policy: () => rules,
          missing: () => null,
        }
        let followed = await openMargin(ledger, deps)
        for (const step of steps) {
          if (step.do === 'append') ledger.append(step.entries)
          else if (step.do === 'wait') now += step.hours * 3_600_000
          else if (step.do === 'look') followed.month()
          else if (step.do === 'rule') {
            rule = RULES[step.n] ?? RULES[0]
            rules = { margin: rule, tiers: TIERS }
          } else {
            await followed.close()
            followed = await openMargin(ledger, deps)
          }
        }
        if (calendar.monthOf(calendar.day(now)) !== calendar.monthOf(calendar.day(T0))) turned++
        const fresh = await openMargin(ledger, deps)
        const today = calendar.day(now)
        const read = await readMonth(ledger, deps, today)
        expect(sorted(fresh.month())).toEqual(sorted(read))
        expect(sorted(followed.month())).toEqual(sorted(read))
        expect(followed.infraTotals()).toEqual(fresh.infraTotals())
        check(read, ledger, rule)
        check(await readMonth(ledger, deps, calendar.monthOf(today) - 1), ledger, rule)
        await followed.close()
        await fresh.close()
      }),
      { numRuns: 300 },
    )
    expect(turned).toBeGreaterThan(20)
  })

  it('is there again when the clock is set back over the turn of a month', async () => {
    const ledger = plainLedger(calendar)
    let now = Date.UTC(2026, 9, 31, 22, 59, 59)
    const rules = { margin: RULES[1], tiers: TIERS }
    const deps = { calendar, now: () => now, timeline: () => timeline, policy: () => rules, missing: () => null }
    const followed = await openMargin(ledger, deps)
    ledger.append([usage('october', { start: now, cost: 3n })])
    now += 1_000
    ledger.append([usage('november', { start: now, cost: 5n }), usage('late', { start: now - 1, cost: 4n })])
    expect(followed.month()?.whole).toMatchObject({ modelCost: 5n, calls: 1 })
    now -= 1_000
    expect(followed.month()?.whole).toMatchObject({ modelCost: 7n, calls: 2 })
    expect(sorted(followed.month())).toEqual(sorted(await readMonth(ledger, deps, calendar.day(now))))
  })

  it('is not worked out again while nothing new is known and a second is not over', async () => {
    const ledger = plainLedger(calendar)
    let now = T0
    let asked = 0
    const rules = { margin: RULES[1], tiers: TIERS }
    const counting: Timeline = {
      ...timeline,
      customers(from, to) {
        asked++
        return timeline.customers(from, to)
      },
    }
    const deps = { calendar, now: () => now, timeline: () => counting, policy: () => rules, missing: () => null }
    const followed = await openMargin(ledger, deps)
    const first = followed.month()
    now += 999
    expect(followed.month()).toBe(first)
    ledger.append([usage('one', { start: now })])
    expect(followed.month()?.whole.calls).toBe(1)
    now += 1_000
    followed.month()
    expect(asked).toBe(3)
  })
})
