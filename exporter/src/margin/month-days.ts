import type { Calendar } from '../calendar.ts'

/**
 * A local month measured in ticks. Each of its days has the same number of them, however many hours it has, so that a day of 23
 * hours earns as much as any other; all moments fall on whole ticks, so that shares of the month are exact.
 */
export interface MonthDays {
  /** First day of the month, and of the one after it, as local day numbers. */
  readonly month: number
  readonly next: number
  /** The same as moments, epoch milliseconds. */
  readonly from: number
  readonly to: number
  readonly days: number
  /** Ticks of the whole month. */
  readonly ticks: number
  /** Ticks from the month's begin to a moment: 0 before it and `ticks` after it. */
  ticksAt(ms: number): number
}

/** Measures the month that a local day lies in. */
export function monthDays(calendar: Calendar, day: number): MonthDays {
  const month = calendar.monthOf(day)
  const next = calendar.nextMonth(month)
  const days = next - month
  const starts = Array.from({ length: days + 1 }, (_, i) => calendar.dayStart(month + i))
  const start = (i: number) => starts[i] as number
  const length = (i: number) => start(i + 1) - start(i)
  let perDay = 1
  // Where a zone moved over the date line a local day was left out whole: it has no moment to be told.
  for (let i = 0; i < days; i++) if (length(i) > 0) perDay = leastCommonMultiple(perDay, length(i))
  const [from, to] = [start(0), start(days)]
  const ticks = days * perDay
  return {
    month,
    next,
    from,
    to,
    days,
    ticks,
    ticksAt(ms) {
      if (ms <= from) return 0
      if (ms >= to) return ticks
      let low = 0
      let high = days - 1
      while (low < high) {
        const middle = Math.ceil((low + high) / 2)
        if (start(middle) <= ms) low = middle
        else high = middle - 1
      }
      return low * perDay + Math.floor(ms - start(low)) * (perDay / length(low))
    },
  }
}

function leastCommonMultiple(a: number, b: number): number {
  let [x, y] = [a, b]
  while (y !== 0) [x, y] = [y, x % y]
  return (a / x) * b
}
