import { afterEach, describe, expect, it } from 'vitest'
import type { Timeline } from '../../src/roster/timeline.ts'
import { UNATTRIBUTED } from '../../src/usage.ts'
import { usage } from '../support/entries.ts'
import { eventually } from '../support/eventually.ts'
import { NOVEMBER, NOW, OCTOBER, openStage, type Stage, TIERS, TODAY } from './stage.ts'

let stage: Stage
afterEach(() => stage.close())

const DAY = 86_400_000
const USD = 1_000_000_000n
const HEAD = 'id,tier,from,to,price_usd,trial_until\n'
const tier = (customer: string, at = NOW, timeline: Timeline = stage.roster.timeline) =>
  timeline.at(customer, at)?.tier ?? null
const customers = (...entries: string[]) => `customers: [${entries.map((entry) => `{ ${entry} }`).join(', ')}]\n`
const call = (key: string, customer: string, start: number, tier: string | null = 'tier_1') =>
  usage(key, { customer, start, tier })

describe('What the policy file says first', () => {
  it('holds for all time, its trials and own prices, with the prices of the plans', async () => {
    stage = await openStage(
      `${TIERS.replace('price_usd: 99', 'price_usd: [{ usd: 99 }, { from: 2026-12-01, usd: 109 }]')}${customers(
        'id: acme, tier: tier_2, from: 2026-01-01, to: 2026-11-20, price_usd: 39, trial_until: 2026-02-01',
        'id: beta, tier: tier_1',
      )}`,
    )
    const { timeline } = stage.roster
    const [january, february, end] = [Date.UTC(2026, 0, 1), Date.UTC(2026, 1, 1), Date.UTC(2026, 10, 20)]
    const acme = { tier: 'tier_2', origin: 'file' }
    expect(timeline.segments('acme', 0, NOW)).toEqual([
      { ...acme, from: january, to: february, price: 0n, trial: true },
      { ...acme, from: february, to: end, price: 39n * USD, trial: false },
    ])
    expect([tier('acme', january - 1), tier('acme', end), tier('beta', 0)]).toEqual([null, null, 'tier_1'])
    expect([timeline.planPrice('tier_2', 0), timeline.planPrice('tier_2', Date.UTC(2026, 11, 1))]).toEqual([
      99n * USD,
      109n * USD,
    ])
    expect(stage.roster.notes()).toEqual([])
  })

  it('counts from its own dates also when it comes long after the first start', async () => {
    stage = await openStage()
    await stage.append(call('a', 'acme', OCTOBER))
    expect(stage.roster.timeline.at('acme', OCTOBER)).toMatchObject({ tier: 'tier_1', origin: 'traffic' })
    await stage.policy(customers('id: acme, tier: tier_2, from: 2026-10-16'))
    expect([tier('acme', OCTOBER), tier('acme', OCTOBER + DAY)]).toEqual([null, 'tier_2'])
  })

  it('keeps an e-mail address out of the ledger and of every answer', async () => {
    stage = await openStage(customers('id: jane@example.com, tier: tier_1'))
    expect(tier('hash:16')).toBe('tier_1')
    expect(
      JSON.stringify(await stage.ledger.read(1, 100), (_, v) => (typeof v === 'bigint' ? `${v}` : v)),
    ).not.toContain('example.com')
  })
})

