import { Rng } from '@marginwatch/sandbox'
import type { Calendar } from '@marginwatch/exporter/calendar'

/** Spend of one hour of an invented company, in dollars: what it would have been, and what runaways added. */
export interface HourTruth {
  /** First moment, epoch milliseconds. */
  readonly hour: number
  readonly usd: number
  /** Of it, by agents that ran away. */
  readonly runaway: number
  /** Part of an outage. */
  readonly down: boolean
}

const HOUR = 3_600_000
const DAYS = 365
/** Offices by day, and nights that are never empty, by local hour. */
const HOURS = [
  0.3, 0.25, 0.22, 0.22, 0.25, 0.35, 0.6, 1, 1.5, 1.8, 1.85, 1.7, 1.4, 1.6, 1.85, 1.85, 1.75, 1.5, 1.2, 1, 0.85, 0.7,
  0.55, 0.4,
]

/**
 * A year of an invented company by the hour: weekdays, offices' hours, the last days of a month, growth, a new customer that
 * comes on one day and stays, an outage of a day, days and hours that differ by chance, and now and then an hour that is many
 * times dearer. How much of each follows from the seed.
 */
export function createYear(seed: number, calendar: Calendar, first: number): HourTruth[] {
  const rng = new Rng(seed, 17, 4)
  const plan = planOf(rng)
  const rows: HourTruth[] = []
  for (let index = 0; index < DAYS; index++) {
    const day = first + index
    const start = calendar.dayStart(day)
    const usual = dayUsd(rng, plan, { index, day, calendar })
    const hours = (calendar.dayStart(day + 1) - start) / HOUR
    for (let slot = 0; slot < hours; slot++) {
      const mean = (usual * (HOURS[slot % 24] ?? 0)) / 24
      const runaway = mean * runawayOf(rng)
      rows.push({
        hour: start + slot * HOUR,
        usd: mean * Math.exp(0.25 * normal(rng) - 0.03) + runaway,
        runaway,
        down: index === plan.outageDay,
      })
    }
  }
  return rows
}

interface Plan {
  readonly weekdays: readonly number[]
  readonly monthEnd: number
  readonly monthGrowth: number
  readonly stepDay: number
  readonly step: number
  readonly outageDay: number
  readonly dayNoise: number
}

function planOf(rng: Rng): Plan {
  return {
    weekdays: [1, 1.05, 1.06, 1.04, 0.95, rng.between(0.3, 0.6), rng.between(0.25, 0.5)],
    monthEnd: rng.between(1.15, 1.5),
    monthGrowth: rng.between(-0.01, 0.08),
    stepDay: Math.floor(rng.between(120, 300)),
    step: rng.between(1.2, 1.6),
    outageDay: Math.floor(rng.between(90, 330)),
    dayNoise: rng.between(0.05, 0.12),
  }
}

function dayUsd(rng: Rng, plan: Plan, at: { index: number; day: number; calendar: Calendar }): number {
  const { index, day, calendar } = at
  const left = calendar.nextMonth(day) - day
  const weekday = plan.weekdays[day - calendar.weekOf(day)] ?? 1
  const end = left <= 3 ? plan.monthEnd : 1
  const growth = (1 + plan.monthGrowth) ** (index / 30.4)
  const customers = index >= plan.stepDay ? plan.step : 1
  const up = index === plan.outageDay ? 0.03 : 1
  return 60 * weekday * end * growth * customers * up * Math.exp(plan.dayNoise * normal(rng))
}

/** One hour in 250 costs a multiple more, and a few of those many times more (Pareto's tail of exponent 1.5, at most twenty). */
function runawayOf(rng: Rng): number {
  return rng.chance(1 / 250) ? Math.min(20, (1 - rng.unit()) ** (-1 / 1.5)) : 0
}

/** Box and Muller's standard normal number. */
function normal(rng: Rng): number {
  return Math.sqrt(-2 * Math.log(1 - rng.unit())) * Math.cos(2 * Math.PI * rng.unit())
}
