import { nano } from '@marginwatch/pricing'
import { type BudgetRow, type CrossingRow, NO_BUDGETS } from '../../src/views/page/budget-model.ts'
import { type MarginModel, NO_MARGIN, NOTHING_COMPARED } from '../../src/views/page/margin-model.ts'
import type { Day, PageModel } from '../../src/views/page/model.ts'

export const NOW = Date.UTC(2026, 10, 22, 14, 2, 31)
const MINUTE = 60_000

/** Nothing known, nothing arrived. */
export const EMPTY: PageModel = {
  demo: false,
  now: NOW,
  timezone: 'UTC',
  spend: { today: null, week: null, month: null, todayCalls: null, monthCalls: null },
  byTier: [],
  byModel: [],
  days: [],
  topCustomers: [],
  topSessions: [],
  unpriced: { models: 0, calls: 0 },
  margin: NO_MARGIN,
  budgets: NO_BUDGETS,
  reconciliation: NOTHING_COMPARED,
  sources: [],
  ledger: { seq: 0, writable: true, reason: null },
  intake: { url: 'http://127.0.0.1:9464/v1/sources/litellm', keyed: false },
}

/** Three plans: one below its target, one of trials, one that earns. */
export const MARGIN: MarginModel = {
  total: {
    revenue: nano('20412.5'),
    revenueMonth: nano('27835.23'),
    modelCost: nano('11964.0583427'),
    infraCost: nano('311.2'),
    margin: nano('8137.2416573'),
    ratio: 0.3986,
  },
  tiers: [
    {
      tier: 'enterprise',
      revenue: nano('8400'),
      revenueMonth: nano('11454.55'),
      modelCost: nano('6591.9354427'),
      infraCost: nano('180.1'),
      margin: nano('1627.9645573'),
      ratio: 0.1938,
      target: 0.82,
      customers: 17,
      losing: 1,
      trial: 0,
    },
    {
      tier: 'pro',
      revenue: nano('12012.5'),
      revenueMonth: nano('16380.68'),
      modelCost: nano('4630.0042'),
      infraCost: nano('101'),
      margin: nano('7281.4958'),
      ratio: 0.6062,
      target: 0.6,
      customers: 388,
      losing: 4,
      trial: 12,
    },
    {
      tier: 'free',
      revenue: 0n,
      revenueMonth: 0n,
      modelCost: nano('742.1187'),
      infraCost: nano('30.1'),
      margin: nano('-772.2187'),
      ratio: null,
      target: null,
      customers: 1_204,
      losing: 1_204,
      trial: 0,
    },
  ],
  losing: [
    {
      customer: 'northwind-logistics',
      tier: 'enterprise',
      revenue: nano('1466.67'),
      cost: nano('2290.42'),
      margin: nano('-823.75'),
    },
    { customer: 'globex', tier: 'pro', revenue: nano('35.93'), cost: nano('206.11'), margin: nano('-170.18') },
  ],
  losers: 1_209,
  customers: 1_607,
  infra: { total: nano('324.9'), unallocated: nano('13.7'), unknown: null },
  forecast: { low: nano('15220'), expected: nano('16310.5'), high: nano('17802') },
  forecastMargin: { low: nano('9610'), expected: nano('11102.25'), high: nano('12190') },
  noForecast: null,
}

