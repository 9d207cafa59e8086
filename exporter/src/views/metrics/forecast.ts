import { usd } from '@marginwatch/pricing'
import { type BurnWindow, FORECAST_BOUNDS, type ForecastBound, METRICS, MOST_BUDGETS } from '../../catalogue.ts'
import type { Nano, Scope } from '../../usage.ts'
import { decimalText } from './decimal.ts'
import type { Collector, Family, Sample } from './sample.ts'

export type BoundsReading = Readonly<Record<ForecastBound, Nano>>

/** How fast one budget is used up. */
export interface BurnReading {
  readonly scope: Scope
  /** day, week or month. */
  readonly period: string
  /** Whose it is; null where that does not apply to the scope. */
  readonly customer: string | null
  readonly agent: string | null
  readonly tier: string | null
  /** A window that says nothing yet is left out. */
  readonly rates: readonly { readonly window: BurnWindow /** Millionths. */; readonly rate: bigint }[]
}

/** What is foretold now; null = that cannot be said. */
export interface ForecastReadings {
  readonly month: BoundsReading | null
  readonly margin: BoundsReading | null
  /** Spend of the last hour. */
  readonly hour: Nano | null
  /** Where the spend of that hour usually lies. */
  readonly band: BoundsReading | null
  /** In the order of the budgets' own gauges; of two with the same labels the first is shown. */
  readonly burn: readonly BurnReading[]
}

/** Forecast, band of an hour and burn rates. `read` gives null while nothing can be said of them: half a month is not a month. */
export function forecastCollector(read: () => ForecastReadings | null): Collector {
  return {
    name: 'forecast',
    collect() {
      const readings = read()
      if (readings === null) return []
      const { month, margin, hour, band, burn } = readings
      return [
        bounded(METRICS.forecastMonth, month),
        bounded(METRICS.forecastMargin, margin),
        { metric: METRICS.spendHour, samples: hour === null ? [] : [{ labels: [], value: usd(hour) }] },
        bounded(METRICS.spendHourBand, band),
        { metric: METRICS.budgetBurn, samples: burnSamples(burn) },
      ]
    },
  }
}

type Gauge = Extract<Family['metric'], { readonly type: 'counter' | 'gauge' }>

function bounded(metric: Gauge, bounds: BoundsReading | null): Family {
  if (bounds === null) return { metric, samples: [] }
  return { metric, samples: FORECAST_BOUNDS.map((bound) => ({ labels: [bound], value: usd(bounds[bound]) })) }
}

function burnSamples(burn: ForecastReadings['burn']): Sample[] {
  const shown = new Set<string>()
  const samples: Sample[] = []
  for (const { scope, period, customer, agent, tier, rates } of burn) {
    const labels = [scope, period, customer ?? '', agent ?? '', tier ?? '']
    const key = labels.join(SEPARATOR)
    if (shown.has(key)) continue
    if (shown.size >= MOST_BUDGETS) break
    shown.add(key)
    for (const { window, rate } of rates) samples.push({ labels: [...labels, window], value: decimalText(rate, 6) })
  }
  return samples
}

const SEPARATOR = '\u001f'
