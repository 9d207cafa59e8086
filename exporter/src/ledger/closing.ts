import type { SessionClosed } from '../usage.ts'
import type { Ledger } from './ledger.ts'

/** A session is looked at again as long as it had a call within this time. */
const LOOK_BACK_MS = 3 * 86_400_000
const BATCH = 5_000

/**
 * Closes the sessions that have been idle for `idleMs`: one entry each, once. A call that comes later, in the same session,
 * is counted everywhere but in the session histograms. The first run looks at the whole ledger.
 */
export function createSessionCloser(ledger: Ledger, idleMs: number): (now: number) => Promise<number> {
  let first = true
  return async (now) => {
    const rows = await ledger.query('idle_sessions', { from: first ? 0 : now - LOOK_BACK_MS, idle: now - idleMs })
    const entries = rows.map(
      (row): SessionClosed => ({
        kind: 'session_closed',
        version: 1,
        key: `session:${String(row.customer)}:${String(row.session)}`,
        session: String(row.session),
        customer: String(row.customer),
        tier: row.tier === '' ? null : String(row.tier),
        calls: Number(row.calls),
        cost: row.cost as bigint,
        first: Number(row.first),
        last: Number(row.last),
      }),
    )
    for (let from = 0; from < entries.length; from += BATCH) await ledger.append(entries.slice(from, from + BATCH))
    first = false
    return entries.length
  }
}
