import type { PlanPrice, RosterChange, RosterOrigin } from '../usage.ts'
import type { Span } from './spans.ts'
import type { PriceStep, RosterRecord } from './timeline.ts'
import type { Said } from './wanted.ts'

/** Who said it, and why. */
export interface Saying {
  readonly by: string
  readonly reason: string
}

/**
 * The entries by which an origin says something of a customer, or withdraws what it said. Their keys hold the number of its
 * last entry about the customer: two exporters that see the same difference say it once, and what was said, withdrawn and
 * said again is a new entry each time.
 */
export function changesOf(
  timeline: RosterRecord,
  origin: RosterOrigin,
  customer: string,
  spans: readonly Span<Said | undefined>[],
  { by, reason }: Saying,
): RosterChange[] {
  const last = timeline.lastOf(origin, customer)
  return spans.map(({ from, to, value }): RosterChange => {
    const [tier, price] = [value?.tier ?? null, value?.price ?? null]
    return {
      kind: 'roster_change',
      version: 1,
      key: `roster:${origin}:${customer}:${last}:${from}:${to}:${value === undefined ? '-' : tier}:${price}`,
      customer,
      tier,
      price,
      from: finite(from),
      to: finite(to),
      origin,
      by,
      reason,
      ...(value === undefined ? { withdrawn: true } : {}),
    }
  })
}

/** The entries by which a plan gets prices. */
export function pricesOf(timeline: RosterRecord, tier: string, steps: readonly PriceStep[]): PlanPrice[] {
  const { last } = timeline.priceSteps(tier)
  return steps.map(({ from, price }) => ({
    kind: 'plan_price',
    version: 1,
    key: `plan:${tier}:${last}:${from}:${price}`,
    tier,
    price,
    from: finite(from),
  }))
}

function finite(at: number): number | null {
  return Number.isFinite(at) ? at : null
}
