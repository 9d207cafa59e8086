import { nano } from '@marginwatch/pricing'
import { describe, expect, it } from 'vitest'
import { createCalendar, type Calendar } from '../../src/calendar.ts'
import { createMarginFold, type MarginDeps, openMargin, readMonth } from '../../src/margin/fold.ts'
import type { CustomerMargin, TierMargin } from '../../src/margin/figures.ts'
import { type MonthMargin, worst } from '../../src/margin/month.ts'
import type { Timeline } from '../../src/margin/timeline.ts'
import type { Correction, Entry, Metered, Usage } from '../../src/usage.ts'
import { usage } from '../support/entries.ts'
import { metered, type PlainLedger, plainLedger, plainTimeline } from './support.ts'

/**
 * One October, worked out by hand. It has 31 days; in Berlin the 25th has 25 hours.
 *
 *   plan    a month   a day
 *   tier_1  $31       $1
 *   tier_2  $93       $3
 *   tier_3  $199      $6.419354838709677…
 *
 *   customer  plan                                       days it pays for
 *   ada       tier_1 all along                           31
 *   bea       tier_2 from the 10th                       22 (10th to 31st)
 *   cid       tier_1 up to the 15th, tier_3 from the 16th  15 and 16
 *   dot       tier_2, leaves on the 20th                 19 (1st to 19th)
 *   eve       tier_1, free until the 10th                21 (11th to 31st)
 *   fay       tier_3 all along, known only from calls    31
 *   gus       tier_3 from the 28th, for $310 a month     4, at $10 a day
 */
const ZONES = ['UTC', 'Europe/Berlin'] as const
type Zone = (typeof ZONES)[number]

const OCTOBER = Date.UTC(2026, 9, 1) / 86_400_000
const HOUR = 3_600_000

interface World {
  readonly calendar: Calendar
  /** A moment of October by day of the month and hours after that day's begin. */
  readonly at: (day: number, hours?: number) => number
  readonly timeline: Timeline
}

function world(zone: Zone): World {
  const calendar = createCalendar(zone)
  const at = (day: number, hours = 0) => calendar.dayStart(OCTOBER + day - 1) + hours * HOUR
  const november = at(32)
  const timeline = plainTimeline(
    {
      ada: [{ tier: 'tier_1' }],
      bea: [{ tier: 'tier_2', from: at(10) }],
      cid: [
        { tier: 'tier_1', to: at(16) },
        { tier: 'tier_3', from: at(16) },
      ],
      dot: [{ tier: 'tier_2', to: at(20) }],
      eve: [
        { tier: 'tier_1', to: at(11), price: 0n, trial: true, origin: 'rest' },
        { tier: 'tier_1', from: at(11), origin: 'rest' },
      ],
      fay: [{ tier: 'tier_3', from: at(1), origin: 'traffic' }],
      gus: [{ tier: 'tier_3', from: at(28), price: nano(310) }],
    },
    {
      // From November on the smallest plan costs twice as much.
      tier_1: [
        { to: november, price: nano(31) },
        { from: november, price: nano(62) },
      ],
      tier_2: [{ price: nano(93) }],
      tier_3: [{ price: nano(199) }],
    },
  )
  return { calendar, at, timeline }
}

type Call = [day: number, hours: number, customer: string, tier: string | null, tokens: number, cost: string | null]

const CALLS: readonly Call[] = [
  [1, 9, 'ada', 'tier_1', 3_000, '0.60'], // corrected by −0.20 on the 20th
  [1, 10, 'cid', 'tier_1', 1_000, '2.50'],
  [1, 11, 'fay', 'tier_3', 4_000, '9'],
  [1, 12, 'unattributed', null, 2_000, '0.15'],
  [2, 8, 'ada', 'tier_1', 1_000, '0.10'],
  [2, 8, 'dot', 'tier_2', 1_000, '4'],
  [2, 8, 'eve', 'tier_1', 1_000, '0.30'],
  [9, 10, 'dot', 'tier_2', 500, null],
  [12, 10, 'bea', 'tier_2', 10_000, '40'],
  [15, 23.99, 'cid', 'tier_1', 100, '1'],
  [16, 0, 'cid', 'tier_3', 100, '5'],
  [30, 10, 'fay', 'tier_3', 1_000, '250'],
]

/** Half past ten in the evening before October, UTC: in Berlin that is the 1st. An hour and a month later it is the other way round. */
const BEFORE = usage('before', { customer: 'ada', start: Date.UTC(2026, 8, 30, 22, 30), tokens: {}, cost: nano(7) })
const AFTER = usage('after', { customer: 'ada', start: Date.UTC(2026, 9, 31, 23, 30), tokens: {}, cost: nano(11) })

