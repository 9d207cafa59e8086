import type { Calendar } from '../calendar.ts'
import type { Nano } from '../usage.ts'
import type { Period } from './ladder.ts'

export type CalendarPeriod = Exclude<Period, 'session'>

/** Spend of one subject in the latest period in which it spent, and in the one before that. */
export interface Running {
  /** First day of the latest period. */
  start: number
  spent: Nano
  before: Nano
  /** What must be spent for something to happen: null = nothing more happens, undefined = that must be looked up. */
  next: Nano | null | undefined
}

/** Spend of one subject by day, week and month. */
export type Sums = Record<CalendarPeriod, Running>

/** Before every day that there is. */
const NEVER = -1_000_000

export function emptySums(): Sums {
  return { day: running(), week: running(), month: running() }
}

function running(): Running {
  return { start: NEVER, spent: 0n, before: 0n, next: undefined }
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

export const PERIODS = ['day', 'week', 'month'] as const satisfies readonly CalendarPeriod[]

/** First days of the periods in which a day lies, and of those before them. */
interface Spans {
  readonly start: Record<CalendarPeriod, number>
  readonly before: Record<CalendarPeriod, number>
}

const DAYS = 1_000
const SPANS = new WeakMap<Calendar, Map<number, Spans>>()

/** Looked up once for each day: every call asks for them. */
function spansOf(calendar: Calendar, day: number): Spans {
  let known = SPANS.get(calendar)
  if (!known) {
    known = new Map()
    SPANS.set(calendar, known)
  }
  let spans = known.get(day)
  if (!spans) {
    const start = { day, week: calendar.weekOf(day), month: calendar.monthOf(day) }
    const before = { day: day - 1, week: start.week - 7, month: calendar.monthOf(start.month - 1) }
    spans = { start, before }
    if (known.size >= DAYS) known.clear()
    known.set(day, spans)
  }
  return spans
}

/**
 * Adds the cost of a call to the periods of its day. What is older than the period before the latest one is not kept. True when
 * what is spent has come to where something may happen.
 */
export function addTo(sums: Sums, calendar: Calendar, day: number, cost: Nano): boolean {
  const { start, before } = spansOf(calendar, day)
  let look = false
  for (const period of PERIODS) {
    const one = sums[period]
    if (start[period] === one.start) {
      one.spent += cost
      look ||= one.next === undefined || (one.next !== null && one.spent >= one.next)
    } else if (start[period] > one.start) {
      one.before = one.start === before[period] ? one.spent : 0n
      one.start = start[period]
      one.spent = cost
      one.next = undefined
      look = true
    } else {
      if (start[period] === spansOf(calendar, one.start).before[period]) one.before += cost
      look = true
    }
  }
  return look
}

/** Spend of the period that begins with a day: exact for the one that runs and the one before it. */
export function spentIn(sums: Sums | undefined, calendar: Calendar, period: CalendarPeriod, start: number): Nano {
  const one = sums?.[period]
  if (!one) return 0n
  if (one.start === start) return one.spent
  return periodBefore(calendar, period, one.start) === start ? one.before : 0n
}
