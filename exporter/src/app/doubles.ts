import type { Ledger } from '../ledger/ledger.ts'
import { takeBack } from '../sources/langfuse/take-back.ts'

const PAGE = 1_000

/**
 * Takes back what was counted because a trace store alone had seen it, and what the gateway has told of since. Returns how many
 * calls; stops early when the signal aborts.
 */
export async function takeBackDoubles(ledger: Pick<Ledger, 'query' | 'append'>, signal: AbortSignal): Promise<number> {
  let calls = 0
  while (!signal.aborted) {
    const rows = await ledger.query('double_counted', { limit: PAGE })
    const { accepted } = rows.length === 0 ? { accepted: 0 } : await ledger.append(rows.map(takeBack))
    calls += accepted
    // What was taken back before and is listed all the same would be listed for ever.
    if (rows.length < PAGE || accepted === 0) break
  }
  return calls
}
