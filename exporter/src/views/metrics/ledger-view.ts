import type { Calendar } from '../../calendar.ts'
import type { Close, Ledger } from '../../ledger/ledger.ts'
import { readTotals } from '../../ledger/totals.ts'
import { createCrossings, readCrossings } from './crossings.ts'
import { HISTOGRAM_SPECS } from './distributions.ts'
import { createSpendFold } from './fold.ts'
import { createPeriods, firstDay, readDays } from './periods.ts'
import type { Collector } from './sample.ts'
import { createSessions, readSessions } from './sessions.ts'

export interface LedgerView extends Collector {
  /** Number of the last entry that the numbers hold. */
  seq(): number
  close: Close
}

/**
 * The numbers that come from the ledger: starts from a snapshot, then follows. A scrape reads memory only. While `quiet()`
 * is true (the first back-fill is running) it shows nothing: half a month is not a month.
 */
export async function openLedgerView(
  ledger: Ledger,
  calendar: Calendar,
  now: () => number,
  quiet: () => boolean,
): Promise<LedgerView> {
  const spend = createSpendFold()
  const periods = createPeriods(calendar, now)
  const sessions = createSessions()
  const crossings = createCrossings()
  const snapshot = await ledger.snapshot(async (rows) => ({
    totals: await readTotals(rows, HISTOGRAM_SPECS),
    days: await readDays(rows, firstDay(calendar, now())),
    sessions: await readSessions(rows),
    crossings: await readCrossings(rows),
  }))
  spend.load(snapshot.state.totals)
  periods.load(snapshot.state.days)
  sessions.load(snapshot.state.sessions, now())
  crossings.load(snapshot.state.crossings)
  let seq = snapshot.seq
  const close = ledger.follow(seq + 1, (batch) => {
    spend.apply(batch)
    periods.apply(batch)
    sessions.apply(batch)
    crossings.apply(batch)
    seq = batch.at(-1)?.seq ?? seq
  })
  return {
    name: 'ledger',
    seq: () => seq,
    close,
    collect: () =>
      quiet() ? [] : [...spend.families(), periods.family(), ...sessions.families(), ...crossings.families()],
  }
}
