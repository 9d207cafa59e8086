import { attemptLabels, type AttemptTotal, fallbackLabels, type FallbackTotal } from '../../ledger/tries.ts'
import type { Recorded } from '../../ledger/ledger.ts'
import { add, type CounterFamily } from './cells.ts'

/** Attempts and fallbacks, counted into the families that show them; the last failed try of a call is not among them. */
export interface Tries {
  load(totals: { readonly attempts: readonly AttemptTotal[]; readonly fallbacks: readonly FallbackTotal[] }): void
  apply(record: Recorded): void
}

export function createTries(families: {
  readonly providerErrors: CounterFamily
  readonly fallbacks: CounterFamily
}): Tries {
  const failed = (provider: string, errorClass: string, at: number) =>
    families.providerErrors.cell([provider, errorClass], at)
  const fellBack = (from: string, to: string, at: number) => families.fallbacks.cell([from, to], at)
  return {
    load({ attempts, fallbacks }) {
      for (const { provider, errorClass, firstAt, n } of attempts) add(failed(provider, errorClass, firstAt), n)
      for (const { from, to, firstAt, n } of fallbacks) add(fellBack(from, to, firstAt), n)
    },
    apply({ entry, named, at }) {
      if (entry.kind === 'attempt') {
        const { provider, errorClass } = attemptLabels(entry, named)
        add(failed(provider, errorClass, at), 1)
      } else if (entry.kind === 'fallback') {
        const { from, to } = fallbackLabels(entry, named)
        add(fellBack(from, to, at), 1)
      }
    },
  }
}
