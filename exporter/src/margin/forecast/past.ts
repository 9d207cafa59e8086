import type { Outlook } from './outlook.ts'
import { quantile } from './quantile.ts'

/** By which factor the truth was off a forecast: 8 times in 10 it lay between the two. `low ≤ 1 ≤ high`. */
export interface Spread {
  readonly low: number
  readonly high: number
}

/** Forecasts that are looked back at: one for each of so many days. */
const MOST_FORECASTS = 120
const LEAST_FORECASTS = 8
const TENTH = 0.1
/** What is assumed before anything was ever foretold: twelve percent up and down, worth as much as four forecasts. */
const ASSUMED = 0.12
const ASSUMED_COUNT = 4
/** Where no forecast is as old as the horizon is long, errors grow with its fourth root: they are mostly of the level. */
const GROWS = 0.25
const LONGEST_ERROR = Math.log(20)

/**
 * How far earlier forecasts over `horizon` days were off, each made of what was known on its day. They overlap: a hundred
 * over twenty days say no more than five, and the fewer they are the more the assumed error counts.
 */
export function spreadOf(
  totals: readonly number[],
  outlookAt: (end: number) => Outlook,
  { horizon, least }: { readonly horizon: number; readonly least: number },
): Spread {
  const longest = Math.max(1, totals.length - least - LEAST_FORECASTS)
  const days = Math.min(horizon, longest)
  const errors: number[] = []
  for (let end = totals.length - days; end >= least && errors.length < MOST_FORECASTS; end--) {
    const error = errorOf(totals, outlookAt(end), { end, days })
    if (error !== null) errors.push(error)
  }
  if (errors.length === 0) return { low: Math.exp(-ASSUMED), high: Math.exp(ASSUMED) }
  const independent = Math.max(1, errors.length / days)
  const own = independent / (independent + ASSUMED_COUNT)
  const longer = (horizon / days) ** GROWS
  const bound = (share: number, assumed: number) => own * quantile(errors, share) * longer + (1 - own) * assumed
  return {
    low: Math.exp(Math.min(0, bound(TENTH, -ASSUMED))),
    high: Math.exp(Math.max(0, bound(1 - TENTH, ASSUMED))),
  }
}

/** Logarithm of truth over forecast; null where nothing was expected. */
function errorOf(totals: readonly number[], outlook: Outlook, span: { end: number; days: number }): number | null {
  let truth = 0
  let expected = 0
  for (let index = span.end; index < span.end + span.days; index++) {
    truth += totals[index] ?? 0
    expected += outlook.day(index)
  }
  if (expected <= 0) return null
  return Math.max(-LONGEST_ERROR, Math.min(LONGEST_ERROR, Math.log(truth / expected)))
}
