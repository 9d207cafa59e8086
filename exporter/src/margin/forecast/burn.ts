import { BURN_WINDOWS, type BurnWindow } from '../../catalogue.ts'
import type { Nano } from '../../usage.ts'
import { HOUR } from './days.ts'

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

/** Net spend of a scope within each window, all of which end at the same moment. */
export type SpentWithin = Readonly<Record<BurnWindow, Nano>>

/** Milliseconds. */
export const BURN_LENGTHS: Readonly<Record<BurnWindow, number>> = {
  '1h': HOUR,
  '6h': 6 * HOUR,
  '24h': 24 * HOUR,
  '72h': 72 * HOUR,
}
const MILLION = 1_000_000n

/**
 * How fast a budget is used up: share of its limit that was spent within a window, divided by the share of its period that the
 * window is (Google, The Site Reliability Workbook, chapter 5). Windows reach over the beginning of a period. One that reaches
 * further back than `knownMs` has no rate, and a limit of nothing has none at all.
 */
export function burnRates(spent: SpentWithin, { limit, start, end }: BurnBudget, knownMs: number): BurnRate[] {
  if (limit <= 0n || end <= start) return []
  return BURN_WINDOWS.filter((window) => BURN_LENGTHS[window] <= knownMs).map((window) => {
    const rate = (spent[window] * BigInt(end - start) * MILLION) / (limit * BigInt(BURN_LENGTHS[window]))
    return { window, rate: rate < 0n ? 0n : rate }
  })
}
