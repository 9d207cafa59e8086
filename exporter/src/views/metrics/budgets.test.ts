import { describe, expect, it } from 'vitest'
import { expose } from '../../../test/support/expose.ts'
import { parseExposition, valuesOf } from '../../../test/support/exposition-parser.ts'
import { LABEL_BOUNDS, METRICS, MOST_BUDGETS } from '../../catalogue.ts'
import { type BudgetNumbers, type BudgetReading, budgetsCollector } from './budgets.ts'
import { createWriter } from './exposition.ts'
import { createHistogram } from './histogram.ts'
import type { Family } from './sample.ts'

const SINCE = 1_795_305_600_250
const QUIET: BudgetNumbers = {
  budgets: [],
  leftOut: 0,
  decisions: [],
  undecided: 0,
  unsettled: 0,
  openHolds: 0,
  agents: [],
  runawaySessions: 0,
  decisionSeconds: createHistogram(METRICS.decisionTime, { places: 9 }),
  since: SINCE,
}
const ACME: BudgetReading = {
  scope: 'customer',
  period: 'month',
  customer: 'acme',
  agent: null,
  tier: 'tier_1',
  limit: 8_000_000_000n,
  spent: 7_612_000_001n,
  held: 120_000_000n,
  forecast: 10_250_000_000n,
  resetAt: 1_796_083_200_000,
  threshold: 9_500,
}

const valuesIn = async (families: Iterable<Family>) =>
  Object.fromEntries(valuesOf(parseExposition(await expose(families), 'text')))

/** Value of each series of the budgets' own gauges, by the gauge's name. */
async function gauges(budgets: readonly BudgetReading[]): Promise<[string, string][]> {
  const values = await valuesIn(budgetsCollector(() => ({ ...QUIET, budgets })).collect())
  return Object.entries(values).filter(([series]) => series.startsWith('llm_budget_'))
}

