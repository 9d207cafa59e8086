const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

/** A time of day in UTC, on some weekdays. `start > end` runs past midnight; `start = end` is the whole day. */
export interface Window {
  /** Milliseconds since midnight UTC; the start is inside, the end is not. */
  readonly start: number
  readonly end: number
  /** ISO weekdays, Monday = 1; null = every day. */
  readonly weekdays: readonly number[] | null
  /** IANA zone whose calendar names the weekday; null = UTC. */
  readonly zone: string | null
}

const SHORT_DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

/** Whether `at` (epoch milliseconds) lies in one of the windows. */
export function within(windows: readonly Window[], at: number): boolean {
  const time = ((at % DAY_MS) + DAY_MS) % DAY_MS
  return windows.some((window) => {
    const { start, end } = window
    const inside = start < end ? time >= start && time < end : time >= start || time < end
    return inside && (window.weekdays === null || window.weekdays.includes(weekday(at, window.zone)))
  })
}

/** `HH:MM-HH:MM` in UTC → start and end in milliseconds since midnight; null for anything else. */
export function parseHours(text: unknown): { start: number; end: number } | null {
  const match = typeof text === 'string' ? /^\s*(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s*$/.exec(text) : null
  if (!match) return null
  const [hour, minute, endHour, endMinute] = match.slice(1).map(Number) as [number, number, number, number]
  if (hour > 23 || endHour > 23 || minute > 59 || endMinute > 59) return null
  return { start: (hour * 60 + minute) * MINUTE_MS, end: (endHour * 60 + endMinute) * MINUTE_MS }
}

const calendars = new Map<string, Intl.DateTimeFormat>()

function weekday(at: number, zone: string | null): number {
  // 1970-01-01 was a Thursday, ISO day 4.
  if (zone === null) return ((((Math.floor(at / DAY_MS) + 3) % 7) + 7) % 7) + 1
  let calendar = calendars.get(zone)
  if (calendar === undefined) {
    calendar = new Intl.DateTimeFormat('en-US', { timeZone: zone, weekday: 'short' })
    calendars.set(zone, calendar)
  }
  return SHORT_DAYS.indexOf(calendar.format(at)) + 1
}

/** Whether the runtime knows an IANA zone. */
export function knownZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: zone }) !== null
  } catch {
    return false
  }
}