type Amount = [day: number, hours: number, service: string, meter: Metered['meter'], cost: string]

/** Containers of two days. Grafana is kept apart. */
const CONTAINERS: readonly Amount[] = [
  [1, 6, 'exporter', 'cpu', '0.80'],
  [1, 6, 'exporter', 'memory', '0.20'],
  [1, 6, 'grafana', 'cpu', '0.07'],
  [2, 6, 'exporter', 'cpu', '0.50'],
  [2, 6, 'grafana', 'memory', '0.03'],
  [2, 18, 'exporter', 'memory', '0.25'],
]

function entriesOf({ at }: World): Entry[] {
  const calls = CALLS.map(([day, hours, customer, tier, tokens, cost], i) =>
    usage(`call ${i}`, {
      customer,
      tier,
      start: at(day, hours),
      tokens: { input: tokens },
      cost: cost === null ? null : nano(cost),
      basis: cost === null ? 'unpriced' : 'gateway',
    }),
  )
  const containers = CONTAINERS.map(([day, hours, service, meter, cost], i) =>
    metered(`container ${i}`, { start: at(day, hours), service, meter, cost: nano(cost) }),
  )
  return [...calls, BEFORE, AFTER, ...containers]
}

/** The first call was dearer on the bill than it was. */
function correctionOf({ at }: World): Correction {
  const { kind: _, ...call } = usage('call 0', { customer: 'ada', start: at(1, 9) })
  const said = { of: 'call 0', reason: 'price was too high', by: 'ada', calls: 0, tokens: {}, cost: nano('-0.20') }
  return { ...call, ...said, kind: 'correction', key: 'correction' }
}

const startOf = (entry: Entry) => (entry as Usage | Metered).start

/** Hands over what has happened by a moment; the correction is known from noon of the 20th on. */
function play(ledger: PlainLedger, place: World, until: number): void {
  ledger.append(entriesOf(place).filter((entry) => startOf(entry) <= until))
  if (until >= place.at(20, 12)) ledger.append([correctionOf(place)])
}

const TARGETS = { tier_1: { target: 8_000 }, tier_2: { target: 6_500 }, tier_3: { target: null } }
const RULES = { margin: { allocate: 'tokens', keep: ['grafana'] }, tiers: TARGETS } as const

function depsOf({ calendar, timeline }: World, now: () => number): MarginDeps {
  return { calendar, now, timeline: () => timeline, policy: () => RULES, missing: () => null }
}

/** The month as followed from its begin, which is as a restart shows it and as the ledger says it. */
async function seenAt(place: World, moment: number): Promise<MonthMargin> {
  const ledger = plainLedger(place.calendar)
  let now = place.at(1)
  const deps = depsOf(place, () => now)
  const followed = await openMargin(ledger, deps)
  const steps = [2, 10, 16, 21, 31, 32].map((day) => place.at(day)).filter((step) => step < moment)
  for (const step of [...steps, moment]) {
    now = step
    play(ledger, place, now)
    followed.month()
  }
  const seen = followed.month()
  const restarted = await openMargin(ledger, deps)
  const read = await readMonth(ledger, deps, place.calendar.day(moment))
  expect(restarted.month()).toEqual(seen)
  expect(read).toEqual(seen)
  expect([...restarted.infraTotals()]).toEqual(followed.infraTotals())
  await followed.close()
  await restarted.close()
  return read
}

const dollars = (amount: string) => nano(amount)

/** Of a plan: what is paid so far and for the month, model cost, infrastructure, margin, ratio in millionths. */
function money(
  one: Pick<TierMargin, 'revenueAccrued' | 'revenueMonth' | 'modelCost' | 'infraCost' | 'margin' | 'ratio'>,
) {
  const { revenueAccrued, revenueMonth, modelCost, infraCost, margin, ratio } = one
  return [revenueAccrued, revenueMonth, modelCost, infraCost, margin, ratio]
}

function tierIn({ tiers }: MonthMargin, name: string): TierMargin {
  const found = tiers.find(({ tier }) => tier === name)
  if (!found) throw new Error(`no ${name}`)
  return found
}

const row = (...[accrued = '', month = '', model = '', infra = '', margin = '', ratio]: (string | bigint | null)[]) => [
  ...[accrued, month, model, infra, margin].map((amount) => dollars(String(amount))),
  ratio,
]