/** A company in the middle of its month. */
export const FULL: PageModel = {
  ...EMPTY,
  spend: {
    today: nano('412.735218'),
    week: nano('3108.21904'),
    month: nano('11964.0583427'),
    todayCalls: 18_204,
    monthCalls: 541_877,
    yesterday: nano('598.4471'),
    lastMonth: nano('14210.99'),
  },
  byTier: [
    { tier: 'free', today: nano('21.4183'), month: nano('742.1187'), calls: 98_211, customers: 1_204 },
    { tier: 'pro', today: nano('160.2244'), month: nano('4630.0042'), calls: 251_020, customers: 388 },
    { tier: 'enterprise', today: nano('231.0925'), month: nano('6591.9354427'), calls: 192_646, customers: 17 },
  ],
  byModel: [
    model('claude-sonnet-4-5', 'anthropic', '5210.11', 0.4355, 120_444, 1_210_334_512),
    model('gpt-4o', 'openai', '4102.9981', 0.3429, 180_011, 980_221_100),
    model('gemini-2.5-flash', 'vertex_ai', '1800.5', 0.1505, 190_000, 2_410_000_000),
    model('gpt-4o-mini', 'openai', '850.4502427', 0.0711, 50_902, 420_118_221),
    model('text-embedding-3-small', 'openai', '0.004217', 0.0000003, 520, 210_850),
    { model: 'acme/llama-70b-private', provider: 'hosted_vllm', month: null, share: null, calls: 42, tokens: 91_202 },
  ],
  days: days(30),
  topCustomers: [
    customer('northwind-logistics', 'enterprise', '2204.1183', 40_113, '2000'),
    customer('contoso-health', 'enterprise', '1377.2', 31_882, '4000'),
    customer('initech', 'enterprise', '912.75', 20_004, '4000'),
    customer('org_01HZX5B7S0Q3N9W8E6T4R2Y1U0', 'pro', '311.4', 12_010, '49'),
    customer('globex', 'pro', '202.0042', 9_120, '49'),
    customer('hooli', 'pro', '44.91', 3_300, '49'),
    customer('umbrella', 'pro', '31.2', 2_010, '49'),
    customer('stark', 'pro', '12.118', 1_400, '49'),
    customer('unattributed', null, '9.0021', 811, null),
    customer('tiny-startup', 'free', '4.73', 602, '0'),
  ],
  topSessions: Array.from({ length: 10 }, (_, i) => ({
    session: i % 3 === 0 ? `3f2b8c1e-7a44-4d19-9c0${i}-58f1d2e6ab7${i}` : `refactor-billing-${i}`,
    customer: i % 2 === 0 ? 'northwind-logistics' : 'globex',
    cost: nano('18.4') / BigInt(i * i * 40 + 1),
    calls: 410 - i * 37,
    start: NOW - (i * 90 + 40) * MINUTE,
    last: NOW - i * 11 * MINUTE,
  })),
  margin: MARGIN,
  quality: {
    tools: [
      { tool: 'search_knowledge_base', calls: 18_204, failed: 41 },
      { tool: 'run_sql', calls: 9_310, failed: 1_204 },
      { tool: 'send_mail', calls: 640, failed: 0 },
      { tool: null, calls: 3, failed: 3 },
    ],
    scores: [
      { score: 'helpfulness', count: 4_120, average: 0.8231 },
      { score: 'hallucination', count: 980, average: 0.0412 },
    ],
  },
  reconciliation: {
    days: { first: '2026-11-15', last: '2026-11-21' },
    rows: [
      {
        day: '2026-11-20',
        model: 'gpt-4o',
        here: nano('190.12'),
        there: nano('181.7'),
        missingHere: 0,
        missingThere: 41,
        price: 3,
        tokens: 0,
        dayBoundary: 1,
      },
    ],
    agreeing: 34,
  },
  budgets: {
    nearLimit: [
      budget({
        customer: 'northwind-logistics',
        tier: 'enterprise',
        limit: '2200',
        spent: '2204.1183',
        doing: 'block',
      }),
      budget({
        customer: 'org_01HZX5B7S0Q3N9W8E6T4R2Y1U0',
        tier: 'pro',
        limit: '320',
        spent: '311.4',
        held: '1.2',
        doing: 'degrade',
        next: [10_000, 'block'],
      }),
      budget({
        scope: 'tenant_day',
        period: 'day',
        customer: 'globex',
        tier: 'pro',
        limit: '10',
        spent: '9.2042',
        held: '0.6112',
        doing: 'degrade',
        next: [10_000, 'block'],
      }),
      budget({ scope: 'agent', agent: 'support', limit: '50', spent: '45.75', next: [10_000, 'notify'] }),
      budget({ scope: 'global', limit: '14000', spent: '11964.0583427', held: '12.5', next: [9_000, 'notify'] }),
      budget({ scope: 'tier', tier: 'free', limit: '900', spent: '742.1187', next: [9_500, 'degrade'] }),
      budget({ scope: 'unknown_customers', period: 'day', limit: '5', spent: '4.01' }),
    ],
    leftOut: 31,
    crossings: [
      crossed(3, {
        scope: 'customer',
        subject: 'northwind-logistics',
        threshold: 10_000,
        spent: '2200.0411',
        limit: '2200',
        action: 'block',
      }),
      crossed(41, {
        scope: 'session',
        subject: 'globex/refactor-billing-4',
        session: 'refactor-billing-4',
        threshold: 10_000,
        spent: '0.5012',
        limit: '0.5',
        action: 'block',
      }),
      crossed(95, {
        scope: 'global',
        subject: '',
        name: 'high_daily_cost',
        threshold: 10_000,
        spent: '400.2',
        limit: '400',
        action: 'notify',
      }),
      crossed(1_700, {
        scope: 'customer',
        subject: 'org_01HZX5B7S0Q3N9W8E6T4R2Y1U0',
        threshold: 9_500,
        spent: '304.0002',
        limit: '320',
        action: 'degrade',
      }),
      crossed(1_900, {
        scope: 'agent',
        subject: 'support',
        threshold: 9_000,
        spent: '45.0219',
        limit: '50',
        action: 'notify',
      }),
    ],
    agents: [
      { agent: 'support', paused: null, spent: nano('45.75'), limit: nano('50') },
      { agent: 'nightly-report', paused: null, spent: nano('3.1'), limit: null },
    ],
    stopped: [
      {
        session: 'refactor-billing-4',
        customer: 'globex',
        at: NOW - 41 * MINUTE,
        spent: nano('0.5012'),
        limit: nano('0.5'),
      },
    ],
    runawaySessions: 2,
    undecided: 0,
    unsettled: 0,
  },
  sources: [
    { name: 'litellm', state: 'ok', since: null, lastSuccess: NOW - 2_000, detail: null },
    { name: 'litellm-poll', state: 'ok', since: null, lastSuccess: NOW - 21_000, detail: null },
  ],
  ledger: { seq: 1_204_118, writable: true, reason: null },
}

