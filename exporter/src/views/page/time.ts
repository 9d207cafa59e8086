import { ABSENT } from './format.ts'
import { type Html, html } from './html.ts'

/** Writes times in one zone. */
export interface Clock {
  /** `14:02` on the day of `now`, else `21 Nov 14:02`; the whole of it where a pointer rests on it. A dash when not known. */
  moment(time: number | null): Html
  /** `22 Nov 2026, 14:02:31`. */
  full(time: number): string
}

/** Intl formatters are dear to make and free to use: one set a zone. Zones come from the policy, so they are few. */
const made = new Map<string, Formats>()

interface Formats {
  readonly day: Intl.DateTimeFormat
  readonly year: Intl.DateTimeFormat
  readonly minute: Intl.DateTimeFormat
  readonly second: Intl.DateTimeFormat
}

/** A clock for an IANA zone at a time; throws a RangeError on a zone that does not exist. */
export function clock(timeZone: string, now: number): Clock {
  const formats = formatsOf(timeZone)
  const today = formats.year.format(now)
  const full = (time: number) => `${formats.year.format(time)}, ${formats.second.format(time)}`
  return {
    full,
    moment: (time) => {
      if (time === null) return html`${ABSENT}`
      const minute = formats.minute.format(time)
      const text = formats.year.format(time) === today ? minute : `${formats.day.format(time)} ${minute}`
      return html`<time datetime="${new Date(time).toISOString()}" title="${full(time)} ${timeZone}">${text}</time>`
    },
  }
}

function formatsOf(timeZone: string): Formats {
  const known = made.get(timeZone)
  if (known) return known
  const of = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat('en-GB', { timeZone, hourCycle: 'h23', ...options })
  const formats = {
    day: of({ day: 'numeric', month: 'short' }),
    year: of({ day: 'numeric', month: 'short', year: 'numeric' }),
    minute: of({ hour: '2-digit', minute: '2-digit' }),
    second: of({ hour: '2-digit', minute: '2-digit', second: '2-digit' }),
  }
  made.set(timeZone, formats)
  return formats
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `2026-11-05` → `5 Nov`; anything else as it is. */
export function dayName(date: string): string {
  const match = /^\d{4}-(\d\d)-(\d\d)$/.exec(date)
  const month = MONTHS[Number(match?.[1]) - 1]
  return match && month ? `${Number(match[2])} ${month}` : date
}
