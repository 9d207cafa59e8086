import type { Calendar } from '../../calendar.ts'
import type { Nano } from '../../usage.ts'
import type { Foretold } from './bounds.ts'
import { HOUR, type SpendHistory } from './days.ts'
import { LEAST_DAYS, type Model, modelOf } from './model.ts'
import { spreadOf } from './past.ts'

export interface MonthInput {
  readonly history: SpendHistory
  /** Net spend of the running month up to the end of the history, exact. */
  readonly spent: Nano
  readonly calendar: Calendar
  /** Which month is running, epoch milliseconds. */
  readonly now: number
}

/**
 * What the calls of the running month will have cost at its end. Spent so far is taken as it is; for the rest of the month each
 * day is expected to cost what its weekday usually does, at the level of late. The bounds are those within which 8 of 10 earlier
 * forecasts over as many days lay. `spent ≤ low ≤ expected ≤ high`, and all are the same when the month is over.
 */
export function forecastMonth({ history, spent, calendar, now }: MonthInput): Foretold {
  const model = modelOf(history, calendar)
  if ('known' in model) return model
  const rest = restOf(model, { calendar, now, to: history.to })
  const horizon = Math.max(1, Math.round(rest.days))
  const spread = spreadOf(model.days.totals, model.outlook, { horizon, least: LEAST_DAYS })
  // Within the last day errors shrink more slowly than what is left: with its root.
  const wider = rest.days >= 1 || rest.days <= 0 ? 1 : 1 / Math.sqrt(rest.days)
  const off = (factor: number) => nano(rest.cost * Math.max(0, 1 + (factor - 1) * wider))
  return {
    known: true,
    bounds: { low: spent + off(spread.low), expected: spent + nano(rest.cost), high: spent + off(spread.high) },
  }
}

interface Rest {
  readonly cost: number
  /** Days that are left, the running one by the share of its spend that is to come. */
  readonly days: number
}

/** What of the month comes after the end of the history. */
function restOf(model: Model, { calendar, now, to }: { calendar: Calendar; now: number; to: number }): Rest {
  const { days, outlook, shares } = model
  const end = days.totals.length
  const running = calendar.day(to)
  const begin = calendar.monthOf(calendar.day(now))
  const over = calendar.nextMonth(begin)
  let cost = 0
  let count = 0
  if (running >= begin && running < over) {
    const start = calendar.dayStart(running)
    count = shares(end, end).reduce((sum, share, hour) => {
      const part = (start + (hour + 1) * HOUR - to) / HOUR
      return sum + share * Math.min(1, Math.max(0, part))
    }, 0)
    cost = count * outlook(end).day(end)
  }
  for (let day = Math.max(running + 1, begin); day < over; day++) {
    cost += outlook(end).day(day - days.first)
    count++
  }
  return { cost, days: count }
}

function nano(cost: number): Nano {
  return BigInt(Math.round(cost))
}
