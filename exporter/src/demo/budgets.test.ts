import { CAST, MODELS, rushCost } from '@marginwatch/sandbox'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DAY, usage } from '../../test/support/entries.ts'
import { openLedger, scratch } from '../../test/support/ledger.ts'
import { createCalendar } from '../calendar.ts'
import type { Policy } from '../policy/policy.ts'
import { readPolicy } from '../policy/read.ts'
import { resumed, type Spent, spentThisMonth } from './budgets.ts'
import { type DemoPlace, demoPolicy, RATES } from './policy.ts'

const PLACE: DemoPlace = {
  port: 9464,
  gatewayKey: 'secret',
  url: 'http://127.0.0.1:4000',
  masterKey: 'sk-master',
  langfuse: {
    url: 'http://127.0.0.1:3000',
    keys: { publicKey: 'pk-lf-1', secretKey: 'sk-lf-1' },
    adminKey: 'admin',
    backfillMs: 2 * DAY,
  },
  docker: { url: 'http://127.0.0.1:2375' },
}
const NONE: Spent = { customers: new Map(), agents: new Map(), tiers: new Map() }
const ROLES = Object.values(CAST)
const DOLLAR = 1_000_000_000n

function user(text = ''): Policy {
  const { policy, problems } = readPolicy(text, { file: 'policy.yaml', env: { PUBLIC: 'pk-lf-0', SECRET: 'sk-lf-0' } })
  if (!policy) throw new Error(JSON.stringify(problems))
  return policy
}
const base = user()

/** From nothing, as on the first day of a month, to more than anybody has spent by its last. */
const anything = fc.bigInt({ min: 0n, max: 200n * DOLLAR })
const spent = fc.tuple(fc.array(anything, { minLength: ROLES.length, maxLength: ROLES.length }), anything).map(
  ([amounts, agent]): Spent => ({
    customers: new Map(ROLES.map(({ customer }, index) => [customer, amounts[index] ?? 0n])),
    agents: new Map([[CAST.paused.agent, agent]]),
    tiers: new Map(),
  }),
)
const limitsAfter = (before: Spent) => demoPolicy(base, PLACE, before).budgets
const reaches = (amount: bigint, limit: bigint, share: bigint) => amount * 10_000n >= limit * share

describe('whatever was spent in the month so far', () => {
  test('the warned customer comes to 80 % in its rush, not before, and stays under 95 % of its limit', () => {
    fc.assert(
      fc.property(spent, (before) => {
        const { customer, rush } = CAST.warned
        const limit = limitsAfter(before).customers[customer] ?? 0n
        const after = (calls: number) => (before.customers.get(customer) ?? 0n) + BigInt(calls) * rushCost(CAST.warned)
        expect(reaches(after(20), limit, 8_000n)).toBe(false)
        expect(reaches(after(rush.calls), limit, 8_000n)).toBe(true)
        expect(reaches(after(rush.calls), limit, 9_500n)).toBe(false)
      }),
    )
  })

  test('the degraded customer comes to 95 % in its rush, and is not there before', () => {
    fc.assert(
      fc.property(spent, (before) => {
        const { customer, rush } = CAST.degraded
        const limit = limitsAfter(before).customers[customer] ?? 0n
        const after = (calls: number) =>
          (before.customers.get(customer) ?? 0n) + BigInt(calls) * rushCost(CAST.degraded)
        expect(reaches(after(0), limit, 9_500n)).toBe(false)
        expect(reaches(after(rush.calls), limit, 9_500n)).toBe(true)
      }),
    )
  })

  test('the blocked customer has something left, and no more than its rush takes at the cheaper model’s price', () => {
    const third = rushCost(CAST.blocked) / 3n
    fc.assert(
      fc.property(spent, (before) => {
        const { customer, rush } = CAST.blocked
        const already = before.customers.get(customer) ?? 0n
        const limit = limitsAfter(before).customers[customer] ?? 0n
        expect(limit).toBeGreaterThan(already)
        const dear = limit * 95n > already * 100n ? (limit * 95n - already * 100n) / 100n : 0n
        const calls = dear / rushCost(CAST.blocked) + (limit - already - dear) / third
        expect(calls).toBeLessThanOrEqual(BigInt(rush.calls))
      }),
    )
  })

  test('the agent comes to 110 % of its limit in its rush, and is not there before', () => {
    fc.assert(
      fc.property(spent, (before) => {
        const { agent, rush } = CAST.paused
        const limit = limitsAfter(before).agents[agent] ?? 0n
        const after = (calls: number) => (before.agents.get(agent) ?? 0n) + BigInt(calls) * rushCost(CAST.paused)
        expect(reaches(after(0), limit, 11_000n)).toBe(false)
        expect(reaches(after(rush.calls), limit, 11_000n)).toBe(true)
      }),
    )
  })

  test('no other limit stops who is there to show something else', () => {
    fc.assert(
      fc.property(spent, (before) => {
        const budgets = limitsAfter(before)
        for (const { customer } of [CAST.paused, CAST.runaway])
          expect((budgets.customers[customer] ?? 0n) - (before.customers.get(customer) ?? 0n)).toBeGreaterThan(
            10n * DOLLAR,
          )
        expect(budgets.agents).not.toHaveProperty(CAST.runaway.agent)
        expect(budgets.agent?.limit).toBeGreaterThan(500n * DOLLAR)
      }),
    )
  })
})

