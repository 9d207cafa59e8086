import type { Ledger } from '../ledger/ledger.ts'
import type { Entry } from '../usage.ts'

/** Entries on their way into the ledger, which may be busy or unwritable for a while. Their keys make each count once. */
export interface Outbox {
  put(entry: Entry): void
  /** Resolves when everything that was put is durable, or the ledger does not take it now. */
  flush(): Promise<void>
  readonly waiting: number
}

export function createOutbox(append: Ledger['append'], onFailure: (reason: string) => void): Outbox {
  const waiting = new Map<string, Entry>()
  let running: Promise<void> | null = null
  const send = async () => {
    try {
      while (waiting.size > 0) {
        const batch = [...waiting.values()].slice(0, BATCH)
        await append(batch)
        for (const { key } of batch) waiting.delete(key)
      }
    } catch (cause) {
      onFailure(cause instanceof Error ? cause.message : String(cause))
    } finally {
      // At once: what is put a moment later must not think that it is taken along.
      running = null
    }
  }
  const flush = () => {
    if (waiting.size === 0) return Promise.resolve()
    running ??= send()
    return running
  }
  return {
    put(entry) {
      waiting.set(entry.key, entry)
      void flush()
    },
    flush,
    get waiting() {
      return waiting.size
    },
  }
}

const BATCH = 1_000