/** Everything that can be wrong, at once. */
export const TROUBLED: PageModel = {
  ...FULL,
  demo: true,
  unpriced: { models: 1, calls: 42 },
  budgets: {
    ...FULL.budgets,
    agents: [
      {
        agent: 'invoice-matcher',
        paused: {
          since: NOW - 17 * MINUTE,
          by: 'marginwatch',
          trace: '0af7651916cd43dd8448eb211c80319c',
          reason: 'reached 110 % of its limit in one night: it asked the same question 4,112 times',
        },
        spent: nano('55.0112'),
        limit: nano('50'),
      },
      ...FULL.budgets.agents,
    ],
    undecided: 12,
    unsettled: 1,
  },
  sources: [
    {
      name: 'litellm',
      state: 'silent',
      since: NOW - 5 * MINUTE,
      lastSuccess: NOW - 35 * MINUTE,
      detail: 'No call for 35 min; usually one every 4 s.',
    },
    {
      name: 'litellm-second',
      state: 'degraded',
      since: NOW - 9 * MINUTE,
      lastSuccess: NOW - 1_000,
      detail: 'the gateway still holds records that are more than ten minutes old',
    },
    {
      name: 'langfuse',
      state: 'failing',
      since: NOW - 50 * MINUTE,
      lastSuccess: null,
      detail: 'Answered 401: the key is not accepted.',
    },
    {
      name: 'litellm-poll',
      state: 'catching up',
      since: NOW - 2 * MINUTE,
      lastSuccess: NOW - 1_000,
      detail: '12 of 30 days read.',
    },
  ],
  ledger: { seq: 1_204_118, writable: false, reason: 'No space is left on the disk of the data directory.' },
}

function model(name: string, provider: string, month: string, share: number, calls: number, tokens: number) {
  return { model: name, provider, month: nano(month), share, calls, tokens }
}

function customer(name: string, tier: string | null, month: string, calls: number, price: string | null) {
  return { customer: name, tier, month: nano(month), calls, price: price === null ? null : nano(price) }
}

/** Work days are dearer than weekends; always the same. */
function days(n: number): Day[] {
  return Array.from({ length: n }, (_, i) => {
    const time = new Date(NOW - (n - 1 - i) * 24 * 60 * MINUTE)
    const weight = [1, 6, 7, 8, 7, 6, 2][time.getUTCDay()] ?? 1
    const unit = nano('9.137') * BigInt(weight) * BigInt(8 + ((i * 7) % 5))
    const cost = new Map<string | null, bigint>([
      ['free', unit / 12n],
      ['pro', unit / 3n],
      ['enterprise', unit / 2n],
    ])
    return { date: time.toISOString().slice(0, 10), cost }
  })
}

interface BudgetText extends Partial<Omit<BudgetRow, 'limit' | 'spent' | 'held' | 'next'>> {
  readonly limit: string
  readonly spent: string
  readonly held?: string
  readonly next?: readonly [at: number, action: string]
}

function budget({ limit, spent, held = '0', next, ...over }: BudgetText): BudgetRow {
  return {
    scope: 'customer',
    period: 'month',
    customer: null,
    agent: null,
    tier: null,
    resetAt: over.period === 'day' ? Date.UTC(2026, 10, 23) : Date.UTC(2026, 11, 1),
    doing: null,
    threshold: 8_000,
    ...over,
    limit: nano(limit),
    spent: nano(spent),
    held: nano(held),
    next: next === undefined ? null : { do: next[1], amount: (nano(limit) * BigInt(next[0])) / 10_000n },
  }
}

type CrossedText = Pick<CrossingRow, 'scope' | 'subject' | 'threshold' | 'action'> &
  Partial<Pick<CrossingRow, 'session' | 'name'>> & { readonly spent: string; readonly limit: string }

function crossed(minutes: number, { spent, limit, ...over }: CrossedText): CrossingRow {
  const common = { at: NOW - minutes * MINUTE, session: null, name: '', period: 'month' }
  return { ...common, ...over, spent: nano(spent), limit: nano(limit) }
}
