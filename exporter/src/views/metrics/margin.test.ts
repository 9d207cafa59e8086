import { describe, expect, it } from 'vitest'
import { expose } from '../../../test/support/expose.ts'
import { parseExposition, valuesOf } from '../../../test/support/exposition-parser.ts'
import { LABEL_BOUNDS, METRICS, WORST_CUSTOMERS } from '../../catalogue.ts'
import { createWriter } from './exposition.ts'
import { type InfraReading, type MarginNumbers, marginCollector, type TierReading } from './margin.ts'
import type { Family } from './sample.ts'

const SINCE = 1_795_305_600_250
const TIER_1: TierReading = {
  tier: 'tier_1',
  revenueAccrued: 66_500_000_000n,
  revenueMonth: 67_000_000_001n,
  modelCost: 4_300_000_000n,
  infraCost: 900_000_000n,
  margin: 61_300_000_000n,
  target: 8_367,
  earning: 3,
  losing: 2,
  trial: 1,
  assumed: 4,
}
const QUIET: MarginNumbers = { tiers: [], infra: { unallocated: 0n, unknown: null }, worst: [] }
const CPU: InfraReading = {
  resource: 'container',
  kind: 'cpu',
  service: 'exporter',
  cost: 5_000_000_001n,
  since: SINCE,
}

const collectorOf = (margin: MarginNumbers | null, infra: readonly InfraReading[] | null = []) =>
  marginCollector({ margin: () => margin, infra: () => infra })

async function valuesIn(families: Iterable<Family>): Promise<Record<string, string>> {
  return Object.fromEntries(valuesOf(parseExposition(await expose(families), 'text')))
}
const shown = (margin: MarginNumbers | null, infra?: readonly InfraReading[] | null) =>
  valuesIn(collectorOf(margin, infra).collect())
