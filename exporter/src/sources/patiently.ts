import { LedgerBusy } from '../ledger/ledger.ts'
import type { SourceDeps } from './source.ts'

const MOST_TRIES = 20

/**
 * While the ledger has too much waiting, so does a source whose neighbour keeps what it has: `record` is tried again after the
 * time that the ledger asks for, at most twenty times. Rejects with what `record` rejects with.
 */
export async function patiently<T>(
  record: () => Promise<T>,
  { sleep }: Pick<SourceDeps, 'sleep'>,
  signal: AbortSignal,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await record()
    } catch (error) {
      if (!(error instanceof LedgerBusy) || tries === MOST_TRIES || signal.aborted) throw error
      await sleep(error.retryAfterMs, signal)
    }
  }
}