describe('the budgets collector', () => {
  it('shows of a budget what it may spend, has spent and keeps, to the nano-dollar', async () => {
    const labels = '{agent="",customer="acme",period="month",scope="customer",tier="tier_1"}'
    expect(Object.fromEntries(await gauges([ACME]))).toEqual({
      [`llm_budget_limit_usd${labels}`]: '8',
      [`llm_budget_spent_usd${labels}`]: '7.612000001',
      [`llm_budget_held_usd${labels}`]: '0.12',
      [`llm_budget_remaining_usd${labels}`]: '0.387999999',
      [`llm_budget_forecast_usd${labels}`]: '10.25',
      [`llm_budget_ratio${labels}`]: '0.9515',
      [`llm_budget_reset_timestamp_seconds${labels}`]: '1796083200',
      [`llm_budget_threshold${labels}`]: '0.95',
    })
  })

  it('shows no share of a limit of nothing, no forecast that nobody can make and no reset that never comes', async () => {
    const names = (await gauges([{ ...ACME, limit: 0n, forecast: null, resetAt: null }])).map(([series]) =>
      series.replace(/\{.*/, ''),
    )
    expect(names).toEqual([
      'llm_budget_limit_usd',
      'llm_budget_spent_usd',
      'llm_budget_held_usd',
      'llm_budget_remaining_usd',
      'llm_budget_threshold',
    ])
  })

  it('says that a limit is reached no earlier than it is', async () => {
    const ratioOf = async (spent: bigint) =>
      (await gauges([{ ...ACME, spent }])).find(([series]) => series.startsWith('llm_budget_ratio'))?.[1]
    expect([await ratioOf(7_999_999_999n), await ratioOf(8_000_000_000n)]).toEqual(['0.999999', '1'])
  })

  it('shows the first of two budgets with the same labels, which is the nearer one', async () => {
    const limits = (await gauges([ACME, { ...ACME, limit: 99_000_000_000n }])).filter(([series]) =>
      series.startsWith('llm_budget_limit_usd'),
    )
    expect(limits.map(([, value]) => value)).toEqual(['8'])
  })

  it('shows no more budgets than have a place, and says how many are left out', async () => {
    const budgets = Array.from({ length: MOST_BUDGETS + 5 }, (_, i) => ({ ...ACME, customer: `customer ${i}` }))
    const values = await valuesIn(budgetsCollector(() => ({ ...QUIET, budgets, leftOut: 7 })).collect())
    const shown = Object.keys(values).filter((series) => series.startsWith('llm_budget_spent_usd'))
    expect(shown).toHaveLength(MOST_BUDGETS)
    expect(shown.at(-1)).toContain(`customer ${MOST_BUDGETS - 1}`)
    expect(values.marginwatch_budgets_left_out).toBe('12')
  })

  it('keeps the sample of a budget while it is shown, with its newest value, and forgets it afterwards', async () => {
    let budgets = [ACME]
    const collector = budgetsCollector(() => ({ ...QUIET, budgets }))
    const sample = () => [
      ...([...collector.collect()].find(({ metric }) => metric === METRICS.budgetSpent)?.samples ?? []),
    ]
    const [first] = sample()
    budgets = [{ ...ACME, spent: 1n }]
    expect(sample()).toEqual([first])
    expect(sample()[0]).toBe(first)
    expect(first).toMatchObject({ value: '0.000000001' })
    budgets = []
    expect(sample()).toEqual([])
    budgets = [ACME]
    expect(sample()[0]).not.toBe(first)
  })

  it('shows the same page at the second scrape', async () => {
    const collector = budgetsCollector(() => ({
      ...QUIET,
      budgets: [ACME, { ...ACME, customer: 'b', forecast: null }],
    }))
    const writer = createWriter()
    expect(await expose(collector.collect(), 'text', writer)).toBe(await expose(collector.collect(), 'text', writer))
  })

  it('counts decisions, calls without one, holds and paused agents', async () => {
    const values = await valuesIn(
      budgetsCollector(() => ({
        ...QUIET,
        decisions: [
          { action: 'allow', reason: 'ok', count: 12 },
          { action: 'degrade', reason: 'customer', count: 3 },
        ],
        undecided: 4,
        unsettled: 1,
        openHolds: 9,
        agents: [
          { agent: 'support', paused: false },
          { agent: 'nightly', paused: true },
        ],
        runawaySessions: 2,
      })).collect(),
    )
    expect(values).toMatchObject({
      'llm_decisions_total{action="allow",reason="ok"}': '12',
      'llm_decisions_total{action="degrade",reason="customer"}': '3',
      llm_undecided_requests_total: '4',
      'llm_agent_paused{agent="nightly"}': '1',
      'llm_agent_paused{agent="support"}': '0',
      llm_runaway_sessions: '2',
      marginwatch_holds_open: '9',
      marginwatch_holds_unsettled_total: '1',
    })
  })

  it('has a place for every paused agent before those that run, and for no more agents than the label has', async () => {
    const running = Array.from({ length: LABEL_BOUNDS.agent + 50 }, (_, i) => ({ agent: `agent ${i}`, paused: false }))
    const agents = [...running, { agent: 'nightly', paused: true }]
    const values = await valuesIn(budgetsCollector(() => ({ ...QUIET, agents })).collect())
    const shown = Object.keys(values).filter((series) => series.startsWith('llm_agent_paused'))
    expect(shown).toHaveLength(LABEL_BOUNDS.agent)
    expect(shown[0]).toBe('llm_agent_paused{agent="nightly"}')
  })

  it('observes decisions from ten microseconds to a quarter of a second', async () => {
    const decisionSeconds = createHistogram(METRICS.decisionTime, { places: 9 })
    for (const nanoseconds of [10_000, 10_001, 250_000_000, 250_000_001]) decisionSeconds.observe(nanoseconds)
    const values = await valuesIn(budgetsCollector(() => ({ ...QUIET, decisionSeconds })).collect())
    const bucket = (le: string) => values[`marginwatch_decision_seconds_bucket{le="${le}"}`]
    expect([bucket('0.00001'), bucket('0.000025'), bucket('0.25'), bucket('+Inf')]).toEqual(['1', '2', '3', '4'])
  })

  it('says nothing while nothing can be said', () => {
    expect([...budgetsCollector(() => null).collect()]).toEqual([])
  })
})
