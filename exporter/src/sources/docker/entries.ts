import type { ContainerRate } from '../../policy/policy.ts'
import { rateAt } from '../../policy/rates.ts'
import { type Meter, METERS, type Metered } from '../../usage.ts'
import { costOf } from './cost.ts'
import type { Cuts } from './cut.ts'
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

/** Service under which a time stands that nobody looked at. */
const UNSEEN = 'unseen'

/** Says of each day of a time in which nobody looked that what ran then has no known cost. */
export function unseenEntries(from: number, to: number, cuts: Pick<Cuts, 'midnight'>): Metered[] {
  const entries: Metered[] = []
  for (let start = from; start < to; ) {
    const end = Math.min(cuts.midnight(start), to)
    const span = common({ service: UNSEEN, start, end })
    entries.push({ ...span, key: `docker:${UNSEEN}:${start}:${end}`, meter: 'memory', amount: 0n, cost: null })
    start = end
  }
  return entries
}

function common({ service, start, end }: Pick<Span, 'service' | 'start' | 'end'>) {
  return { kind: 'metered', version: 1, source: SOURCE, resource: 'container', service, start, end } as const
}

function keyOf({ id, end }: Span, meter: Meter, turn: number): string {
  return `docker:${id}:${meter}:${end}${turn === 0 ? '' : `:${turn}`}`
}
