import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LitellmModel } from '../../test/support/backstop-model.ts'
import { createCalendar } from '../calendar.ts'
import { isDue } from './fate.ts'
import { customerBudget, DURATIONS, type Duration, isOurs, SETTLING, tierBudget, unlimitedBudget } from './names.ts'
import { planBackstop } from './plan.ts'
import type { Plan } from './step.ts'
import type { Wanted, WantedCustomer } from './wanted.ts'

const START = Date.UTC(2026, 10, 22, 10)
const MONTH_END = Date.UTC(2026, 11, 1)
const MINUTE = 60_000
const calendar = createCalendar('UTC')
const nextEnd = (duration: string, at: number) => {
  const day = calendar.day(at)
  if (duration === '1mo') return calendar.dayStart(calendar.nextMonth(day))
  return calendar.dayStart(duration === '7d' ? calendar.weekOf(day) + 7 : day + 1)
}

/** Tier limits in nano-dollars, and who is in which; `own` gives single limits, `named` who stands in the policy. */
function wantedWith(options: {
  tiers?: Record<string, bigint>
  of?: Record<string, string | null>
  own?: Record<string, bigint>
  named?: readonly string[]
  duration?: Duration
  end?: number
}): Wanted {
  const { tiers = {}, of = {}, own = {}, named = [], duration = '1mo', end = nextEnd(duration, START) } = options
  const budgets = [
    ...Object.entries(tiers).map(([tier, limit]) => ({ id: tierBudget(duration, tier), limit })),
    ...Object.entries(own).map(([id, limit]) => ({ id: customerBudget(duration, id), limit })),
  ]
  const customers = new Map<string, WantedCustomer>()
  for (const [id, tier] of Object.entries(of))
    customers.set(id, {
      budget: tier !== null && tier in tiers ? tierBudget(duration, tier) : null,
      named: named.includes(id),
    })
  for (const id of Object.keys(own)) customers.set(id, { budget: customerBudget(duration, id), named: true })
  return { budgets: new Map(budgets.map((one) => [one.id, one])), customers, period: { duration, end }, note: null }
}
const OFF: Wanted = { budgets: new Map(), customers: new Map(), period: null, note: null }
const PRO = tierBudget('1mo', 'pro')

function round(model: LitellmModel, wanted: Wanted, at: number, cut = false): Plan {
  const plan = planBackstop({ wanted, found: model.found(at, cut) })
  for (const step of plan.steps) model.apply(step)
  return plan
}
const kinds = (plan: Plan) => plan.steps.map(({ kind }) => kind)
const budgetOf = (model: LitellmModel, id: string) => model.customers.get(id)?.budgetId