const names = (values: Record<string, string>) =>
  new Set(Object.keys(values).map((series) => series.replace(/\{.*/, '')))

describe('the margin collector', () => {
  it('shows of a plan what comes in, what goes out and what is left, to the nano-dollar', async () => {
    expect(await shown({ ...QUIET, tiers: [TIER_1] })).toEqual({
      'llm_tier_revenue_accrued_usd{tier="tier_1"}': '66.5',
      'llm_tier_revenue_month_usd{tier="tier_1"}': '67.000000001',
      'llm_tier_model_cost_usd{tier="tier_1"}': '4.3',
      'llm_tier_infra_cost_usd{tier="tier_1"}': '0.9',
      'llm_tier_margin_usd{tier="tier_1"}': '61.3',
      // 61.3 ÷ 66.5 = 0.9218045…, 66.5 ÷ 4.3 = 15.4651162…
      'llm_tier_margin_ratio{tier="tier_1"}': '0.921804',
      'llm_tier_margin_target_ratio{tier="tier_1"}': '0.8367',
      'llm_tier_customers{state="earning",tier="tier_1"}': '3',
      'llm_tier_customers{state="losing",tier="tier_1"}': '2',
      'llm_tier_customers{state="trial",tier="tier_1"}': '1',
      'llm_tier_customers_assumed{tier="tier_1"}': '4',
      'llm_tier_return_on_spend_ratio{tier="tier_1"}': '15.465116',
      llm_infra_unallocated_usd: '0',
      llm_infra_unknown: '0',
    })
  })

  it('shows no ratio without revenue, no target that nobody set, and no return where nothing was spent', async () => {
    const free = { ...TIER_1, revenueAccrued: 0n, modelCost: 0n, margin: -900_000_000n, target: null }
    const values = await shown({ ...QUIET, tiers: [free] })
    expect(values['llm_tier_margin_usd{tier="tier_1"}']).toBe('-0.9')
    for (const name of ['llm_tier_margin_ratio', 'llm_tier_margin_target_ratio', 'llm_tier_return_on_spend_ratio'])
      expect(names(values)).not.toContain(name)
  })

  it('never shows a ratio as better than it is', async () => {
    const ratioOf = async (margin: bigint, revenueAccrued: bigint) =>
      (await shown({ ...QUIET, tiers: [{ ...TIER_1, margin, revenueAccrued }] }))[
        'llm_tier_margin_ratio{tier="tier_1"}'
      ]
    expect(await ratioOf(799_999_999n, 1_000_000_000n)).toBe('0.799999')
    expect(await ratioOf(-1n, 3_000_000_000n)).toBe('-0.000001')
    expect(await ratioOf(-4_000_000_000n, 2_000_000_000n)).toBe('-2')
    expect(await ratioOf(0n, 3n)).toBe('0')
  })

  it('says that infrastructure is not all known, and shows nothing that rests on it', async () => {
    const tiers = [{ ...TIER_1, infraCost: null, margin: null }]
    const worst = [{ customer: 'acme', tier: 'tier_1', margin: null }]
    const values = await shown({ tiers, worst, infra: { unallocated: 7n, unknown: 'nothing meters it' } }, [CPU])
    expect(values.llm_infra_unknown).toBe('1')
    expect(names(values)).toEqual(
      new Set([
        ...['llm_tier_revenue_accrued_usd', 'llm_tier_revenue_month_usd', 'llm_tier_model_cost_usd'],
        ...['llm_tier_margin_target_ratio', 'llm_tier_customers_assumed', 'llm_tier_return_on_spend_ratio'],
        ...['llm_tier_customers', 'infra_cost_usd_total', 'llm_infra_unknown'],
      ]),
    )
  })

  it('has a place for the first plans, and the others are one together', async () => {
    const tiers = Array.from({ length: LABEL_BOUNDS.tier + 3 }, (_, i) => ({ ...TIER_1, tier: `made up ${i}` }))
    const values = await shown({ ...QUIET, tiers })
    const accrued = Object.keys(values).filter((series) => series.startsWith('llm_tier_revenue_accrued_usd'))
    expect(accrued).toHaveLength(LABEL_BOUNDS.tier + 1)
    expect(values).toMatchObject({
      'llm_tier_revenue_accrued_usd{tier="other"}': '199.5',
      'llm_tier_revenue_month_usd{tier="other"}': '201.000000003',
      'llm_tier_model_cost_usd{tier="other"}': '12.9',
      'llm_tier_infra_cost_usd{tier="other"}': '2.7',
      'llm_tier_margin_usd{tier="other"}': '183.9',
      'llm_tier_margin_ratio{tier="other"}': '0.921804',
      'llm_tier_customers{state="earning",tier="other"}': '9',
      'llm_tier_customers{state="losing",tier="other"}': '6',
      'llm_tier_customers{state="trial",tier="other"}': '3',
      'llm_tier_customers_assumed{tier="other"}': '12',
    })
    expect(values['llm_tier_margin_target_ratio{tier="other"}']).toBeUndefined()
    const unknown = await shown({ ...QUIET, tiers: tiers.map((tier) => ({ ...tier, margin: null })) })
    expect(names(unknown)).not.toContain('llm_tier_margin_usd')
  })

  it('shows the customers with the least margin, no more than have a place', async () => {
    const worst = Array.from({ length: WORST_CUSTOMERS + 5 }, (_, i) => ({
      customer: `customer ${i}`,
      tier: 'tier_1',
      margin: BigInt(i - 10) * 1_000_000_000n,
    }))
    const values = await shown({ ...QUIET, worst })
    const series = Object.keys(values).filter((name) => name.startsWith('llm_customer_margin_usd'))
    expect(series).toHaveLength(WORST_CUSTOMERS)
    expect(values['llm_customer_margin_usd{customer="customer 0",tier="tier_1"}']).toBe('-10')
  })

  it('counts what infrastructure costs also while no margin can be told, from when it is metered', async () => {
    const collector = collectorOf(null, [CPU])
    expect(await valuesIn(collector.collect())).toEqual({
      'infra_cost_usd_total{kind="cpu",resource="container",service="exporter"}': '5.000000001',
    })
    const [family] = collector.collect()
    expect([...(family?.samples ?? [])]).toMatchObject([{ created: SINCE }])
    expect(await shown(null, null)).toEqual({})
  })

  it('keeps the sum of services beyond the bound in one, kind by kind, as old as the oldest of them', () => {
    const services = Array.from({ length: LABEL_BOUNDS.service + 3 }, (_, i) => ({
      ...CPU,
      service: `s${i}`,
      since: SINCE + i,
    }))
    const memory = { ...CPU, kind: 'memory', service: `s${LABEL_BOUNDS.service + 1}`, cost: 1n, since: SINCE + 999 }
    const [family] = collectorOf(null, [...services, memory]).collect()
    const samples = [...(family?.samples ?? [])]
    expect(samples).toHaveLength(LABEL_BOUNDS.service + 2)
    expect(samples.slice(-2)).toMatchObject([
      { labels: ['container', 'cpu', 'other'], value: '15.000000003', created: SINCE + LABEL_BOUNDS.service },
      { labels: ['container', 'memory', 'other'], value: '0.000000001', created: SINCE + 999 },
    ])
  })

  it('keeps the sample of a series while it is shown, with its newest value, and forgets it afterwards', () => {
    let numbers: MarginNumbers = { ...QUIET, tiers: [TIER_1] }
    const collector = marginCollector({ margin: () => numbers, infra: () => [CPU] })
    const sample = () => [
      ...([...collector.collect()].find(({ metric }) => metric === METRICS.tierMargin)?.samples ?? []),
    ]
    const [first] = sample()
    numbers = { ...QUIET, tiers: [{ ...TIER_1, margin: 1n }] }
    expect(sample()[0]).toBe(first)
    expect(first).toMatchObject({ value: '0.000000001' })
    numbers = QUIET
    expect(sample()).toEqual([])
    numbers = { ...QUIET, tiers: [TIER_1] }
    expect(sample()[0]).not.toBe(first)
  })

  it('shows the same page at the second scrape', async () => {
    const worst = [{ customer: 'acme', tier: 'tier_1', margin: -1n }]
    const collector = collectorOf({ ...QUIET, tiers: [TIER_1], worst }, [CPU])
    const writer = createWriter()
    expect(await expose(collector.collect(), 'text', writer)).toBe(await expose(collector.collect(), 'text', writer))
  })
})
