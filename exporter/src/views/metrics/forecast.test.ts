import { describe, expect, it } from 'vitest'
import { expose } from '../../../test/support/expose.ts'
import { parseExposition, valuesOf } from '../../../test/support/exposition-parser.ts'
import { MOST_BUDGETS } from '../../catalogue.ts'
import { type BurnReading, type ForecastReadings, forecastCollector } from './forecast.ts'

const NOTHING: ForecastReadings = { month: null, margin: null, hour: null, band: null, burn: [] }
const TIER: BurnReading = {
  scope: 'tier',
  period: 'month',
  customer: null,
  agent: null,
  tier: 'tier_1',
  rates: [
    { window: '1h', rate: 14_400_001n },
    { window: '6h', rate: 0n },
  ],
}

const shownOf = async (readings: Partial<ForecastReadings> | null) =>
  Object.fromEntries(
    valuesOf(
      parseExposition(
        await expose(forecastCollector(() => (readings === null ? null : { ...NOTHING, ...readings })).collect()),
        'text',
      ),
    ),
  )

describe('the forecast collector', () => {
  it('shows what is foretold of month and margin with its bounds, to the nano-dollar', async () => {
    const month = { low: 1_000_000_001n, expected: 1_250_000_000n, high: 1_500_000_000n }
    const margin = { low: -250_000_000n, expected: 0n, high: 250_000_000n }
    expect(await shownOf({ month, margin })).toEqual({
      'llm_forecast_month_usd{bound="low"}': '1.000000001',
      'llm_forecast_month_usd{bound="expected"}': '1.25',
      'llm_forecast_month_usd{bound="high"}': '1.5',
      'llm_forecast_margin_usd{bound="low"}': '-0.25',
      'llm_forecast_margin_usd{bound="expected"}': '0',
      'llm_forecast_margin_usd{bound="high"}': '0.25',
    })
  })

  it('shows the last hour also while nobody can say what is usual', async () => {
    expect(await shownOf({ hour: 2_500_000_000n })).toEqual({ llm_spend_hour_usd: '2.5' })
    expect(await shownOf({ hour: 0n, band: { low: 0n, expected: 1n, high: 2n } })).toEqual({
      llm_spend_hour_usd: '0',
      'llm_spend_hour_band_usd{bound="low"}': '0',
      'llm_spend_hour_band_usd{bound="expected"}': '0.000000001',
      'llm_spend_hour_band_usd{bound="high"}': '0.000000002',
    })
  })

  it('shows of a budget the burn rate of each window that says something, a rate of nothing too', async () => {
    const labels = (window: string) =>
      `{agent="",customer="",period="month",scope="tier",tier="tier_1",window="${window}"}`
    expect(await shownOf({ burn: [TIER] })).toEqual({
      [`llm_budget_burn_rate${labels('1h')}`]: '14.400001',
      [`llm_budget_burn_rate${labels('6h')}`]: '0',
    })
  })

  it('shows the first of two budgets with the same labels, and no more budgets than have a place', async () => {
    const others = Array.from(
      { length: MOST_BUDGETS + 5 },
      (_, i) => ({ ...TIER, scope: 'customer', customer: `c${i}` }) as const,
    )
    const shown = await shownOf({ burn: [TIER, { ...TIER, rates: [{ window: '1h', rate: 1n }] }, ...others] })
    expect(Object.keys(shown)).toHaveLength(2 * MOST_BUDGETS)
    expect(
      shown['llm_budget_burn_rate{agent="",customer="",period="month",scope="tier",tier="tier_1",window="1h"}'],
    ).toBe('14.400001')
  })

  it('has no series while nothing can be said', async () => {
    expect(await shownOf(null)).toEqual({})
    expect(await shownOf({})).toEqual({})
  })
})
