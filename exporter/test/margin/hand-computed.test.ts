import { afterEach, describe, expect, it } from 'vitest'
import type { Figures, Ratios } from '../../src/margin/figures.ts'
import type { MonthMargin } from '../../src/margin/month.ts'
import { nanosOf, type Page } from '../support/scrape.ts'
import {
  CALLS,
  CUSTOMERS,
  DOT_LEAVES,
  LATE_EDIT,
  LATE_PRICE,
  MOMENTS,
  POLICY,
  type Row,
  type Seen,
  SERVICES,
} from './hand-computed.ts'
import { BERLIN } from './hand-computed-berlin.ts'
import { LOS_ANGELES } from './hand-computed-los-angeles.ts'
import { type MarginProgram, startMarginProgram } from './program.ts'

const HOUR = 3_600_000
let program: MarginProgram | null = null
afterEach(async () => {
  await program?.close()
  program = null
})

describe.each([BERLIN, LOS_ANGELES])(
  'a month worked out by hand, in the running program, in $zone',
  ({ zone, second, middle, last, past }) => {
    const policy = (docker: string) => POLICY(zone, docker)
    const priced = (docker: string) => `${policy(docker)}${LATE_PRICE}`

    it('has every figure exact, as time goes by, after restarts, and when prices, rates and customers are others next month', async () => {
      program = await startMarginProgram({ now: MOMENTS.start, policy, customers: CUSTOMERS })
      await program.to(MOMENTS.containers)
      for (const { service, processors, memory } of SERVICES) program.run(service, processors, memory)
      await program.to(MOMENTS.second)
      await program.calls(CALLS.second)
      await program.eventually('the customer whom only calls name', async () => {
        const { assumed } = await october(program)
        return assumed.customers > 0 ? true : null
      })
      await expectSeen(program, second)
      await restart(program)
      await expectSeen(program, second)

      await program.to(MOMENTS.containersEnd)
      program.engine.containers.length = 0
      await program.to(MOMENTS.middle)
      await program.calls(CALLS.middle)
      await expectSeen(program, middle)

      // Who keeps the files has learned that dot leaves, and what the call without a price cost.
      await program.stop()
      await program.customers(DOT_LEAVES)
      await program.start()
      await program.policy(priced)
      await program.to(MOMENTS.last)
      await program.calls(CALLS.last)
      await restart(program)
      await program.eventually('the correction', async () => {
        const { whole } = await october(program)
        return whole.unpricedCalls === 0 ? true : null
      })
      await expectSeen(program, last)
      await restart(program)
      await expectSeen(program, last)

      await program.to(MOMENTS.november)
      await program.calls(CALLS.november)
      await expectPast(program, past)
      await restart(program)
      await expectPast(program, past)

      await changePricesAndRates(program, priced)
      await expectPast(program, past)
      await changeCustomers(program)
      await expectPast(program, past)
      await restart(program)
      await expectPast(program, past)
      expect(await notesOf(program)).toEqual(LATE_NOTES)
    })
  },
)

/** In November each plan costs twice as much, and containers ten times as much: both are seen in that month. */
async function changePricesAndRates(program: MarginProgram, blocks: (docker: string) => string): Promise<void> {
  const months = async () => seriesOf(await program.scrape(), 'llm_tier_revenue_month_usd')
  // ada and eve 31, hal 20.000000001; bea 93; cid and fay 199, gus 310.
  const before = { tier_1: '82.000000001', tier_2: '93', tier_3: '708' }
  expect(await months()).toEqual(nanos(before))
  await program.policy((docker) =>
    blocks(docker)
      .replace('price_usd: 31', 'price_usd: 62')
      .replace('price_usd: 93', 'price_usd: 186')
      .replace('cpu_usd_per_hour: 0.03', 'cpu_usd_per_hour: 0.3'),
  )
  const after = { tier_1: '144.000000001', tier_2: '186', tier_3: '708' }
  await program.eventually('the new prices', async () =>
    (await months()).get('tier_1') === nanosOf(after.tier_1) ? true : null,
  )
  expect(await months()).toEqual(nanos(after))
  const [api] = SERVICES
  program.run(api.service, api.processors, api.memory)
  const begun = program.now
  await program.to(begun + HOUR)
  program.engine.containers.length = 0
  await program.to(begun + 2 * HOUR)
  // 48 h × 0.03 + 1 h × 0.3 of processors, 49 h × 0.005 of memory.
  expect(seriesOf(await program.scrape(), 'infra_cost_usd_total')).toEqual(
    nanos({ 'container,cpu,api': '1.74', 'container,memory,api': '0.245', 'container,memory,grafana': '0.48' }),
  )
}