describe('the plan', () => {
  it('makes the budgets of tiers and single customers, and puts known customers into them', () => {
    const model = new LitellmModel(nextEnd)
    const wanted = wantedWith({ tiers: { pro: 8_400n }, of: { acme: 'pro', beta: null }, own: { gamma: 35n } })
    round(model, wanted, START)
    expect(model.budgets.get(PRO)).toEqual({ id: PRO, limit: 8_400n, duration: '1mo', resetsAt: MONTH_END })
    expect(budgetOf(model, 'acme')).toBe(PRO)
    expect(budgetOf(model, 'gamma')).toBe(customerBudget('1mo', 'gamma'))
    expect(model.customers.has('beta')).toBe(false)
    expect(round(model, wanted, START).steps).toEqual([])
  })

  it('has spend of times before set to zero before it may count against a limit', () => {
    const model = new LitellmModel(nextEnd)
    model.spend('acme', 1_000n)
    const wanted = wantedWith({ tiers: { pro: 8n }, of: { acme: 'pro' } })
    expect(kinds(round(model, wanted, START)).slice(-2)).toEqual(['link_customer', 'reset_spend'])
    expect(budgetOf(model, 'acme')).toBe(SETTLING)
    expect(round(model, wanted, START + MINUTE)).toMatchObject({ steps: [], waiting: 1 })
    model.look(START + 2 * MINUTE)
    round(model, wanted, START + 3 * MINUTE)
    expect(model.customers.get('acme')).toEqual({ spend: 0n, stale: 0n, budgetId: PRO })
    expect(model.budgets.has(SETTLING)).toBe(false)
  })

  it('lets one who comes while others settle wait for the next time', () => {
    const model = new LitellmModel(nextEnd)
    const wanted = wantedWith({ tiers: { pro: 8n }, of: { acme: 'pro', late: 'pro' } })
    model.spend('acme', 1_000n)
    model.customers.set('late', { spend: 0n, stale: 0n, budgetId: null })
    round(model, wantedWith({ tiers: { pro: 8n }, of: { acme: 'pro' } }), START)
    model.spend('late', 500n)
    expect(round(model, wanted, START)).toMatchObject({ steps: [], waiting: 2 })
    model.look(START + MINUTE)
    round(model, wanted, START + 2 * MINUTE)
    expect([budgetOf(model, 'acme'), budgetOf(model, 'late')]).toEqual([PRO, SETTLING])
    expect(model.customers.get('late')?.spend).toBe(500n)
  })

  it('changes a limit in its place, and has LiteLLM look again at its customers, the nearest to it first', () => {
    const model = new LitellmModel(nextEnd)
    const of = { far: 'pro', near: 'pro', over: 'pro' }
    round(model, wantedWith({ tiers: { pro: 80n }, of }), START)
    for (const [id, amount] of [
      ['near', 41n],
      ['over', 90n],
    ] as const)
      model.spend(id, amount)
    const plan = round(model, wantedWith({ tiers: { pro: 800n }, of }), START)
    const again = (customer: string) => ({ kind: 'link_customer', customer, budget: PRO, from: PRO })
    expect(plan.steps).toEqual([
      { kind: 'change_budget', id: PRO, limit: 800n },
      again('over'),
      again('near'),
      again('far'),
    ])
  })

  it('does so only for who is near a limit, old or new, where a budget has many customers', () => {
    const model = new LitellmModel(nextEnd)
    const of = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`customer-${i}`, 'pro']))
    round(model, wantedWith({ tiers: { pro: 8_000n }, of }), START)
    for (let i = 0; i < 200; i++) model.spend(`customer-${i}`, BigInt(i))
    const linked = (limit: bigint) =>
      round(model, wantedWith({ tiers: { pro: limit }, of }), START).steps.filter(
        ({ kind }) => kind === 'link_customer',
      )
    expect(linked(720n)).toHaveLength(20)
    expect(linked(720_000n)).toHaveLength(20)
  })

  it('leaves what is not ours alone, says whom, and takes only a customer that the policy names', () => {
    const model = new LitellmModel(nextEnd)
    model.budgets.set('gold', { id: 'gold', limit: 5n, duration: '30d', resetsAt: null })
    for (const id of ['acme', 'beta', 'gamma']) model.customers.set(id, { spend: 0n, stale: 0n, budgetId: 'gold' })
    const wanted = wantedWith({ tiers: { pro: 8n }, of: { acme: 'pro', beta: 'pro', gamma: null }, named: ['beta'] })
    expect(round(model, wanted, START).leftAlone).toEqual(['acme'])
    expect(['acme', 'beta', 'gamma'].map((id) => budgetOf(model, id))).toEqual(['gold', PRO, 'gold'])
    expect(model.budgets.get('gold')?.limit).toBe(5n)
  })

  it('moves a customer to the budget of its new tier, and keeps what it has spent', () => {
    const model = new LitellmModel(nextEnd)
    const tiers = { pro: 80n, max: 800n }
    round(model, wantedWith({ tiers, of: { acme: 'pro' } }), START)
    model.spend('acme', 79n)
    expect(kinds(round(model, wantedWith({ tiers, of: { acme: 'max' } }), START))).toEqual(['link_customer'])
    expect(model.customers.get('acme')).toMatchObject({ spend: 79n, budgetId: tierBudget('1mo', 'max') })
  })

  it('gives a customer without a limit one without a limit, since LiteLLM can take none away', () => {
    const model = new LitellmModel(nextEnd)
    const tiers = { pro: 80n }
    round(model, wantedWith({ tiers, of: { acme: 'pro', beta: 'pro' } }), START)
    const free = wantedWith({ tiers, of: { acme: null, beta: 'pro' } })
    round(model, free, START)
    expect(budgetOf(model, 'acme')).toBe(unlimitedBudget('1mo'))
    expect(round(model, free, START).steps).toEqual([])
    round(model, wantedWith({ tiers, of: { acme: 'pro', beta: 'pro' } }), START)
    expect(budgetOf(model, 'acme')).toBe(PRO)
  })

  it('takes everything of ours back when there is to be no backstop, and has LiteLLM look at once', () => {
    const model = new LitellmModel(nextEnd)
    model.budgets.set('gold', { id: 'gold', limit: 5n, duration: '30d', resetsAt: null })
    round(model, wantedWith({ tiers: { pro: 80n, max: 8_000n }, of: { near: 'pro', far: 'max' } }), START)
    model.spend('near', 79n)
    const { steps } = round(model, OFF, START)
    expect(steps[0]).toEqual({ kind: 'change_budget', id: PRO, limit: null })
    const linked = steps.filter(({ kind }) => kind === 'link_customer')
    expect(linked[0]).toEqual({ kind: 'link_customer', customer: 'near', budget: PRO, from: PRO })
    expect([...model.budgets.keys()]).toEqual(['gold'])
    expect(round(model, OFF, START).steps).toEqual([])
  })

  it('writes nothing to a LiteLLM that has nothing of ours while there is no backstop', () => {
    const model = new LitellmModel(nextEnd)
    model.spend('acme', 1n)
    expect(round(model, OFF, START)).toEqual({ steps: [], leftAlone: [], waiting: 0, late: 0 })
  })

  it('mends the end of a period that LiteLLM cuts in another zone, but never one that has come', () => {
    const model = new LitellmModel(nextEnd)
    const wanted = wantedWith({ tiers: { pro: 8n } })
    round(model, wanted, START)
    const pro = model.budgets.get(PRO) ?? expect.fail()
    model.budgets.set(PRO, { ...pro, resetsAt: MONTH_END + 5 * 3_600_000 })
    expect(round(model, wanted, START).steps).toEqual([{ kind: 'change_budget', id: PRO, resetAt: MONTH_END }])
    const december = wantedWith({ tiers: { pro: 8n }, end: Date.UTC(2027, 0, 1) })
    expect(round(model, december, MONTH_END + MINUTE)).toMatchObject({ steps: [], late: 0 })
    expect(round(model, december, MONTH_END + 60 * MINUTE)).toMatchObject({ steps: [], late: 2 })
  })

  it('keeps a customer where it is while its last period has not been set to zero', () => {
    const model = new LitellmModel(nextEnd)
    const [tiers, end] = [{ pro: 8n }, Date.UTC(2027, 0, 1)]
    round(model, wantedWith({ tiers, of: { acme: 'pro' } }), START)
    model.spend('acme', 7n)
    const wanted = wantedWith({ tiers, own: { acme: 9n }, end })
    expect(round(model, wanted, MONTH_END + MINUTE).waiting).toBe(1)
    expect(budgetOf(model, 'acme')).toBe(PRO)
    model.look(MONTH_END + 2 * MINUTE)
    round(model, wanted, MONTH_END + 3 * MINUTE)
    expect(model.customers.get('acme')).toEqual({ spend: 0n, stale: 0n, budgetId: customerBudget('1mo', 'acme') })
  })

  it('neither makes nor deletes what may be among the customers that were not read', () => {
    const model = new LitellmModel(nextEnd)
    round(model, wantedWith({ tiers: { pro: 8n, old: 9n }, of: { acme: 'pro' } }), START)
    const plan = round(model, wantedWith({ tiers: { pro: 8n }, of: { acme: 'pro', hidden: 'pro' } }), START, true)
    expect(plan).toMatchObject({ waiting: 1 })
    expect(kinds(plan)).toEqual(['change_budget'])
    expect(model.budgets.get(tierBudget('1mo', 'old'))?.limit).toBeNull()
  })

  it('makes no customer whose true name it does not know, and finds it by the name that it goes by here', () => {
    const model = new LitellmModel(nextEnd)
    const wanted = wantedWith({ tiers: { pro: 8n }, of: { 'hash:0a1b2c3d': 'pro' } })
    round(model, wanted, START)
    expect(model.customers.size).toBe(0)
    model.customers.set('jane@example.com', { spend: 0n, stale: 0n, budgetId: null })
    const found = { ...model.found(START), nameOf: () => 'hash:0a1b2c3d' }
    expect(planBackstop({ wanted, found }).steps).toEqual([
      { kind: 'link_customer', customer: 'jane@example.com', budget: PRO, from: null },
    ])
  })
})