describe('A month that is over', () => {
  const first = customers('id: acme, tier: tier_1', 'id: beta, tier: tier_1', 'id: gone, tier: tier_1')
  const second = customers(
    'id: acme, tier: tier_2, price_usd: 5',
    'id: beta, tier: tier_1, to: 2026-10-01',
    'id: new, tier: tier_1, from: 2026-01-01',
    'id: today, tier: tier_1, from: 2026-11-22',
  )
  const dearer = TIERS.replace('49', '149')

  it('is not moved by an edit, which counts from the start of the running month on and is told of', async () => {
    stage = await openStage(first)
    await stage.policy(dearer + second)
    const { timeline } = stage.roster
    const before = (customer: string) => tier(customer, NOVEMBER - 1)
    expect(['acme', 'beta', 'gone', 'new', 'today'].map(before)).toEqual(['tier_1', 'tier_1', 'tier_1', null, null])
    expect(['acme', 'beta', 'gone', 'new', 'today'].map((one) => tier(one, NOVEMBER))).toEqual([
      'tier_2',
      null,
      null,
      'tier_1',
      null,
    ])
    expect([timeline.at('acme', NOVEMBER - 1)?.price, timeline.at('acme', NOVEMBER)?.price]).toEqual([null, 5n * USD])
    expect([timeline.planPrice('tier_1', NOVEMBER - 1), timeline.planPrice('tier_1', NOVEMBER)]).toEqual([
      49n * USD,
      149n * USD,
    ])
    const since = 'what is said of the time before 2026-11-01 came when that was over; it counts from 2026-11-01 on.'
    expect(stage.roster.notes()).toEqual(['beta', 'new'].map((who) => `${who}: ${since}`))
    expect(stage.logged.some(({ msg }) => msg === 'roster: months that are over do not move')).toBe(true)
    await stage.policy(`${TIERS.replace('49', '[{ usd: 49 }, { from: 2026-10-20, usd: 149 }]')}${first}`)
    expect(stage.roster.notes()).toEqual([`The price of tier_1: ${since}`])
  })

  it('is not moved by the turn of a month, nor by an edit after it or a restart', async () => {
    stage = await openStage(first)
    await stage.policy(second)
    const seen = () => [NOVEMBER - 1, NOVEMBER, NOW].map((at) => ['acme', 'beta', 'new'].map((one) => tier(one, at)))
    const november = seen()
    stage.now = Date.UTC(2026, 11, 3)
    await stage.policy(dearer + first)
    expect(seen()).toEqual(november)
    expect(['acme', 'beta', 'new'].map((one) => tier(one, stage.now))).toEqual(['tier_1', 'tier_1', null])
    expect(tier('new', Date.UTC(2026, 11, 1) - 1)).toBe('tier_1')
    await stage.restart()
    expect(seen()).toEqual(november)
    expect(stage.roster.timeline.planPrice('tier_1', NOW)).toBe(49n * USD)
  })

  it('is corrected by a person where the files came too late, and then there is nothing to tell', async () => {
    stage = await openStage(first)
    const late = `${first.trim().slice(0, -1)}, { id: new, tier: tier_1, from: 2026-09-10 }]`
    await stage.policy(late)
    expect(stage.roster.notes()).toHaveLength(1)
    const body = JSON.stringify({ tier: 'tier_1', from: '2026-09-10', to: '2026-11-01', by: 'ada', reason: 'late' })
    const answer = await fetch(`${await stage.serve()}/api/admin/customers/new`, { method: 'PUT', body })
    expect(answer.status).toBe(200)
    expect([tier('new', Date.UTC(2026, 8, 10)), tier('new', NOW), stage.roster.notes()]).toEqual([
      'tier_1',
      'tier_1',
      [],
    ])
  })

  it('begins at midnight in the zone of the policy', async () => {
    stage = await openStage(first, { zone: 'America/New_York' })
    await stage.policy(second)
    const start = Date.parse('2026-11-01T04:00Z')
    expect([tier('acme', start - 1), tier('acme', start)]).toEqual(['tier_1', 'tier_2'])
    expect([tier('today', Date.parse('2026-11-22T04:59Z')), tier('today', Date.parse('2026-11-22T05:00Z'))]).toEqual([
      null,
      'tier_1',
    ])
  })

  it('is written once, however often the same is read', async () => {
    stage = await openStage(first)
    const { seq } = stage.ledger.health()
    await stage.roster.renew()
    await stage.roster.sweep()
    await stage.restart()
    await stage.another()
    const entries = await stage.ledger.read(1, 100)
    expect(entries.at(-1)?.seq).toBe(seq)
  })
})

