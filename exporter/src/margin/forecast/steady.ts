import type { Calendar } from '../../calendar.ts'
import type { Nano } from '../../usage.ts'
import type { Bounds } from './bounds.ts'

/** Cost of something that runs day and night, such as containers, by local day. */
export interface SteadyCost {
  /** In any order, each day once. */
  readonly days: readonly { readonly day: number; readonly cost: Nano }[]
  /** What it has cost in the running month. */
  readonly spent: Nano
}

const LOOK_BACK = 7
const DAY = 86_400_000

/**
 * What something that runs day and night will have cost at the month's end: spent so far, and for each day that is left the
 * mean of the last seven whole days; low and high with the cheapest and the dearest of them. Null without a whole day.
 */
export function forecastSteady({ days, spent }: SteadyCost, calendar: Calendar, now: number): Bounds | null {
  const today = calendar.day(now)
  const costs = days
    .filter(({ day }) => day < today && day >= today - LOOK_BACK)
    .map(({ cost }) => (cost > 0n ? cost : 0n))
    .sort((a, b) => (a < b ? -1 : 1))
  const [least] = costs
  const most = costs.at(-1)
  if (least === undefined || most === undefined) return null
  const left = BigInt(Math.max(0, calendar.dayStart(calendar.nextMonth(today)) - Math.floor(now)))
  const rest = (cost: Nano, days: bigint) => spent + (cost * left) / (days * BigInt(DAY))
  const sum = costs.reduce((all, cost) => all + cost, 0n)
  return { low: rest(least, 1n), expected: rest(sum, BigInt(costs.length)), high: rest(most, 1n) }
}
