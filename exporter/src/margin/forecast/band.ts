import type { Calendar } from '../../calendar.ts'
import type { Foretold } from './bounds.ts'
import { HOUR, HOURS_A_DAY, type SpendHistory, slotOf } from './days.ts'
import { LEAST_DAYS, type Model, modelOf } from './model.ts'
import { quantile } from './quantile.ts'

/** Days whose hours say how far from the expected is usual. */
const DAYS = 42
/** 19 of 20 hours lay below what counts as usual, and 19 of 20 above; the band is so many times as wide. */
const USUAL = 0.95
const ABOVE = 3
const BELOW = 2

/**
 * Where the spend of the last hour of a history usually lies; beyond it, it is unusual. Of an hour that is made of two, each
 * counts by its part. Runaways of the past do not widen the band while they are fewer than one hour in twenty.
 */
export function hourBand(history: SpendHistory, calendar: Calendar): Foretold {
  const model = modelOf(history, calendar)
  if ('known' in model) return model
  const at = (moment: number) => {
    const day = calendar.day(moment)
    const index = Math.min(model.days.totals.length, day - model.days.first)
    return bandOfDay(model, index)[slotOf(moment, calendar.dayStart(day))] ?? NOTHING
  }
  const { to } = history
  const newer = at(to - 1)
  const older = at(to - HOUR)
  const part = ((to - 1 - calendar.dayStart(calendar.day(to - 1))) % HOUR) + 1
  const mixed = (bound: keyof Limits) => BigInt(Math.round((newer[bound] * part + older[bound] * (HOUR - part)) / HOUR))
  return { known: true, bounds: { low: mixed('low'), expected: mixed('expected'), high: mixed('high') } }
}

/** Bounds of one hour in floating-point nano-dollars. */
export interface Limits {
  readonly low: number
  readonly expected: number
  readonly high: number
}

const NOTHING: Limits = { low: 0, expected: 0, high: 0 }

/** The bands of the hours of the day at an index, by the days before it. */
export function bandOfDay(model: Model, index: number): Limits[] {
  const { high, low } = deviations(model, index)
  const mean = model.outlook(index).level / HOURS_A_DAY
  return Array.from(model.hours(index), (expected) => {
    const width = widthOf(expected, mean)
    return {
      low: Math.max(0, expected + Math.min(0, BELOW * low) * width),
      expected,
      high: expected + Math.max(0, ABOVE * high) * width,
    }
  })
}

/** How far hours of late were off what was expected of them, in widths. */
function deviations(model: Model, end: number): { high: number; low: number } {
  const found: number[] = []
  for (let index = Math.max(LEAST_DAYS, end - DAYS); index < end; index++) {
    const mean = model.outlook(index).level / HOURS_A_DAY
    model.hours(index).forEach((expected, hour) => {
      const width = widthOf(expected, mean)
      if (width > 0) found.push(((model.days.hours[index]?.[hour] ?? 0) - expected) / width)
    })
  }
  return found.length === 0 ? ASSUMED : { high: quantile(found, USUAL), low: quantile(found, 1 - USUAL) }
}

/** Before a day was ever foretold. */
const ASSUMED = { high: 1, low: -0.5 }

/**
 * How far an hour strays by its size: a quiet one, made of few calls, as the root of its size, a busy one, of which many customers
 * are a part, in proportion to it; between the two most of all.
 */
function widthOf(expected: number, mean: number): number {
  return Math.sqrt((expected * (expected + 2 * mean)) / 3)
}
