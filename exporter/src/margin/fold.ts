import type { Calendar } from '../calendar.ts'
import type { Close, Recorded } from '../ledger/ledger.ts'
import type { MarginPolicy } from '../policy/policy.ts'
import { createInfraTotals, type InfraTotal } from './infra.ts'
import { type MonthMargin, monthMargin } from './month.ts'
import { type MonthDays, monthDays } from './month-days.ts'
import { createMonthUse, type MonthUse } from './month-use.ts'
import { type MarginLedger, type MonthRows, rowOf } from './rows.ts'
import type { Timeline } from './timeline.ts'

export interface MarginDeps {
  readonly calendar: Calendar
  readonly now: () => number
  readonly timeline: () => Timeline
  readonly policy: () => MarginRules
  /** What of the infrastructure is not metered in [from, to), epoch milliseconds, in a sentence; null = nothing. */
  readonly missing: (from: number, to: number) => string | null
}

/** What of the policy the margin goes by; plans in the policy's order, with their targets in hundredths of a percent. */
export interface MarginRules {
  readonly margin: MarginPolicy
  readonly tiers: Readonly<Record<string, { readonly target: number | null }>>
}

/** The running month and all that was ever metered, as a fold over the ledger: the same whatever the cut between `load` and `apply`. */
export interface MarginFold {
  /** First local day of the month that is to be loaded. */
  readonly from: number
  load(rows: MonthRows): void
  apply(batch: readonly Recorded[]): void
  /** The running month as of now; null when the clock says that a month runs from before the one that was loaded. */
  month(): MonthMargin | null
  infraTotals(): readonly InfraTotal[]
  /** Since when anything is metered, epoch milliseconds; null = nothing ever was. */
  meteredSince(): number | null
}

/** Nothing changes so much in a second that many who ask in it need be told apart. */
const FRESH_MS = 1_000

export function createMarginFold(deps: MarginDeps): MarginFold {
  const { calendar, now } = deps
  const totals = createInfraTotals(calendar)
  const months = new Map<number, MonthUse>()
  const from = calendar.monthOf(calendar.day(now()))
  // Months before it are not kept: what comes late for them is asked of the ledger.
  let kept = from
  let shown: Shown | null = null
  let grown = false
  const monthOf = monthFinder(calendar)
  const useOf = (day: number): MonthUse | null => {
    const month = monthOf(day)
    if (month < kept) return null
    let use = months.get(month)
    if (!use) {
      use = createMonthUse()
      months.set(month, use)
    }
    return use
  }
  const add = (rows: MonthRows) => {
    for (const row of rows.uses) useOf(row.day)?.add(row)
    for (const row of rows.metered) {
      useOf(row.day)?.meter(row)
      totals.add(row)
    }
    grown = true
  }
  /** The month before the running one is kept: a clock may be set back. */
  const forget = (running: number) => {
    kept = Math.max(kept, calendar.monthOf(running - 1))
    for (const month of months.keys()) if (month < kept) months.delete(month)
  }
  return {
    from,
    load: add,
    apply(batch) {
      for (const record of batch) {
        const found = rowOf(record, calendar)
        if (found?.use) useOf(found.use.day)?.add(found.use)
        else if (found?.metered) {
          useOf(found.metered.day)?.meter(found.metered)
          totals.add(found.metered)
        }
      }
      grown = true
    },
    month() {
      const at = now()
      const rules = deps.policy()
      if (shown && !grown && shown.rules === rules && at >= shown.at && at < shown.at + FRESH_MS) return shown.margin
      const running = monthOf(calendar.day(at))
      const use = useOf(running)
      if (use === null) return null
      forget(running)
      const days = shown?.days.month === running ? shown.days : monthDays(calendar, running)
      shown = { at, rules, days, margin: marginOf(deps, use, days, at) }
      grown = false
      return shown.margin
    },
    infraTotals: totals.all,
    meteredSince: totals.since,
  }
}

interface Shown {
  readonly at: number
  readonly rules: MarginRules
  readonly days: MonthDays
  readonly margin: MonthMargin
}

/** A month's margin of its use, by the policy and the roster as they are now. */
function marginOf(deps: MarginDeps, use: MonthUse, days: MonthDays, at: number): MonthMargin {
  const { margin, tiers } = deps.policy()
  return monthMargin({
    days,
    at,
    timeline: deps.timeline(),
    use: use.sums(margin),
    targets: new Map(Object.entries(tiers).map(([name, { target }]) => [name, target])),
    missing: deps.missing(days.from, Math.min(at, days.to)),
  })
}

/** Every event asks for the month of its day, and there are few days. */
function monthFinder(calendar: Calendar): (day: number) => number {
  let [first, next] = [1, 0]
  return (day) => {
    if (day < first || day >= next) {
      first = calendar.monthOf(day)
      next = calendar.nextMonth(day)
    }
    return first
  }
}

export interface OpenMargin {
  month(): MonthMargin | null
  infraTotals(): readonly InfraTotal[]
  meteredSince(): number | null
  /** Number of the last entry that the figures hold. */
  seq(): number
  close: Close
}

/** Starts from a snapshot, then follows. */
export async function openMargin(ledger: MarginLedger, deps: MarginDeps): Promise<OpenMargin> {
  const fold = createMarginFold(deps)
  const snapshot = await ledger.load(
    fold.from,
    deps.calendar.nextMonth(deps.calendar.nextMonth(fold.from)),
    'everMetered',
  )
  fold.load(snapshot.state)
  let seq = snapshot.seq
  const close = ledger.follow(seq + 1, (batch) => {
    fold.apply(batch)
    seq = batch.at(-1)?.seq ?? seq
  })
  const { month, infraTotals, meteredSince } = fold
  return { month, infraTotals, meteredSince, seq: () => seq, close }
}

/**
 * Any month, that which a local day lies in, by asking the ledger: as of now, and as of its end when it is over. It is the same
 * as the fold says of the running month.
 */
export async function readMonth(ledger: MarginLedger, deps: MarginDeps, day: number): Promise<MonthMargin> {
  const days = monthDays(deps.calendar, day)
  const { state } = await ledger.load(days.month, days.next)
  const use = createMonthUse()
  for (const row of state.uses) use.add(row)
  for (const row of state.metered) use.meter(row)
  return marginOf(deps, use, days, deps.now())
}