describe('the policy of the demonstration', () => {
  test('has nothing of the user’s own limits but those of the tiers', () => {
    const own = user(`tiers: { tier_1: { price_usd: 49, budget_usd: 8 } }
budgets:
  total: [{ limit_usd: 1 }]
  tenant_day: { limit_usd: 1 }
  tiers: { tier_1: { limit_usd: 1 } }
  agents: { cost-analyst: { limit_usd: 1 } }
  on_unreachable: block
`)
    const policy = demoPolicy(own, PLACE, NONE)
    expect(policy.tiers.tier_1?.budget).toBe(8n * DOLLAR)
    expect(policy.budgets).toMatchObject({ global: [], tenantDay: null, onUnreachable: 'allow', backstop: null })
    expect(Object.keys(policy.budgets.tiers)).toEqual([])
    expect(Object.keys(policy.budgets.agents)).toEqual([CAST.paused.agent])
  })

  test('gives those who spent much before more room, so that only the cast comes near a limit', () => {
    const own = user('tiers: { tier_1: { price_usd: 49, budget_usd: 8 } }')
    const spent = {
      customers: new Map([
        ['dear', 15n * DOLLAR],
        ['cheap', DOLLAR],
      ]),
      agents: new Map(),
      tiers: new Map([
        ['dear', 'tier_1'],
        ['cheap', 'tier_1'],
      ]),
    }
    const { customers } = demoPolicy(own, PLACE, spent).budgets
    expect(customers).toMatchObject({ dear: (15n * DOLLAR * 10n) / 4n })
    expect(customers).not.toHaveProperty('cheap')
  })

  test('knows every model of the company, and takes cheaper ones from among them', () => {
    const { gateway, degrade } = demoPolicy(base, PLACE, NONE)
    const names = Object.keys(gateway?.models ?? {})
    expect(names).toEqual(MODELS.map(({ group }) => group))
    for (const { from, to } of degrade) expect(names).toEqual(expect.arrayContaining([from, to]))
    for (const [from, to] of Object.entries(gateway?.fallbacks ?? {}))
      expect(names).toEqual(expect.arrayContaining([from, ...to]))
  })

  test('has nothing of the user’s own customers, neighbours and rates', () => {
    const own = user(`tiers: { tier_1: { price_usd: 49 } }
customers: [{ id: mine, tier: tier_1, from: 2026-01-01 }]
roster: { file: customers.csv, traffic: off }
margin: { allocate: requests, keep: [mine] }
rates: { containers: { cpu_usd_per_hour: 1 } }
sources:
  langfuse: [{ url: "https://cloud.langfuse.com", public_key: "\${PUBLIC}", secret_key: "\${SECRET}", role: spend }]
  docker: { url: "unix:///var/run/docker.sock" }
`)
    const theirs = [{ id: 'theirs', tier: 'tier_1', from: null, to: null, price: null, trialUntil: null }]
    const { customers, roster, margin, rates, sources } = demoPolicy(own, PLACE, NONE, theirs)
    expect(customers).toEqual(theirs)
    expect(roster).toEqual({ file: null, litellm: true, traffic: true })
    expect(margin.keep).not.toContain('mine')
    expect(rates.containers).toEqual(RATES)
    expect(sources.langfuse).toEqual([
      expect.objectContaining({ url: PLACE.langfuse.url, secretKey: 'sk-lf-1', role: 'reconcile' }),
    ])
    expect(sources.docker).toMatchObject({ url: PLACE.docker.url })
  })

  test('lets nobody in but its stand-in', () => {
    const { server, sources } = demoPolicy(base, PLACE, NONE)
    expect(server.keys).toMatchObject({ ingest: 'secret', gateway: 'secret' })
    expect(sources.litellm.poll).toMatchObject({ url: PLACE.url, key: PLACE.masterKey })
  })
})

describe('what was spent', () => {
  const NOW = Date.UTC(2026, 10, 3, 1)
  let folder: Awaited<ReturnType<typeof scratch>>
  beforeAll(async () => {
    folder = await scratch()
  })
  afterAll(() => folder.remove())

  test('is that of the running month in the policy’s zone, by customer and by agent', async () => {
    const ledger = await openLedger(folder.path, () => NOW, { calendar: createCalendar('Europe/Berlin') })
    // In Berlin the month began at 23:00 of the day before.
    const first = Date.UTC(2026, 9, 31, 23)
    await ledger.append([
      usage('a', { start: first - 1, cost: 100n, agent: 'scout' }),
      usage('b', { start: first, cost: 20n, agent: 'scout' }),
      usage('c', { start: NOW, cost: 3n, customer: 'globex' }),
      usage('d', { start: NOW - DAY, cost: 400n, agent: 'scout', customer: 'globex' }),
      usage('e', { start: NOW, cost: null, basis: 'unpriced', agent: 'idle', customer: 'initech' }),
    ])
    const spent = await spentThisMonth(ledger, createCalendar('Europe/Berlin'), NOW)
    expect(Object.fromEntries(spent.customers)).toEqual({ globex: 403n, acme: 20n, initech: 0n })
    expect(Object.fromEntries(spent.agents)).toEqual({ scout: 420n, idle: 0n })
    expect((await ledger.append([resumed(NOW)])).accepted).toBe(1)
    await ledger.close()
  })
})
