import { type Decimal, decimal } from './money.ts'

/** What a source said that could not be used; the rest of the source is. */
export interface Skipped {
  readonly source: 'litellm' | 'override' | 'genai-prices'
  readonly key: string
  readonly reason: string
}

/** Longer or smaller numbers are mistakes, and would make arithmetic slow. */
const MOST_DIGITS = 40
const SMALLEST_EXPONENT = -40

/**
 * A price as it stands in a source → exact dollars. Null and undefined are absent (null). Anything that is not a plausible
 * price (text that is no number, a negative, NaN) is absent too and `complain` is told what was found.
 */
export function readPrice(value: unknown, complain: (reason: string) => void): Decimal | null {
  if (value === null || value === undefined) return null
  const price = typeof value === 'number' || typeof value === 'string' ? parse(value) : null
  if (price === null || price.digits < 0n) {
    complain(`${shown(value)} is no price; expected dollars from 0 up`)
    return null
  }
  return price
}

function parse(value: number | string): Decimal | null {
  if (String(value).length > MOST_DIGITS * 2) return null
  try {
    const price = decimal(value)
    const plausible = price.exponent >= SMALLEST_EXPONENT && price.exponent <= 6
    return plausible && price.digits.toString().length <= MOST_DIGITS ? price : null
  } catch {
    return null
  }
}

/** A value as an error message shows it: short, and never throwing. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object'
  return typeof value === 'symbol' ? 'a symbol' : typeof value === 'function' ? 'a function' : String(value)
}

/** A plain object, or null. */
export function record(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null
}
