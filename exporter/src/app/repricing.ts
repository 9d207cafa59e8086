import type { PriceBook } from '@marginwatch/pricing'
import type { Ledger } from '../ledger/ledger.ts'
import type { Correction, Usage } from '../usage.ts'

const PAGE = 2_000

/**
 * Prices calls that had no price when they came and whose model is known by now: a pair of corrections each, which takes the
 * call out of those without a price and puts it, with its cost, among the priced ones. The counters keep what was first
 * recorded. Returns how many calls were priced; stops early when the signal aborts.
 */
export async function reprice(ledger: Ledger, book: PriceBook, signal: AbortSignal): Promise<number> {
  let priced = 0
  for (let from = 1; !signal.aborted; ) {
    const page = await ledger.unpriced(from, PAGE)
    const last = page.at(-1)
    if (!last) break
    const corrections = page.flatMap(({ entry }) => pairFor(entry, book))
    if (corrections.length > 0) await ledger.append(corrections)
    priced += corrections.length / 2
    from = last.seq + 1
  }
  return priced
}

function pairFor(usage: Usage, book: PriceBook): Correction[] {
  if (usage.model === null) return []
  const found = book.cost(usage.model, usage.tokens, { provider: usage.provider, at: usage.start })
  if (found === null) return []
  const common = {
    kind: 'correction',
    version: 1,
    of: usage.key,
    reason: `the price of ${usage.model} became known (${found.price.source})`,
    by: 'repricing',
    source: usage.source,
    start: usage.start,
    customer: usage.customer,
    tier: usage.tier,
    user: usage.user,
    session: usage.session,
    agent: usage.agent,
    operation: usage.operation,
    queryType: usage.queryType,
    model: usage.model,
    provider: usage.provider,
    environment: usage.environment,
    status: usage.status,
    tokens: {},
  } as const
  return [
    { ...common, key: `repricing:${usage.key}:from`, basis: 'unpriced', calls: -1, cost: 0n },
    { ...common, key: `repricing:${usage.key}:to`, basis: found.basis, calls: 1, cost: found.cost },
  ]
}
