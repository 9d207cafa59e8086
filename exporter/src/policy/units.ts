import { decimal, type Nano, toNano, usd } from '@marginwatch/pricing'

const MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const
const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
}

/** `30s`, `15m`, `35d` → milliseconds; undefined when it is none. A day is 24 hours, a week 7 days. */
export function readDuration(text: string): number | undefined {
  const match = /^(\d{1,12})(ms|s|m|h|d|w)$/.exec(text)
  return match ? Number(match[1]) * MS[match[2] as keyof typeof MS] : undefined
}

/** Milliseconds → the shortest exact text that `readDuration` reads, in days at most. */
export function durationText(ms: number): string {
  if (ms === 0) return '0s'
  for (const unit of ['d', 'h', 'm', 's'] as const) if (ms % MS[unit] === 0) return `${ms / MS[unit]}${unit}`
  return `${ms}ms`
}

/** `16MB` (millions of bytes), `16MiB` (2^20) → bytes; undefined when it is none. */
export function readSize(text: string): number | undefined {
  const match = /^(\d{1,12})(B|KB|MB|GB|KiB|MiB|GiB)$/.exec(text)
  return match ? Number(match[1]) * (BYTES[match[2] ?? ''] ?? Number.NaN) : undefined
}

/** A day from 1970 on as `2026-01-31`, handed back as it is; undefined for anything else, 30 February too. */
export function readDate(text: string): string | undefined {
  if (!/^(19[7-9]|2\d\d)\d-\d\d-\d\d$/.test(text)) return undefined
  const day = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text) ? text : undefined
}

/** A whole number in decimal digits; undefined when it is none. */
export function readWhole(text: string): number | undefined {
  return /^-?\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** Dollars by their decimal text; undefined when it is no number, null when it is finer than a nano-dollar. */
export function readDollars(text: string): Nano | null | undefined {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,2})?$/i.test(text)) return undefined
  const dollars = decimal(text)
  const exact = dollars.exponent >= -9 || dollars.digits % 10n ** BigInt(-9 - dollars.exponent) === 0n
  return exact ? toNano(dollars) : null
}

/** `95%`, `0.01%` → hundredths of a percent; undefined when it is none, null when it is finer than that. */
export function readPercent(text: string): number | null | undefined {
  const [, whole, , decimals = ''] = /^(\d{1,9})(\.(\d{1,9}))?%$/.exec(text) ?? []
  if (whole === undefined) return undefined
  if (/[1-9]/.test(decimals.slice(2))) return null
  return Number(whole) * 100 + Number(decimals.slice(0, 2).padEnd(2, '0'))
}

/** Hundredths of a percent → the shortest text that `readPercent` reads. */
export function percentText(basisPoints: number): string {
  return `${basisPoints / 100}%`
}

/** Nano-dollars as people write them: `$8`, `$0.50`, `$0.000225`. */
export function dollarsText(amount: Nano): string {
  return `$${usd(amount).replace(/\.\d$/, '$&0')}`
}