const LATE_NOTES = ['ada', 'cid', 'bea'].map(
  (who) => `${who}: what is said of the time before 2026-11-01 came when that was over; it counts from 2026-11-01 on.`,
)

async function changeCustomers(program: MarginProgram): Promise<void> {
  await program.customers(LATE_EDIT)
  await program.eventually('the edited file', async () => ((await notesOf(program)).length > 0 ? true : null))
  expect(await notesOf(program)).toEqual(LATE_NOTES)
  for (const note of LATE_NOTES) expect(await program.page()).toContain(note)
  expect(program.logged.filter((line) => line.includes('months that are over do not move'))).toHaveLength(1)
  // In November they are what the file says: ada on tier_3 with all it pays there.
  expect(seriesOf(await program.scrape(), 'llm_tier_revenue_month_usd').get('tier_3')).toBe(nanosOf('907'))
}

async function notesOf(program: MarginProgram): Promise<string[]> {
  const answer = await fetch(`${program.app.url}/api/customers`)
  return ((await answer.json()) as { notes: string[] }).notes
}

async function restart(program: MarginProgram): Promise<void> {
  await program.stop()
  await program.start()
}

const october = (program: MarginProgram | null): Promise<MonthMargin> => {
  if (program === null) throw new Error('no program')
  return program.month('2026-10-01')
}

/** The month that runs, from all sides: the ledger, the metrics, the page. */
async function expectSeen(program: MarginProgram, seen: Seen): Promise<void> {
  await expectPast(program, seen)
  expectMetrics(await program.scrape(), seen)
  // It reads the ledger anew by and by.
  const page = await program.eventually('the page', async () => {
    const markup = await program.page()
    return markup.includes('assumed from traffic') ? markup : null
  })
  expectPage(page, seen)
}

async function expectPast(program: MarginProgram, { tiers, states, whole, infra, customers, assumed }: Seen) {
  const month = await october(program)
  const named = Object.fromEntries(month.tiers.map((tier) => [tier.tier, tier]))
  expect(mapped(named, rowOf)).toEqual(mapped(tiers, rowIn))
  expect(mapped(named, (tier) => [tier.earning, tier.losing, tier.trial, tier.assumed])).toEqual(states)
  expect(rowOf(month.whole)).toEqual(rowIn(whole))
  expect(month.infra).toEqual({
    total: nanosOf(infra.total),
    allocated: nanosOf(infra.total) - nanosOf(infra.unallocated),
    unallocated: nanosOf(infra.unallocated),
    unknown: null,
  })
  const found = Object.fromEntries(month.customers.map((one) => [`${one.customer} ${one.tier}`, one]))
  expect(mapped(found, (one) => [...moneyOf(one), one.state])).toEqual(
    mapped(customers, ([accrued, paid, models, share, margin, state]) => [
      ...[accrued, paid, models, share, margin].map(nanosOf),
      state,
    ]),
  )
  expect(month.assumed).toEqual(assumed)
}

