import type { CustomerEntry, Policy } from '../policy/policy.ts'
import type { Nano } from '../usage.ts'
import { paint, type Span } from './spans.ts'
import type { PriceStep } from './timeline.ts'

/** What is said of a customer for a time. */
export interface Said {
  /** Null = it is no customer. */
  readonly tier: string | null
  /** Null = the plan's price. */
  readonly price: Nano | null
}

export const NO_CUSTOMER: Said = Object.freeze({ tier: null, price: null })

/** Until further notice, and since ever. */
const [EVER, NEVER] = [-Infinity, Infinity]

/**
 * What the entries of a file say of each customer, for all time: where no entry of it holds, it is no customer. Of two that
 * hold at a time the later one counts. `nameOf` is the name under which a customer's calls are kept.
 */
export function wantedOf(
  entries: readonly CustomerEntry[],
  nameOf: (id: string) => string,
): Map<string, readonly Span<Said>[]> {
  const wanted = new Map<string, readonly Span<Said>[]>()
  for (const entry of entries) {
    const customer = nameOf(entry.id)
    let spans = wanted.get(customer) ?? [{ from: EVER, to: NEVER, value: NO_CUSTOMER }]
    for (const { from, to, value } of spansOf(entry)) spans = paint(spans, from, to, value)
    wanted.set(customer, spans)
  }
  return wanted
}

/** An entry's own time: a trial first, where it has one. */
export function spansOf({ tier, from, to, price, trialUntil }: Omit<CustomerEntry, 'id'>): Span<Said>[] {
  const [begin, end] = [from ?? EVER, to ?? NEVER]
  if (trialUntil === null) return [{ from: begin, to: end, value: { tier, price } }]
  const paid = Math.min(Math.max(trialUntil, begin), end)
  return [
    { from: begin, to: paid, value: { tier, price: 0n } },
    { from: paid, to: end, value: { tier, price } },
  ].filter((span) => span.from < span.to)
}

/** What the policy says each plan costs; nothing before its first price. */
export function wantedPrices({ tiers }: Policy): Map<string, readonly PriceStep[]> {
  return new Map(
    Object.entries(tiers).map(([name, { prices }]) => [
      name,
      prices.map(({ price, from }) => ({ price, from: from ?? EVER })),
    ]),
  )
}
