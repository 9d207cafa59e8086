import type { Calendar } from '../../calendar.ts'
import { type Days, daysOf, type SpendHistory, wholeDays } from './days.ts'
import { type Outlook, outlookAt, type Series } from './outlook.ts'
import { hourShares } from './season.ts'

/** Whole days before anything is foretold: every weekday twice. */
export const LEAST_DAYS = 14
/** Last days of a month that may be unlike others. */
const EDGE_DAYS = 3

/** A history as it is looked at from each of its days. */
export interface Model {
  readonly days: Days
  /** What is expected from the day at an index on, by the days before it. */
  outlook(end: number): Outlook
  /** What is expected of each hour of the day at an index, by the days before it. */
  hours(index: number): Float64Array
  /** Shares of the hours of the day at an index, by the days before `end`. */
  shares(index: number, end: number): Float64Array
}

/** The model of a history, or why there is none. */
export function modelOf(
  history: SpendHistory,
  calendar: Calendar,
): Model | { readonly known: false; readonly reason: string; readonly from: number | null } {
  const { first, end } = wholeDays(history, calendar)
  const count = Math.max(0, end - first)
  if (count < LEAST_DAYS) {
    const reason = `the ledger covers ${count} whole ${count === 1 ? 'day' : 'days'}; a forecast needs ${LEAST_DAYS}, every weekday twice`
    return { known: false, reason, from: calendar.dayStart(first + LEAST_DAYS) }
  }
  const model = createModel(daysOf(history, calendar), calendar)
  if (model.outlook(count).level > 0) return model
  return { known: false, reason: 'no call of the last eight weeks cost anything', from: null }
}

function createModel(days: Days, calendar: Calendar): Model {
  const weekdayAt = (index: number) => days.first + index - calendar.weekOf(days.first + index)
  const edgeAt = remember((index) => edgeOf(calendar, days.first + index))
  const series: Series = { totals: days.totals, weekdayAt, edgeAt }
  const outlook = remember((end) => outlookAt(series, end))
  const byWeekday = remember((end) => hourShares(days, end, weekdayAt))
  const shares = (index: number, end: number) => byWeekday(end)[weekdayAt(index)] ?? new Float64Array()
  return {
    days,
    outlook,
    shares,
    hours: remember((index) => {
      const day = outlook(index).day(index)
      return shares(index, index).map((share) => share * day)
    }),
  }
}

function edgeOf(calendar: Calendar, day: number): number {
  const left = calendar.nextMonth(day) - day
  if (left <= EDGE_DAYS) return -left
  return day === calendar.monthOf(day) ? 1 : 0
}

function remember<T>(make: (index: number) => T): (index: number) => T {
  const made = new Map<number, T>()
  return (index) => {
    let found = made.get(index)
    if (found === undefined) {
      found = make(index)
      made.set(index, found)
    }
    return found
  }
}