const IDS = ['a', 'b', 'c', 'd', 'e']
const TIERS = ['pro', 'max', 'free']
const anyLimits = (keys: readonly string[]) =>
  fc.dictionary(fc.constantFrom(...keys), fc.bigInt(0n, 9_000_000_000n), { maxKeys: 2, noNullPrototype: true })
const anyWanted = fc.oneof(
  { weight: 1, arbitrary: fc.constant(null) },
  {
    weight: 6,
    arbitrary: fc.record({
      tiers: anyLimits(TIERS),
      own: anyLimits(IDS),
      of: fc.dictionary(fc.constantFrom(...IDS), fc.constantFrom(...TIERS, null), { noNullPrototype: true }),
      named: fc.subarray(IDS),
      duration: fc.constantFrom(...Object.values(DURATIONS)),
    }),
  },
)
const anyEvent = fc.oneof(
  fc.record({ do: fc.constant('spend' as const), id: fc.constantFrom(...IDS), amount: fc.bigInt(1n, 9_000_000_000n) }),
  fc.record({ do: fc.constant('want' as const), wanted: anyWanted }),
  fc.record({ do: fc.constant('plan' as const), upTo: fc.nat(12) }),
  fc.record({ do: fc.constant('look' as const) }),
  fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(MINUTE, 60 * MINUTE, 26 * 60 * MINUTE) }),
)