describe('The file of customers', () => {
  const roster = 'roster: { file: customers.csv }\n'
  const until = (what: string, is: () => boolean) => eventually(what, () => (is() ? true : null))

  it('is followed, beside the customers of the policy file', async () => {
    stage = await openStage(customers('id: own, tier: tier_1'))
    await stage.file(`${HEAD}acme,tier_1,,,,\n`)
    await stage.policy(roster + customers('id: own, tier: tier_1'))
    expect([tier('own'), tier('acme')]).toEqual(['tier_1', 'tier_1'])
    await stage.file(`${HEAD}acme,tier_2,,,,\nbeta,tier_1,2026-11-10,,,\n`)
    await until('the new file', () => tier('acme') === 'tier_2')
    expect([tier('acme', OCTOBER), tier('beta', NOVEMBER), tier('beta')]).toEqual([null, null, 'tier_1'])
  })

  it('loses nobody by a row that is bad, and nobody at all when it cannot be read', async () => {
    stage = await openStage()
    await stage.file(`${HEAD}acme,tier_1,,,,\nbeta,tier_1,,,,\ngamma,tier_1,,,,\n`)
    await stage.policy(roster)
    await stage.file(`${HEAD}acme,tier_2,,,,\nbeta,tier_9,,,,\n`)
    await until('the bad row', () => stage.roster.notes().length > 0)
    await until('the good row beside it', () => tier('acme') === 'tier_2')
    // The row of gamma was taken out, that of beta is bad.
    expect([tier('beta'), tier('gamma')]).toEqual(['tier_1', null])
    expect(stage.roster.notes()[0]).toMatch(/customers\.csv:3:1: tier: found "tier_9", expected one of the tiers/)
    // Of a customer with one bad row the good ones are not trusted either.
    await stage.file(`${HEAD}acme,tier_1,,2026-11-20,,\nacme,tier_9,2026-11-20,,,\nbeta,tier_2,,,,\n`)
    await until('the good row of another', () => tier('beta') === 'tier_2')
    expect([tier('acme', NOVEMBER), tier('acme')]).toEqual(['tier_2', 'tier_2'])
    await stage.file(`${HEAD}acme,tier_2,,,,\nbeta,tier_1,,,,\n`)
    await until('the file without a bad row', () => tier('beta') === 'tier_1')
    await stage.file(`${HEAD}acme,tier_1,,,,\n,tier_1,,,,\n`)
    await until('the row of nobody', () => tier('acme') === 'tier_1')
    expect(tier('beta')).toBe('tier_1')
    for (const text of ['', 'no columns\n', '"']) {
      await stage.file(text)
      await until('the broken file', () => !/customers\.csv:3/.test(stage.roster.notes()[0] ?? 'customers.csv:3'))
      expect([tier('acme'), tier('beta')]).toEqual(['tier_1', 'tier_1'])
    }
    await stage.file(`${HEAD}acme,tier_2,,,,\n`)
    await until('the good file', () => tier('acme') === 'tier_2')
    expect([tier('beta'), stage.roster.notes()]).toEqual([null, []])
  })

  it('that is missing stops nothing, and is told of', async () => {
    stage = await openStage(roster + customers('id: own, tier: tier_1'))
    expect(tier('own')).toBe('tier_1')
    expect(stage.roster.notes()).toEqual([expect.stringMatching(/customers\.csv:1:1: there is no such file$/)])
  })
})

