import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createAgents } from '../../src/budgets/agents.ts'
import type { Meter } from '../../src/budgets/ask.ts'
import { compileBudgets } from '../../src/budgets/compiled.ts'
import { type BudgetFold, createFold } from '../../src/budgets/fold.ts'
import { budgetLedger } from '../../src/budgets/load.ts'
import { createMeters } from '../../src/budgets/meters.ts'
import { SESSION_GAP_MS } from '../../src/budgets/sessions.ts'
import { createUsual } from '../../src/budgets/usual.ts'
import { createCalendar } from '../../src/calendar.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import type { Action, Correction, Entry, Usage } from '../../src/usage.ts'
import { DAY, T0, usage } from '../support/entries.ts'
import { openLedger, scratch, SMALL_BOUNDS } from '../support/ledger.ts'
import { sessionsOf } from './memory-ledger.ts'
import { LADDER, limited, policyOf } from './support.ts'

const ZONE = 'Europe/Berlin'
const calendar = createCalendar(ZONE)
const MUCH = 10n ** 15n
const ladders = { day: limited(MUCH, { period: 'day' }), week: limited(MUCH, { period: 'week' }), month: limited(MUCH) }

/** Every scope has a budget over every period somewhere among these. */
const POLICIES = (['day', 'week', 'month'] as const).map((period) =>
  policyOf(
    MUCH,
    {
      customer: { ...LADDER, period },
      tenantDay: ladders.day,
      agent: ladders[period],
      tiers: { tier_1: ladders[period], tier_2: ladders[period] },
      global: Object.values(ladders),
      unknownCustomers: ladders[period],
      session: { limit: MUCH, warn: null, tokensPerMinute: null, calls: null },
    },
    { timezone: ZONE },
  ),
)

const CUSTOMERS = ['acme', 'globex', "o'hara", 'unattributed']
const maybe = (...names: string[]) => fc.constantFrom(null, ...names)
const NOW = T0 + 20 * DAY + 40_000_000

const anyUsage: fc.Arbitrary<Usage> = fc
  .record({
    id: fc.nat(80),
    customer: fc.constantFrom(...CUSTOMERS),
    tier: maybe('tier_1', 'tier_2'),
    session: maybe('s1', 's2'),
    agent: maybe('nightly', 'importer'),
    status: fc.constantFrom('success', 'success', 'failed', 'blocked', 'rejected', 'cancelled'),
    nanos: fc.option(fc.bigInt({ min: 0n, max: 3_000_000_000_000n }), { nil: null }),
  })
  .map(({ id, nanos, ...over }) =>
    usage(`key${id}`, {
      ...over,
      start: NOW - Math.round(id * 0.9 * DAY),
      status: over.status as Usage['status'],
      basis: nanos === null ? 'unpriced' : 'priced',
      cost: nanos,
    }),
  )

const anyCorrection: fc.Arbitrary<Correction> = fc
  .tuple(anyUsage, fc.bigInt({ min: -1_000_000n, max: 1_000_000n }), fc.constantFrom(-1, 0, 1), fc.nat(99))
  .map(([{ kind: _, ...event }, cost, calls, n]) => ({
    ...event,
    kind: 'correction',
    key: `correction ${n}`,
    of: event.key,
    reason: 'price changed',
    by: 'test',
    basis: 'priced',
    calls,
    tokens: {},
    cost,
  }))

const anyAction: fc.Arbitrary<Action> = fc
  .record({
    n: fc.nat(20),
    agent: fc.constantFrom('nightly', 'importer'),
    what: fc.constantFrom('pause', 'unpause', 'budget', 'reset'),
  })
  .map(({ n, agent, what }) => ({
    kind: 'action',
    version: 1,
    key: `action ${n}`,
    subject: `agent:${agent}`,
    action: what,
    by: 'ada',
    reason: 'x',
    at: NOW,
    details: { limit: '5', period_start: String(calendar.dayStart(calendar.day(NOW))), spent: '3' },
  }))

const anyEntry: fc.Arbitrary<Entry> = fc.oneof(
  { weight: 8, arbitrary: anyUsage },
  { weight: 2, arbitrary: anyCorrection },
  { weight: 1, arbitrary: anyAction },
)

type Step =
  | { do: 'append'; entries: Entry[][] }
  | { do: 'restart' }
  | { do: 'load' }
  | { do: 'retire'; age: number }
  | { do: 'wait'; days: number }

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .array(fc.array(anyEntry, { maxLength: 15 }), { minLength: 1, maxLength: 3 })
      .map((entries): Step => ({ do: 'append', entries })),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'restart' }) },
  { weight: 2, arbitrary: fc.constant<Step>({ do: 'load' }) },
  // What is folded away is older than all that a running period or session can hold.
  { weight: 1, arbitrary: fc.integer({ min: 70, max: 90 }).map((age): Step => ({ do: 'retire', age })) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 9 }).map((days): Step => ({ do: 'wait', days })) },
)

/** Folds of all policies that follow one ledger. */
interface Following {
  readonly folds: readonly BudgetFold[]
  seq: number
  close(): Promise<void>
}

async function follow(ledger: Ledger, now: () => number): Promise<Following> {
  const { state, seq } = await budgetLedger(ledger, calendar).load(now(), [])
  const folds = POLICIES.map((policy) => {
    const fold = createFold({
      budgets: compileBudgets(policy),
      calendar,
      usual: createUsual(),
      now,
      held: () => 0n,
      onReached: () => undefined,
      onSpent: () => undefined,
      onAgent: () => undefined,
    })
    fold.load(state)
    return fold
  })
  const following: Following = { folds, seq, close: async () => undefined }
  const close = ledger.follow(seq + 1, (batch) => {
    for (const fold of folds) fold.apply(batch)
    following.seq = batch.at(-1)?.seq ?? following.seq
  })
  return Object.assign(following, { close })
}

