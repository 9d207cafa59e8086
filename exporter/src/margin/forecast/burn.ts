import { BURN_WINDOWS, type BurnWindow } from '../../catalogue.ts'
import type { Nano } from '../../usage.ts'
import { HOUR, type SpendHistory } from './days.ts'

export interface BurnRate {
  readonly window: BurnWindow
  /** Millionths, never rounded up: 1,000,000 uses the limit up exactly at the end of a whole period. */
  readonly rate: bigint
}

/** A limit and the period that it is for, epoch milliseconds. */
export interface BurnBudget {
  readonly limit: Nano
  readonly start: number
  readonly end: number
}

const LENGTHS: Readonly<Record<BurnWindow, number>> = {
  '1h': HOUR,
  '6h': 6 * HOUR,
  '24h': 24 * HOUR,
  '72h': 72 * HOUR,
}
const MILLION = 1_000_000n

/**
 * How fast a budget is used up: share of its limit that was spent within a window, divided by the share of its period that the
 * window is (Google, The Site Reliability Workbook, chapter 5). `history` holds the net spend of the budget's scope; windows end
 * where it ends, and reach over the beginning of a period. Of the hour in which a window begins its part counts. A window that
 * reaches back before what is known has no rate, and a limit of nothing has none at all.
 */
export function burnRates(history: SpendHistory, { limit, start, end }: BurnBudget): BurnRate[] {
  if (limit <= 0n || end <= start) return []
  return BURN_WINDOWS.flatMap((window): BurnRate[] => {
    const length = LENGTHS[window]
    const from = history.to - length
    if (from < history.from) return []
    const spent = spentWithin(history, from)
    const rate = (spent * BigInt(end - start) * MILLION) / (limit * BigInt(length))
    return [{ window, rate: rate < 0n ? 0n : rate }]
  })
}

/** Net spend from a moment on. Of the hour that it cuts, as much as its share of time. */
function spentWithin({ hours, to }: SpendHistory, from: number): Nano {
  let sum = 0n
  for (const { hour, cost } of hours) {
    if (hour >= to || hour + HOUR <= from) continue
    sum += hour >= from ? cost : (cost * BigInt(Math.floor(hour + HOUR - from))) / BigInt(HOUR)
  }
  return sum
}