describe('Trust', () => {
  it('goes to file, REST, LiteLLM and traffic in this order, each only where those before it say nothing', async () => {
    stage = await openStage()
    await stage.append(call('t', 'acme', NOVEMBER))
    const origin = (at = NOW) => stage.roster.timeline.at('acme', at)?.origin
    expect(origin()).toBe('traffic')
    expect(stage.roster.tierAt('acme', NOW)).toBeNull()
    stage.litellm = new Map([['acme', 'tier_2']])
    await stage.roster.sweep()
    expect([origin(), stage.roster.tierAt('acme', NOW)]).toEqual(['litellm', 'tier_2'])
    const url = await stage.serve()
    const body = JSON.stringify({ tier: 'tier_1', from: '2026-11-10', to: '2026-11-20', by: 'ada', reason: 'deal' })
    expect((await fetch(`${url}/api/admin/customers/acme`, { method: 'PUT', body })).status).toBe(200)
    const tenth = Date.UTC(2026, 10, 10)
    expect([origin(tenth - 1), origin(tenth), origin()]).toEqual(['litellm', 'rest', undefined])
    await stage.policy(customers('id: acme, tier: tier_2'))
    expect([origin(tenth - 1), origin(tenth), origin()]).toEqual(['file', 'file', 'file'])
    await stage.policy('')
    expect([origin(OCTOBER), origin(tenth - 1), origin(tenth), origin()]).toEqual([
      'file',
      'litellm',
      'rest',
      undefined,
    ])
  })

  it('in LiteLLM: since ever at its first word, then from the day on which it says something else', async () => {
    stage = await openStage()
    await stage.roster.sweep()
    stage.litellm = new Map([
      ['acme', 'tier_1'],
      ['beta', 'tier_9'],
    ])
    await stage.roster.sweep()
    expect([tier('acme', 0), tier('beta')]).toEqual(['tier_1', null])
    stage.litellm = new Map([
      ['acme', 'tier_2'],
      ['gamma', 'tier_1'],
    ])
    await stage.roster.sweep()
    expect([tier('acme', TODAY - 1), tier('acme', TODAY), tier('gamma', TODAY - 1), tier('gamma', TODAY)]).toEqual([
      'tier_1',
      'tier_2',
      null,
      'tier_1',
    ])
    stage.now += DAY
    stage.litellm = null
    await stage.roster.sweep()
    expect(tier('acme', stage.now)).toBe('tier_2')
    stage.litellm = new Map()
    await stage.roster.sweep()
    expect([tier('acme', stage.now), tier('acme')]).toEqual([null, 'tier_2'])
  })

  it('is taken from LiteLLM and traffic when the policy switches them off, for this month and later', async () => {
    stage = await openStage()
    stage.litellm = new Map([['acme', 'tier_1']])
    await stage.append(call('t', 'beta', OCTOBER))
    const known = (at: number) => [...stage.roster.timeline.customers(at, at + 1)].sort()
    expect([known(OCTOBER + DAY), known(NOW)]).toEqual([
      ['acme', 'beta'],
      ['acme', 'beta'],
    ])
    await stage.policy('roster: { litellm: off, traffic: off }')
    await stage.append(call('u', 'gamma', NOW))
    expect([known(NOVEMBER - 1), known(NOVEMBER), known(NOW)]).toEqual([['acme', 'beta'], [], []])
    await stage.policy('')
    await stage.append(call('v', 'beta', NOW))
    expect([known(NOVEMBER), known(NOW)]).toEqual([[], ['acme', 'beta']])
  })
})

describe('Traffic', () => {
  it('names a customer from the day of its first call with a tier of the policy, and another tier from that day on', async () => {
    stage = await openStage()
    const day = (n: number) => Date.UTC(2026, 10, n)
    await stage.append(
      call('a', 'acme', day(5) + DAY / 2),
      call('b', 'acme', day(9) + DAY / 2, 'tier_2'),
      call('c', 'acme', day(9) + DAY / 2 + 1, 'tier_1'),
      call('d', 'nobody', day(5), null),
      call('e', 'strange', day(5), 'gold'),
      call('f', UNATTRIBUTED, day(5)),
    )
    // This one comes late.
    await stage.append(call('g', 'acme', day(3), 'tier_2'))
    const known = { price: null, trial: false, origin: 'traffic' }
    expect(stage.roster.timeline.segments('acme', 0, NOW)).toEqual([
      { ...known, tier: 'tier_2', from: day(3), to: day(5) },
      { ...known, tier: 'tier_1', from: day(5), to: day(9) },
      { ...known, tier: 'tier_2', from: day(9), to: NOW },
    ])
    expect([...stage.roster.timeline.customers(0, NOW)]).toEqual(['acme'])
    expect(stage.roster.timeline.assumed(NOVEMBER, NOW)).toEqual({ customers: 1, of: 1 })
  })

  it('is found by itself, without anybody asking', async () => {
    stage = await openStage()
    await stage.ledger.append([call('a', 'acme', NOW)])
    await eventually('the customer', () => tier('acme'))
  })

  it('is taken up at the first start from the calls that were there before, and each once', async () => {
    stage = await openStage('roster: { traffic: off }')
    await stage.ledger.append([
      call('a', 'acme', OCTOBER),
      call('b', 'acme', OCTOBER + DAY),
      call('c', 'acme', OCTOBER + 2 * DAY, 'tier_2'),
    ])
    await stage.restart('')
    await stage.ledger.remember('roster/traffic', '0')
    await stage.restart()
    await stage.roster.sweep()
    expect([0, 1, 2].map((n) => tier('acme', OCTOBER + n * DAY))).toEqual(['tier_1', 'tier_1', 'tier_2'])
    const { length } = await stage.ledger.read(1, 1000, 'roster_change')
    expect(length).toBe(2)
    await stage.restart()
    await stage.roster.sweep()
    expect(await stage.ledger.read(1, 1000, 'roster_change')).toHaveLength(length)
  })

  it('says nothing of those of whom a file, LiteLLM or a person speaks', async () => {
    stage = await openStage(customers('id: acme, tier: tier_1, to: 2026-11-10'))
    await stage.append(call('a', 'acme', NOW, 'tier_2'))
    expect(tier('acme')).toBeNull()
    expect(
      (await stage.ledger.read(1, 100, 'roster_change')).every(
        ({ entry }) => entry.kind === 'roster_change' && entry.origin === 'file',
      ),
    ).toBe(true)
  })

  it('has a bound, and the left-out are counted', async () => {
    stage = await openStage('', { most: 3 })
    await stage.append(...Array.from({ length: 10 }, (_, i) => call(`k${i}`, `c${i}`, NOW + i)))
    await stage.append(call('again', 'c9', NOW + 20), call('known', 'c0', NOW + DAY, 'tier_2'))
    expect([...stage.roster.timeline.customers(0, NOW + DAY)]).toHaveLength(3)
    expect(stage.roster.leftOut()).toBe(7)
    expect(stage.logged.filter(({ msg }) => msg.startsWith('roster: no more customers'))).toHaveLength(1)
    expect(tier('c0', NOW + DAY)).toBe('tier_2')
  })
})