/** All that a fold says of those who called, as the budgets ask for it. */
function said({ folds }: Following, now: number): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [i, { meters, agents }] of folds.entries()) {
    for (const customer of CUSTOMERS)
      for (const tier of [null, 'tier_1', 'tier_2'])
        for (const agent of ['nightly', 'importer'])
          for (const meter of meters.of({ customer, tier, agent, session: null }, now))
            found[`${i} ${meter.key}`] = String(meters.spent(meter))
    for (const customer of CUSTOMERS)
      for (const session of ['s1', 's2']) {
        const state = meters.sessions.get(customer, session, now)
        if (state && now - state.last <= SESSION_GAP_MS)
          found[`${i} session ${customer} ${session}`] = [state.first, state.last, state.spent, state.calls].join(' ')
      }
    for (const agent of ['nightly', 'importer']) found[`${i} agent ${agent}`] = agents.get(agent).paused ? 'paused' : ''
  }
  return found
}

/** The same by SQL over the events alone; what is folded away lies before every period that is asked for. */
async function bySql(ledger: Ledger, now: number): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  const asked = new Map<string, { meter: Meter; forgiven: bigint }>()
  const records = await ledger.read(1, 10_000)
  const agents = createAgents()
  for (const { entry } of records) if (entry.kind === 'action') agents.apply(entry)
  for (const [i, policy] of POLICIES.entries()) {
    const { of } = createMeters(compileBudgets(policy), calendar, agents)
    for (const customer of CUSTOMERS)
      for (const tier of [null, 'tier_1', 'tier_2'])
        for (const agent of ['nightly', 'importer'])
          for (const meter of of({ customer, tier, agent, session: null }, now)) {
            const { forgiven } = agents.get(meter.subject)
            const own = meter.budget.scope === 'agent' && forgiven?.periodStart === meter.start
            asked.set(`${i} ${meter.key}`, { meter, forgiven: own ? forgiven.amount : 0n })
          }
    for (const agent of ['nightly', 'importer']) found[`${i} agent ${agent}`] = agents.get(agent).paused ? 'paused' : ''
    const events = records.map(({ entry }) => entry).filter(({ kind }) => kind === 'usage' || kind === 'correction')
    for (const { customer, session, first, last, spent, calls } of sessionsOf(events as (Usage | Correction)[]))
      if (now - last <= SESSION_GAP_MS)
        found[`${i} session ${customer} ${session}`] = [first, last, spent, calls].join(' ')
  }
  const keys = [...asked.keys()]
  const columns = [...asked.values()].map(
    ({ meter }, n) => `coalesce(sum(e.cost) FILTER (WHERE ${whereOf(meter)}), 0)::BIGINT AS m${n}`,
  )
  const { state } = await ledger.snapshot((rows) =>
    rows(`SELECT ${columns.join(', ')} FROM event e JOIN name_set n ON n.id = e.names`),
  )
  for (const [n, key] of keys.entries())
    found[key] = String((state[0]?.[`m${n}`] as bigint) - (asked.get(key)?.forgiven ?? 0n))
  return found
}

function whereOf({ budget: { scope }, subject, start, end }: Meter): string {
  const text = subject.replaceAll("'", "''")
  const names = {
    global: 'true',
    session: 'false',
    tier: `n.tier = '${text}'`,
    customer: `e.customer = '${text}'`,
    tenant_day: `e.customer = '${text}'`,
    agent: `n.agent = '${text}'`,
    unknown_customers: `n.tier <> 'tier_1'`,
  }
  return `e.start >= ${start} AND e.start < ${end} AND ${names[scope]}`
}

it('says the same whether it followed every entry or began in between, and what SQL says of every scope and period, for any order of events, duplicates, corrections, retention and restarts', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 12 }), async (steps) => {
      const { path, remove } = await scratch()
      let now = NOW
      const open = () => openLedger(path, () => now, { bounds: SMALL_BOUNDS, calendar, rollUpAfter: 7 })
      let ledger = await open()
      let always = await follow(ledger, () => now)
      let cut = await follow(ledger, () => now)
      try {
        for (const step of steps) {
          if (step.do === 'wait') now += step.days * DAY
          else if (step.do === 'retire') await ledger.retire(calendar.day(now) - step.age)
          else if (step.do === 'load') {
            await cut.close()
            cut = await follow(ledger, () => now)
          } else if (step.do === 'restart') {
            await always.close()
            await cut.close()
            await ledger.close()
            ledger = await open()
            always = await follow(ledger, () => now)
            cut = await follow(ledger, () => now)
          } else await Promise.all(step.entries.map((entries) => ledger.append(entries)))
        }
        const fresh = await follow(ledger, () => now)
        // Whoever began between two entries hears of the rest a moment later.
        while (cut.seq < fresh.seq || always.seq < fresh.seq) await new Promise((resolve) => setImmediate(resolve))
        expect(said(always, now)).toEqual(said(fresh, now))
        expect(said(cut, now)).toEqual(said(fresh, now))
        const sql = await bySql(ledger, now)
        expect(said(fresh, now)).toEqual(sql)
        await fresh.close()
      } finally {
        await always.close()
        await cut.close()
        await ledger.close()
        await remove()
      }
    }),
    { numRuns: 40 },
  )
})
