import type { Nano } from '../../usage.ts'
import type { Bounds } from './bounds.ts'

export interface MarginParts {
  /** Revenue of the whole month, as the roster stands now. */
  readonly revenue: Nano
  /** What calls will have cost at the month's end. */
  readonly model: Bounds
  /** What infrastructure will have cost then; null = nobody knows. */
  readonly infra: Bounds | null
}

/**
 * Margin at the month's end: revenue less both costs; low with the high costs, high with the low ones. Both costs are seldom
 * high at once, so the band is rather too wide than too narrow. Without infrastructure there is none: it would look too good.
 */
export function forecastMargin({ revenue, model, infra }: MarginParts): Bounds | null {
  if (infra === null) return null
  return {
    low: revenue - model.high - infra.high,
    expected: revenue - model.expected - infra.expected,
    high: revenue - model.low - infra.low,
  }
}