describe('Two exporters whose files differ', () => {
  it('write each what it says once, and do not quarrel', async () => {
    stage = await openStage(customers('id: acme, tier: tier_1'))
    const other = await stage.another(customers('id: acme, tier: tier_2'))
    expect(tier('acme', NOW, other.timeline)).toBe('tier_2')
    const { seq } = stage.ledger.health()
    for (let i = 0; i < 3; i++) {
      await stage.roster.sweep()
      await other.sweep()
    }
    expect(stage.ledger.health().seq).toBe(seq)
  })
})

describe('A ledger that cannot be written', () => {
  it('stops nothing, and has what files and calls say as soon as it can', async () => {
    stage = await openStage()
    stage.refuse = true
    await stage.policy(customers('id: acme, tier: tier_1'))
    await stage.ledger.append([call('a', 'beta', NOW)])
    await expect(stage.roster.sweep()).rejects.toThrow('the test says so')
    expect([tier('acme'), tier('beta')]).toEqual([null, null])
    stage.refuse = false
    await stage.roster.sweep()
    expect([tier('acme'), tier('beta')]).toEqual(['tier_1', 'tier_1'])
  })
})

describe('A second exporter, and the same one after a restart', () => {
  it('knows the same, and both together say nothing twice', async () => {
    stage = await openStage(customers('id: acme, tier: tier_1'))
    const other = await stage.another()
    stage.litellm = new Map([['gamma', 'tier_1']])
    await stage.ledger.append([call('a', 'beta', NOW)])
    await Promise.all([stage.policy(customers('id: acme, tier: tier_2')), other.renew()])
    await Promise.all([stage.roster.sweep(), other.sweep()])
    const whole = ({ timeline }: { timeline: Timeline }) =>
      ['acme', 'beta', 'gamma'].map((one) => timeline.segments(one, -Infinity, Infinity))
    await eventually('the same', () =>
      JSON.stringify(whole(other), text) === JSON.stringify(whole(stage.roster), text) ? true : null,
    )
    expect(whole(stage.roster).map((list) => list.length)).toEqual([2, 1, 1])
    const entries = await stage.ledger.read(1, 1000, 'roster_change')
    expect(entries).toHaveLength(4)
    const before = whole(stage.roster)
    await stage.restart()
    expect(whole(stage.roster)).toEqual(before)
  })
})

const text = (_: string, value: unknown) =>
  typeof value === 'bigint' || value === Infinity || value === -Infinity ? `${value}` : value
