/** Local days, weeks (from Monday) and months of one zone. Days are numbered from 1970-01-01 = 0. No imports. */
export interface Calendar {
  readonly zone: string
  /** Number of the local day in which a moment (epoch ms) lies. */
  day(ms: number): number
  /** First moment of a local day, epoch ms. */
  dayStart(day: number): number
  /** First day of the week, month of a day; first day of the month after it. */
  weekOf(day: number): number
  monthOf(day: number): number
  nextMonth(day: number): number
}

const QUARTER = 900_000
const DAY = 86_400_000
const CACHE = 20_000

/**
 * Makes the calendar of an IANA zone. Offsets of all zones in use today are whole quarters of an hour, so every quarter of
 * an hour lies in one local day and is looked up once.
 */
export function createCalendar(zone: string): Calendar {
  const parts = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' })
  const cells = new Map<number, number>()
  const day = (ms: number): number => {
    const cell = Math.floor(ms / QUARTER)
    const known = cells.get(cell)
    if (known !== undefined) return known
    if (cells.size >= CACHE) cells.clear()
    const number = Date.parse(`${parts.format(cell * QUARTER)}T00:00:00Z`) / DAY
    cells.set(cell, number)
    return number
  }
  return { zone, day, dayStart: (number) => dayStart(number, day), weekOf, monthOf, nextMonth }
}

/** `2026-11-22` for a day number. */
export function dayText(day: number): string {
  return new Date(day * DAY).toISOString().slice(0, 10)
}

function dayStart(number: number, day: (ms: number) => number): number {
  // A zone is at most 14 h ahead and 12 h behind; the first quarter of an hour that belongs to the day is its start.
  let low = Math.floor((number * DAY - 15 * 3_600_000) / QUARTER)
  let high = Math.ceil((number * DAY + 13 * 3_600_000) / QUARTER)
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (day(middle * QUARTER) < number) low = middle + 1
    else high = middle
  }
  return low * QUARTER
}

// Day 0 was a Thursday.
function weekOf(day: number): number {
  return day - ((((day + 3) % 7) + 7) % 7)
}

function monthOf(day: number): number {
  const date = new Date(day * DAY)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1) / DAY
}

function nextMonth(day: number): number {
  const date = new Date(day * DAY)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) / DAY
}
