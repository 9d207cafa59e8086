import { plain, sensitive } from '../redact.ts'

/** Turns a text into a short stable one from which the text cannot be read: at least 8 characters of it are used. */
export type Hash = (text: string) => string

/** Longest name that becomes a customer, a user, a session or another label. */
export const NAME_LENGTH = 128
/** How the languages that gateways are written in spell "nothing" when they make text of it. */
const NOTHING = new Set(['', 'None', 'null', 'undefined', 'nan', 'NaN'])
/** No name is read from more than this; the rest is only hashed. */
const READ_LENGTH = 1024

/** The scalar in a record as clean text, or null when there is nothing: no text, number or boolean, or a word for nothing. */
export function scalar(value: unknown): string | null {
  const text = textOf(value)
  if (text === null) return null
  const clean = plain(text.length > READ_LENGTH ? text.slice(0, READ_LENGTH) : text)
  return NOTHING.has(clean) ? null : clean
}

/**
 * A value as the name of somebody or something. Keys and e-mail addresses never reach a label, a log line or a page: a value
 * that looks like one becomes `hash:xxxxxxxx`, the same for the same value. A name that is too long is cut and ends in a
 * hash of the whole, so that two long names stay two. Null when there is nothing.
 */
export function name(value: unknown, hash: Hash, length = NAME_LENGTH): string | null {
  if (typeof value !== 'string' || length !== NAME_LENGTH) return nameOf(value, hash, length)
  let known = NAMES.get(hash)
  if (!known) {
    known = new Map()
    NAMES.set(hash, known)
  }
  let found = known.get(value)
  if (found === undefined) {
    found = nameOf(value, hash, length)
    if (known.size >= REMEMBERED) known.clear()
    if (value.length <= NAME_LENGTH) known.set(value, found)
  }
  return found
}

// The same few names come with every call, and looking one up takes a tenth of the time of making it.
const NAMES = new WeakMap<Hash, Map<string, string | null>>()
const REMEMBERED = 20_000

function nameOf(value: unknown, hash: Hash, length: number): string | null {
  const clean = scalar(value)
  if (clean === null) return null
  if (sensitive(clean)) return `hash:${hash(clean).slice(0, 8)}`
  const whole = textOf(value) as string
  if (clean.length <= length && whole.length <= READ_LENGTH) return clean
  return `${plain(clean.slice(0, length - 9))}~${hash(whole).slice(0, 8)}`
}

function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : null
  return typeof value === 'boolean' ? String(value) : null
}
