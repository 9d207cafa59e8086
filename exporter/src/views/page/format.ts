import { usd, usdRounded } from '@marginwatch/pricing'
import type { Nano } from '../../usage.ts'
import { type Html, html } from './html.ts'

/** What stands where a value is not known. */
export const ABSENT = '–'

const DOLLAR = 1_000_000_000n

/**
 * Dollars as people read them: whole from 100,000 on, cents from one dollar on, four digits below, and for a tiny amount as many
 * as it takes to show three figures of it. Never `$0.00` for something that is not zero.
 */
export function dollars(amount: Nano): string {
  const size = amount < 0n ? -amount : amount
  return (amount < 0n ? '−$' : '$') + grouped(usdRounded(size, places(size)))
}

function places(size: Nano): number {
  if (size >= 100_000n * DOLLAR) return 0
  if (size >= DOLLAR || size === 0n) return 2
  return Math.max(4, Math.min(9, 12 - size.toString().length))
}

/** An amount that is round as it stands, for a chart's axis: `$1,000`, `$0.05`. */
export function roundDollars(amount: Nano): string {
  return `$${grouped(usd(amount))}`
}

/** An amount for people, with the exact one where a pointer rests on it. */
export function money(amount: Nano | null | undefined): Html {
  if (amount === null || amount === undefined) return html`${ABSENT}`
  const exact = usd(amount)
  return html`<data value="${exact}" title="exactly $${exact}">${dollars(amount)}</data>`
}

/** `1234567` → `1,234,567`. */
export function count(n: number | null): string {
  return n === null ? ABSENT : grouped(String(n))
}

const COMPACT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 })

/** `1234567` → `1.23M`, with the exact number where a pointer rests on it. */
export function compact(n: number | null): Html {
  if (n === null) return html`${ABSENT}`
  return n < 10_000
    ? html`${grouped(String(n))}`
    : html`<data value="${n}" title="${grouped(String(n))}">${COMPACT.format(n)}</data>`
}

/** `0.1234` → `12.3%`; something that is not zero is never `0.0%`. */
export function percent(ratio: number | null): string {
  if (ratio === null || !Number.isFinite(ratio)) return ABSENT
  if (ratio > 0 && ratio < 0.001) return '<0.1%'
  return `${grouped((ratio * 100).toFixed(1))}%`
}

function grouped(decimal: string): string {
  const dot = decimal.indexOf('.')
  const whole = dot < 0 ? decimal : decimal.slice(0, dot)
  return whole.replace(/\B(?=(\d{3})+$)/g, ',') + (dot < 0 ? '' : decimal.slice(dot))
}

/** `one` or `many` by number: `plural(1, 'call')` → `1 call`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`
}