/** Margin and state of each customer and plan. */
function customersIn({ customers }: MonthMargin): Record<string, [bigint | null, CustomerMargin['state']]> {
  return Object.fromEntries(
    customers.map(({ customer, tier, margin, state }) => [`${customer} ${tier}`, [margin, state]]),
  )
}

describe.each(ZONES)('a month worked out by hand, in %s', (zone) => {
  const place = world(zone)
  const { at } = place
  const berlin = zone === 'Europe/Berlin'

  it('is right at noon of its second day, of which half is gone by', async () => {
    const month = await seenAt(place, at(2, 12))
    // Gone by: 1.5 days. ada 1.50, cid 1.50, eve nothing yet: 3. Month: ada 31 + cid 15 + eve 21 = 67.
    // Model: ada 0.60 + 0.10, cid 2.50, eve 0.30 = 3.50; in Berlin the 7 of the night before too.
    // Infrastructure: the 1st has 1.00 for 10,000 tokens: ada 0.30, cid 0.10. The 2nd has 0.50 so far for 3 × 1,000 tokens:
    // 0.166666666 each, and 2 nano-dollars left for the first two names: ada 0.166666667, dot 0.166666667, eve 0.166666666.
    // tier_1: 0.30 + 0.166666667 + 0.10 + 0.166666666 = 0.733333333. 3 − 3.5 − 0.733333333 = −1.233333333; ÷ 3 = −0.4111111…
    const tier1 = berlin
      ? row('3', '67', '10.5', '0.733333333', '-8.233333333', -2_744_445n)
      : row('3', '67', '3.5', '0.733333333', '-1.233333333', -411_112n)
    expect(money(tierIn(month, 'tier_1'))).toEqual(tier1)
    // dot 1.5 × 3 = 4.50; bea not yet. Month: bea 66 + dot 57. 4.5 − 4 − 0.166666667; ÷ 4.5 = 0.0740740…
    expect(money(tierIn(month, 'tier_2'))).toEqual(row('4.5', '123', '4', '0.166666667', '0.333333333', 74_074n))
    // fay 199 × 1.5 ÷ 31 = 298.5 ÷ 31 = 9.629032258. Month: fay 199 + cid 199 × 16 ÷ 31 = 102.709677419 + gus 40.
    // Infrastructure: 0.40 of the 1st. 9.629032258 − 9 − 0.4; ÷ 9.629032258 = 0.0237855…
    expect(money(tierIn(month, 'tier_3'))).toEqual(
      row('9.629032258', '341.709677419', '9', '0.4', '0.229032258', 23_785n),
    )
    // Calls of nobody known: no revenue, so no ratio.
    expect(money(tierIn(month, 'unattributed'))).toEqual(row('0', '0', '0.15', '0.2', '-0.35', null))
    // All: 3 + 4.5 + 9.629032258. Infrastructure with 0.07 + 0.03 of Grafana: 1.60.
    const whole = berlin
      ? row('17.129032258', '531.709677419', '23.65', '1.6', '-8.120967742', -474_106n)
      : row('17.129032258', '531.709677419', '16.65', '1.6', '-1.120967742', -65_443n)
    expect(money(month.whole)).toEqual(whole)
    expect(month.infra).toEqual({
      total: dollars('1.6'),
      allocated: dollars('1.5'),
      unallocated: dollars('0.1'),
      unknown: null,
    })
    expect(month.assumed).toEqual({ customers: 1, of: 5 })
    expect(customersIn(month)).toEqual({
      // 1.5 − 0.7 − 0.466666667, in Berlin 7 less
      'ada tier_1': berlin ? [dollars('-6.666666667'), 'losing'] : [dollars('0.333333333'), 'earning'],
      'cid tier_1': [dollars('-1.1'), 'losing'],
      'eve tier_1': [dollars('-0.466666666'), 'trial'],
      'dot tier_2': [dollars('0.333333333'), 'earning'],
      'fay tier_3': [dollars('0.229032258'), 'earning'],
      'unattributed unattributed': [dollars('-0.35'), 'nobody'],
      'bea tier_2': [0n, 'coming'],
      'cid tier_3': [0n, 'coming'],
      'gus tier_3': [0n, 'coming'],
    })
    expect(tierIn(month, 'tier_1')).toMatchObject(
      berlin ? { customers: 3, earning: 0, losing: 2, trial: 1 } : { customers: 3, earning: 1, losing: 1, trial: 1 },
    )
    expect(tierIn(month, 'tier_3')).toMatchObject({ customers: 1, earning: 1, assumed: 1, target: null })
    // 4.5 ÷ 4
    expect(tierIn(month, 'tier_2')).toMatchObject({ returnOnSpend: 1_125_000n, target: 6_500, unpricedCalls: 0 })
    expect(tierIn(month, 'unattributed')).toMatchObject({ customers: 0, returnOnSpend: 0n })
  })

  it('counts twelve hours of the day on which clocks are set back as much of that day as they are', async () => {
    const month = await seenAt(place, at(25, berlin ? 13 : 12))
    // Berlin, noon: 13 of 25 hours, 24.52 days. UTC: 24.5 days. fay: 199 × 24.52 ÷ 31 = 4,879.48 ÷ 31, 199 × 24.5 ÷ 31 = 4,875.5 ÷ 31.
    const accrued = (name: string) => month.customers.find(({ customer }) => customer === name)?.revenueAccrued
    expect(accrued('ada')).toBe(dollars(berlin ? '24.52' : '24.5'))
    expect(accrued('fay')).toBe(dollars(berlin ? '157.402580645' : '157.274193548'))
  })

  it('is right on its last evening, of which a quarter is left', async () => {
    const month = await seenAt(place, at(31, 18))
    // 30.75 days. ada 30.75 + cid 15 + eve 20.75 (11th to 30th, and three quarters) = 66.50.
    // Model: ada 0.60 + 0.10 − 0.20, cid 2.50 + 1, eve 0.30 = 4.30. The 2nd has 0.75 in the end, 0.25 each.
    // Infrastructure: ada 0.30 + 0.25, cid 0.10, eve 0.25 = 0.90. 66.5 − 4.3 − 0.9 = 61.3; ÷ 66.5 = 0.92180451…
    const tier1 = berlin
      ? row('66.5', '67', '11.3', '0.9', '54.3', 816_541n)
      : row('66.5', '67', '4.3', '0.9', '61.3', 921_804n)
    expect(money(tierIn(month, 'tier_1'))).toEqual(tier1)
    // bea 21.75 × 3 = 65.25 + dot 57. 122.25 − 44 − 0.25 = 78; ÷ 122.25 = 0.6380368…; 122.25 ÷ 44 = 2.7784090…
    expect(money(tierIn(month, 'tier_2'))).toEqual(row('122.25', '123', '44', '0.25', '78', 638_036n))
    expect(tierIn(month, 'tier_2')).toMatchObject({
      customers: 2,
      earning: 2,
      returnOnSpend: 2_778_409n,
      unpricedCalls: 1,
    })
    // cid 199 × 15.75 ÷ 31 = 101.104838710 + fay 199 × 30.75 ÷ 31 = 197.395161290 + gus 37.50 = 336.
    // 336 − (5 + 259) − 0.4 = 71.6; ÷ 336 = 0.2130952…
    expect(money(tierIn(month, 'tier_3'))).toEqual(row('336', '341.709677419', '264', '0.4', '71.6', 213_095n))
    expect(tierIn(month, 'tier_3')).toMatchObject({ customers: 3, earning: 2, losing: 1, trial: 0, assumed: 1 })
    const whole = berlin
      ? row('524.75', '531.709677419', '319.45', '1.85', '203.45', 387_708n)
      : row('524.75', '531.709677419', '312.45', '1.85', '210.45', 401_048n)
    expect(money(month.whole)).toEqual(whole)
    expect(month.infra).toEqual({
      total: dollars('1.85'),
      allocated: dollars('1.75'),
      unallocated: dollars('0.1'),
      unknown: null,
    })
    expect(month.assumed).toEqual({ customers: 1, of: 7 })
    expect(customersIn(month)).toEqual({
      'ada tier_1': [dollars(berlin ? '22.7' : '29.7'), 'earning'], // 30.75 − 0.50 − 0.55
      'cid tier_1': [dollars('11.4'), 'earning'], // 15 − 3.50 − 0.10
      'eve tier_1': [dollars('20.2'), 'earning'], // 20.75 − 0.30 − 0.25
      'dot tier_2': [dollars('52.75'), 'earning'], // 57 − 4 − 0.25
      'bea tier_2': [dollars('25.25'), 'earning'], // 65.25 − 40
      'cid tier_3': [dollars('96.10483871'), 'earning'], // 101.10483871 − 5
      'fay tier_3': [dollars('-62.00483871'), 'losing'], // 197.39516129 − 259 − 0.40
      'gus tier_3': [dollars('37.5'), 'earning'],
      'unattributed unattributed': [dollars('-0.35'), 'nobody'],
    })
    expect(worst(month.customers, 2).map(({ customer, margin }) => [customer, margin])).toEqual([
      ['fay', dollars('-62.00483871')],
      ['unattributed', dollars('-0.35')],
    ])
  })

  it('stays as it was when it is over, whatever the plans cost from then on', async () => {
    const ledger = plainLedger(place.calendar)
    const now = at(47) // 16 November, 00:00
    play(ledger, place, now)
    const deps = depsOf(place, () => now)
    const october = await readMonth(ledger, deps, OCTOBER + 14)
    // All of it is accrued. In UTC the 11 of the last half hour came in.
    const tier1 = berlin
      ? row('67', '67', '11.3', '0.9', '54.8', 817_910n) // 54.8 ÷ 67
      : row('67', '67', '15.3', '0.9', '50.8', 758_208n) // 50.8 ÷ 67
    expect(money(tierIn(october, 'tier_1'))).toEqual(tier1)
    expect(money(tierIn(october, 'tier_2'))).toEqual(row('123', '123', '44', '0.25', '78.75', 640_243n))
    // 341.709677419 − 264 − 0.4 = 77.309677419
    expect(money(tierIn(october, 'tier_3'))).toEqual(
      row('341.709677419', '341.709677419', '264', '0.4', '77.309677419', 226_243n),
    )
    expect(october.at).toBe(october.to)

    // Half of November, with the new price: ada 62 × 15 ÷ 30 = 31, eve 31. In Berlin the 11 of November's first half hour is ada's.
    const november = await seenAt(place, now)
    const tier1InNovember = berlin
      ? row('62', '124', '11', '0', '51', 822_580n)
      : row('62', '124', '0', '0', '62', 1_000_000n)
    expect(money(tierIn(november, 'tier_1'))).toEqual(tier1InNovember)
    // bea 93 ÷ 2. dot has left.
    expect(money(tierIn(november, 'tier_2'))).toEqual(row('46.5', '93', '0', '0', '46.5', 1_000_000n))
    // cid and fay 199 ÷ 2 each, gus 310 ÷ 2.
    expect(money(tierIn(november, 'tier_3'))).toEqual(row('354', '708', '0', '0', '354', 1_000_000n))
    expect(tierIn(november, 'tier_2')).toMatchObject({ customers: 1, returnOnSpend: null })
  })
})

