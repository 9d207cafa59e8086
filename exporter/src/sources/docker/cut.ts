import type { Calendar } from '../../calendar.ts'

/** Where spans of metered infrastructure end. */
export interface Cuts {
  /** The first end of a span after a moment: a whole number of `record` after midnight, or the next midnight. */
  next(at: number): number
  /** The first local midnight after a moment. */
  midnight(at: number): number
}

/** Ends of spans follow from the clock alone, so that whoever reads, and whenever it began, cuts at the same moments. */
export function createCuts(calendar: Calendar, recordMs: number): Cuts {
  // Of a day that was looked up, for nearly all questions are about the running one.
  let day = { start: 0, end: 0 }
  const dayOf = (at: number) => {
    if (at < day.start || at >= day.end) {
      const number = calendar.day(at)
      day = { start: calendar.dayStart(number), end: calendar.dayStart(number + 1) }
    }
    return day
  }
  return {
    next(at) {
      const { start, end } = dayOf(at)
      return Math.min(end, start + (Math.floor((at - start) / recordMs) + 1) * recordMs)
    },
    midnight: (at) => dayOf(at).end,
  }
}
