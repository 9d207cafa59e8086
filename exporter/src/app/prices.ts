import { openPriceBook, type PriceBook } from '@marginwatch/pricing'
import type { Logger } from 'pino'
import { litellmClient } from '../clients/litellm.ts'
import type { Policy } from '../policy/policy.ts'

/** The price book in force: the shipped books, LiteLLM's own map once it was read, and the policy's overrides. */
export interface PriceKeeper {
  current(): PriceBook
  /** Reads LiteLLM's map from the gateway that the policy polls, if it names one. */
  refresh(signal: AbortSignal): Promise<void>
  /** Lays the policy's overrides and profile over the books anew. */
  rebuild(): void
  /** Age of each price source in milliseconds; null where its date is not known. */
  ages(): { book: string; ageMs: number | null }[]
}

export interface PriceKeeperDeps {
  readonly policy: () => Policy
  readonly log: Logger
  readonly now: () => number
}

export function keepPrices({ policy, log, now }: PriceKeeperDeps): PriceKeeper {
  let map: { readonly litellmMap: unknown; readonly litellmMapDate: number } | null = null
  const open = (): PriceBook => {
    const { profile, overrides } = policy().prices
    return openPriceBook({ ...(map ?? {}), profile, overrides })
  }
  let book = open()
  return {
    current: () => book,
    rebuild() {
      book = open()
    },
    async refresh(signal) {
      const { poll } = policy().sources.litellm
      if (poll === null) return
      const client = litellmClient({ baseUrl: poll.url, key: poll.key, timeoutMs: poll.timeoutMs, now })
      try {
        map = { litellmMap: await client.costMap(signal), litellmMapDate: now() }
        book = open()
        if (book.skipped.length > 0)
          log.debug({ skipped: book.skipped.length }, "entries of LiteLLM's price map were left out")
      } finally {
        client.close()
      }
    },
    ages: () =>
      book.sources().map(({ name, asOf }) => ({ book: name, ageMs: asOf === null ? null : Math.max(0, now() - asOf) })),
  }
}