function expectMetrics(page: Page, { tiers, states, infra, customers }: Seen): void {
  const rows = Object.entries(tiers)
  const column = (name: string, of: (row: Row) => string) =>
    expect([name, seriesOf(page, name)]).toEqual([
      name,
      new Map(rows.flatMap(([tier, row]) => (of(row) === '' ? [] : [[tier, nanosOf(of(row))] as const]))),
    ])
  column('llm_tier_revenue_accrued_usd', ([accrued]) => accrued)
  column('llm_tier_revenue_month_usd', ([, month]) => month)
  column('llm_tier_model_cost_usd', ([, , models]) => models)
  column('llm_tier_infra_cost_usd', ([, , , share]) => share)
  column('llm_tier_margin_usd', ([, , , , margin]) => margin)
  column('llm_tier_margin_ratio', ([, , , , , ratio]) => ratio)
  column('llm_tier_return_on_spend_ratio', ([, , , , , , returned]) => returned)
  expect(seriesOf(page, 'llm_tier_margin_target_ratio')).toEqual(nanos({ tier_1: '0.8', tier_2: '0.65' }))
  const counted = Object.entries(states).flatMap(([tier, [earning, losing, trial]]) => [
    [`${tier},earning`, `${earning}`],
    [`${tier},losing`, `${losing}`],
    [`${tier},trial`, `${trial}`],
  ])
  expect(seriesOf(page, 'llm_tier_customers')).toEqual(nanos(Object.fromEntries(counted)))
  expect(seriesOf(page, 'llm_tier_customers_assumed')).toEqual(nanos(mapped(states, ([, , , known]) => `${known}`)))
  const there = Object.entries(customers).filter(([, [, , , , , state]]) => state !== 'coming')
  const margins = there.map(([name, [, , , , margin]]) => [name.replace(' ', ','), margin])
  expect(seriesOf(page, 'llm_customer_margin_usd')).toEqual(nanos(Object.fromEntries(margins)))
  expect(seriesOf(page, 'llm_infra_unallocated_usd')).toEqual(nanos({ '': infra.unallocated }))
  expect(seriesOf(page, 'llm_infra_unknown')).toEqual(nanos({ '': '0' }))
}

/** The page shows amounts for people, and beside each the exact one. */
function expectPage(markup: string, { tiers, whole, said, assumed }: Seen): void {
  const section = /<section [^>]*id="margin">([\s\S]*?)<\/section>/.exec(markup)?.[1] ?? ''
  const rows = [...(/<tbody>([\s\S]*)<\/tbody>/.exec(section)?.[1]?.matchAll(/<tr>([\s\S]*?)<\/tr>/g) ?? [])]
  const shown = rows.map(([, row = '']) => {
    const name = /<th[^>]*>([\s\S]*?)<\/th>/.exec(row)?.[1]?.replace(/<[^>]*>/g, '') ?? ''
    return [name, [...row.matchAll(/<data value="([^"]*)"/g)].map(([, value = '']) => nanosOf(value))]
  })
  expect(Object.fromEntries(shown)).toEqual(
    Object.fromEntries(
      Object.entries({ ...tiers, All: whole }).map(([tier, [accrued, , models, share, margin]]) => [
        tier === 'unattributed' ? 'no tier' : tier,
        [accrued, models, share, margin].map(nanosOf),
      ]),
    ),
  )
  expect(section).toContain(`<small>${said}</small>`)
  expect(section).not.toContain('before infrastructure')
  expect(markup).toContain(`${assumed.customers} of ${assumed.of} customers`)
}

/** Values in thousand-millionths by the values of the labels. */
function seriesOf({ families }: Page, name: string): Map<string, bigint> {
  const samples = families.find((family) => family.name === name)?.samples ?? []
  const values = samples.filter((sample) => sample.name === name)
  return new Map(values.map(({ labels, value }) => [Object.values(labels).join(), nanosOf(value)]))
}

function nanos(values: Readonly<Record<string, string>>): Map<string, bigint> {
  return new Map(Object.entries(values).map(([name, value]) => [name, nanosOf(value)]))
}

const moneyOf = ({ revenueAccrued, revenueMonth, modelCost, infraCost, margin }: Figures) => [
  ...[revenueAccrued, revenueMonth, modelCost, infraCost, margin],
]
/** Ratios are millionths. */
const rowOf = (one: Figures & Ratios) => [...moneyOf(one), one.ratio, one.returnOnSpend]
const rowIn = ([accrued, month, models, infra, margin, ratio, returned]: Row) => [
  ...[accrued, month, models, infra, margin].map(nanosOf),
  ...[ratio, returned].map((share) => (share === '' ? null : nanosOf(share) / 1000n)),
]

function mapped<V, W>(values: Readonly<Record<string, V>>, of: (value: V) => W): Record<string, W> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, of(value)]))
}
