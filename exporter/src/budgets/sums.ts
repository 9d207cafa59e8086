import type { Calendar } from '../calendar.ts'
import type { Nano } from '../usage.ts'
import type { Period } from './ladder.ts'

export type CalendarPeriod = Exclude<Period, 'session'>

/** Spend of one subject in the latest period in which it spent, and in the one before that. */
interface Running {
  /** First day of the latest period. */
  start: number
  spent: Nano
  before: Nano
}

/** Spend of one subject by day, week and month. */
export type Sums = Record<CalendarPeriod, Running>

/** Before every day that there is. */
const NEVER = -1_000_000

export function emptySums(): Sums {
  return { day: running(), week: running(), month: running() }
}

function running(): Running {
  return { start: NEVER, spent: 0n, before: 0n }
}

/** First day of the period in which a day lies. */
export function periodOf(calendar: Calendar, period: CalendarPeriod, day: number): number {
  if (period === 'day') return day
  return period === 'week' ? calendar.weekOf(day) : calendar.monthOf(day)
}

/** First day of the period before the one that begins with a day. */
export function periodBefore(calendar: Calendar, period: CalendarPeriod, start: number): number {
  return periodOf(calendar, period, start - 1)
}

/** First day after the period that begins with a day. */
export function periodAfter(calendar: Calendar, period: CalendarPeriod, start: number): number {
  if (period === 'month') return calendar.nextMonth(start)
  return start + (period === 'day' ? 1 : 7)
}

const PERIODS: readonly CalendarPeriod[] = ['day', 'week', 'month']

/** Adds the cost of a call to the periods of its day. What is older than the period before the latest one is not kept. */
export function addTo(sums: Sums, calendar: Calendar, day: number, cost: Nano): void {
  for (const period of PERIODS) {
    const one = sums[period]
    const start = periodOf(calendar, period, day)
    if (start === one.start) one.spent += cost
    else if (start > one.start) {
      one.before = one.start === periodBefore(calendar, period, start) ? one.spent : 0n
      one.start = start
      one.spent = cost
    } else if (start === periodBefore(calendar, period, one.start)) one.before += cost
  }
}

/** Spend of the period that begins with a day: exact for the one that runs and the one before it. */
export function spentIn(sums: Sums | undefined, calendar: Calendar, period: CalendarPeriod, start: number): Nano {
  const one = sums?.[period]
  if (!one) return 0n
  if (one.start === start) return one.spent
  return periodBefore(calendar, period, one.start) === start ? one.before : 0n
}
