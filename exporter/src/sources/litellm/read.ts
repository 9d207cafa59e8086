import { nano } from '@marginwatch/pricing'
import { plain, sensitive } from '../../redact.ts'
import type { Nano } from '../../usage.ts'

/** A record that cannot become an event. The message names field, what was found and what was expected; never a text. */
export class Refused extends Error {
  override readonly name = 'Refused'
}

export type Json = Readonly<Record<string, unknown>>

const MOST_TOKENS = 1_000_000_000
const MOST_COST: Nano = 1_000_000n * 1_000_000_000n
const EARLIEST = Date.UTC(2020, 0, 1)
const NONE: Json = Object.freeze({})

export function object(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : NONE
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** An id or name as clean text of at most `most` characters; null for anything else, for nothing, and for Python's "None". */
export function text(value: unknown, most = 256): string | null {
  if (typeof value !== 'string' && typeof value !== 'number') return null
  const clean = plain(String(value).slice(0, most))
  return clean === '' || clean === 'None' || clean === 'null' ? null : clean
}

/**
 * A word that becomes a label or is kept as it is, such as an error's class; null also for one that looks like a key or an
 * e-mail address, which no version of LiteLLM puts there.
 */
export function word(value: unknown, most = 64): string | null {
  const found = text(value)
  if (found === null || sensitive(found)) return null
  return found.length <= most ? found : text(found, most)
}

/** A count of tokens; 0 when absent. Text is taken for a number, since versions differ. Throws Refused. */
export function count(value: unknown, field: string): number {
  if (value === null || value === undefined || value === '') return 0
  const number = typeof value === 'string' && /^\s*[+-]?\d+(?:\.0*)?\s*$/.test(value) ? Number(value) : value
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= MOST_TOKENS) return number
  throw new Refused(`${field} is ${found(value)}, expected a whole number from 0 to ${MOST_TOKENS}`)
}

/** A whole number that is not negative and exact; null for anything else. */
export function whole(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}

/** Dollars by their decimal text, as nano-dollars; null when absent. Throws Refused. */
export function dollars(value: unknown, field: string): Nano | null {
  if (value === null || value === undefined || value === '' || value === 'None') return null
  const amount =
    typeof value === 'number' || (typeof value === 'string' && value.length <= 64) ? parseNano(value) : null
  if (amount !== null && amount >= 0n && amount <= MOST_COST) return amount
  throw new Refused(`${field} is ${found(value)}, expected dollars from 0 to 1000000`)
}

/** The moment at which a call began, epoch milliseconds. Throws Refused when there is none or it is absurd. */
export function start(value: unknown, field: string): number {
  const at = moment(value)
  if (at === null) throw new Refused(`${field} is ${found(value)}, expected seconds since 1970 or an ISO time`)
  if (at < EARLIEST) throw new Refused(`${field} is ${new Date(at).toISOString()}, expected a time after 2020`)
  return at
}

const ISO = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?$/
/** What a Date can hold reaches much further; nothing after the year 9999, or as long before 1970, is a time. */
const LATEST = Date.UTC(9999, 11, 31)

/**
 * A moment in epoch milliseconds, from seconds or milliseconds since 1970 (as number or text) or ISO text; without a zone it
 * is UTC, as LiteLLM writes it. Null when it is none.
 */
export function moment(value: unknown): number | null {
  let at = Number.NaN
  if (typeof value === 'number') at = epoch(value)
  else if (typeof value === 'string' && value.length <= 40) {
    const zoned = ISO.exec(value.trim())
    if (zoned) at = Date.parse(`${value.trim().replace(' ', 'T')}${zoned[1] ? '' : 'Z'}`)
    else if (/^\d{9,14}(?:\.\d+)?$/.test(value)) at = epoch(Number(value))
  }
  return Math.abs(at) <= LATEST ? wholeMs(at) : null
}

/**
 * Cut as LiteLLM's database cuts it, so that record and row of one call begin in the same day. Microseconds are what was
 * meant; what binary fractions add to them must not cost a millisecond.
 */
function wholeMs(at: number): number {
  return Math.floor(Math.round(at * 1000) / 1000)
}

/** No call of a language model lies before 1973, so a number beyond 1e11 counts milliseconds. */
function epoch(value: number): number {
  return Math.abs(value) > 1e11 ? value : value * 1000
}

function parseNano(value: string | number): Nano | null {
  try {
    return nano(value)
  } catch {
    return null
  }
}

/** What was found, for a message: numbers as they are, of everything else the kind alone, so that no text gets out. */
export function found(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value)
  if (value === undefined) return 'absent'
  if (typeof value === 'string')
    return /^[\d.,eE+-]{1,32}$/.test(value) ? `"${value}"` : `a text of ${value.length} characters`
  return Array.isArray(value) ? 'an array' : 'an object'
}