describe('infrastructure that is not all known', () => {
  const place = world('UTC')
  const moment = place.at(31, 18)
  const read = async (missing: string | null, more: Entry[] = []) => {
    const ledger = plainLedger(place.calendar)
    play(ledger, place, moment)
    ledger.append(more)
    const deps = { ...depsOf(place, () => moment), missing: () => missing }
    return readMonth(ledger, deps, OCTOBER)
  }

  it('leaves the margin before it, called partial, and none that looks whole', async () => {
    const month = await read('nothing was metered for 2 hours')
    expect(month.infra).toEqual({
      total: dollars('1.85'),
      allocated: dollars('1.75'),
      unallocated: dollars('0.1'),
      unknown: 'nothing was metered for 2 hours',
    })
    // 66.5 − 4.3 = 62.2; ÷ 66.5 = 0.93533834…
    expect(tierIn(month, 'tier_1')).toMatchObject({
      infraCost: null,
      margin: null,
      marginBeforeInfra: dollars('62.2'),
      ratio: 935_338n,
      partial: true,
    })
    expect(month.whole).toMatchObject({ infraCost: null, margin: null, partial: true })
    for (const one of month.customers) expect([one.infraCost, one.margin]).toEqual([null, null])
    // By the margin before it: 197.39516129 − 259.
    expect(tierIn(month, 'tier_3')).toMatchObject({ earning: 2, losing: 1 })
  })

  it('is also what was metered without a rate', async () => {
    const amounts = [1, 2].map((i) => metered(`no rate ${i}`, { start: place.at(3), cost: null }))
    expect((await read(null, amounts)).infra.unknown).toBe('2 metered amounts have no known cost (cpu)')
    expect((await read('nothing was metered for 1 day', amounts.slice(1))).infra.unknown).toBe(
      'nothing was metered for 1 day; 1 metered amount has no known cost (cpu)',
    )
    expect(tierIn(await read(null, amounts), 'tier_1').margin).toBeNull()
  })

  it('makes the page absent before the month that was loaded, and is asked for the month so far', async () => {
    const asked: number[][] = []
    let now = moment
    const fold = createMarginFold({
      ...depsOf(place, () => now),
      missing: (from, to) => {
        asked.push([from, to])
        return null
      },
    })
    fold.month()
    expect(asked).toEqual([[place.at(1), moment]])
    now = place.at(0)
    expect(fold.month()).toBeNull()
  })
})
