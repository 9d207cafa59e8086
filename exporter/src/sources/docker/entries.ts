import type { ContainerRate } from '../../policy/policy.ts'
import { rateAt } from '../../policy/rates.ts'
import { type Meter, METERS, type Metered } from '../../usage.ts'
import { costOf } from './cost.ts'
import type { Span } from './use.ts'

export const SOURCE = 'docker'

/**
 * The entries of a span: one for each meter of which something was used. `turn` tells spans apart of which the clock, set back,
 * showed the end twice. Where a part of the memory is unknown the entry has what is known of it, and no cost.
 */
export function entriesOf(span: Span, rates: readonly ContainerRate[], turn: number): Metered[] {
  const rate = rateAt(rates, span.start)
  return METERS.flatMap((meter): Metered[] => {
    const amount = span[meter]
    const unknown = meter === 'memory' && span.unknown
    if (amount === 0n && !unknown) return []
    const cost = unknown ? null : costOf(meter, amount, rate)
    return [{ ...common(span), key: keyOf(span, meter, turn), meter, amount, cost }]
  })
}

function common({ service, start, end }: Span) {
  return { kind: 'metered', version: 1, source: SOURCE, resource: 'container', service, start, end } as const
}

function keyOf({ id, end }: Span, meter: Meter, turn: number): string {
  return `docker:${id}:${meter}:${end}${turn === 0 ? '' : `:${turn}`}`
}