describe('plans in a row', () => {
  it('end in what is wanted, touch nothing of others, and then there is nothing to do', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 25 }), fc.subarray(IDS), (events, foreign) => {
        const model = new LitellmModel(nextEnd)
        const gold = { id: 'gold', limit: 5n, duration: null, resetsAt: null }
        model.budgets.set('gold', gold)
        for (const id of foreign) model.customers.set(id, { spend: 3n, stale: 0n, budgetId: 'gold' })
        let [at, wanted, everNamed] = [START, OFF, new Set<string>()]
        const want = (one: typeof anyWanted extends fc.Arbitrary<infer T> ? T : never) =>
          one === null ? OFF : wantedWith({ ...one, end: nextEnd(one.duration, at) })
        let choice: Parameters<typeof want>[0] = null
        for (const event of events) {
          if (event.do === 'spend') model.spend(event.id, event.amount)
          if (event.do === 'pass') at += event.ms
          if (event.do === 'look') model.look(at)
          if (event.do === 'want') choice = event.wanted
          wanted = want(choice)
          for (const [id, { named }] of wanted.customers) if (named) everNamed = everNamed.add(id)
          // A plan that is broken off leaves nothing that the next cannot mend.
          if (event.do === 'plan')
            for (const step of planBackstop({ wanted, found: model.found(at) }).steps.slice(0, event.upTo))
              model.apply(step)
        }
        for (let rounds = 0; ; rounds++) {
          const plan = round(model, wanted, at)
          if (plan.steps.length === 0 && plan.waiting === 0) break
          expect(rounds).toBeLessThan(8)
          at += MINUTE
          wanted = want(choice)
          model.look(at)
        }
        model.look(at)
        const there = new Map([...model.budgets].filter(([id]) => isOurs(id)))
        for (const { id, limit } of wanted.budgets.values()) {
          expect(there.get(id)).toMatchObject({ limit, duration: wanted.period?.duration })
          expect(there.get(id)?.resetsAt).toBe(wanted.period?.end)
        }
        expect(there.size - wanted.budgets.size).toBe(wanted.budgets.size === 0 ? 0 : 1)
        for (const [id, { budget, named }] of wanted.customers) {
          const customer = model.customers.get(id)
          if (budget !== null && (named || customer?.budgetId !== 'gold')) expect(customer?.budgetId).toBe(budget)
          if (budget === null) expect(there.get(customer?.budgetId ?? '')?.limit ?? null).toBeNull()
        }
        for (const [id, { budgetId }] of model.customers)
          if (foreign.includes(id) && !everNamed.has(id)) expect(budgetId).toBe('gold')
        expect(model.budgets.get('gold')).toEqual(gold)
      }),
      { numRuns: 2000 },
    )
  })

  it('never let spend of a time before count against a limit', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 30 }), (events) => {
        const model = new LitellmModel(nextEnd)
        let at = START
        let choice: Parameters<typeof want>[0] = null
        const want = (one: typeof anyWanted extends fc.Arbitrary<infer T> ? T : never) =>
          one === null ? OFF : wantedWith({ ...one, duration: '1d', end: nextEnd('1d', at) })
        for (const event of events) {
          if (event.do === 'spend') model.spend(event.id, event.amount)
          if (event.do === 'want') choice = event.wanted
          if (event.do === 'pass') {
            const before = calendar.day(at)
            at += event.ms
            if (calendar.day(at) !== before) model.turn()
          }
          if (event.do === 'look') model.look(at)
          if (event.do === 'plan') round(model, want(choice), at)
          for (const { stale, budgetId } of model.customers.values()) {
            const budget = model.budgets.get(budgetId ?? '')
            if (budget !== undefined && budget.limit !== null && !isDue(budget, at)) expect(stale).toBe(0n)
          }
        }
      }),
      { numRuns: 2000 },
    )
  })
})
