/**
 * Money is an integer number of nano-dollars (a thousand-millionth of a dollar), carried as a bigint so that sums stay
 * exact at any size.
 */
export type Nano = bigint

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/

/** A decimal number as it stands in text: `digits × 10^exponent`. Exact; binary floats never enter the arithmetic. */
export interface Decimal {
  digits: bigint
  exponent: number
}

/**
 * Reads a decimal by its text. A JavaScript number is read by its shortest text, so `0.00033000000000000005` means just
 * that. Throws on anything that is not a finite decimal.
 */
export function decimal(value: string | number): Decimal {
  const text = typeof value === 'number' ? String(value) : value.trim()
  const match = DECIMAL.exec(text)
  const whole = match?.[2] ?? ''
  const fraction = match?.[3] ?? ''
  if (!match || whole + fraction === '') throw new RangeError(`not a decimal number: ${JSON.stringify(value)}`)
  const digits = BigInt(whole + fraction)
  return { digits: match[1] === '-' ? -digits : digits, exponent: Number(match[4] ?? 0) - fraction.length }
}

/** Product of two decimals, exact. */
export function times(a: Decimal, b: Decimal): Decimal {
  return { digits: a.digits * b.digits, exponent: a.exponent + b.exponent }
}

/** Sum of two decimals, exact. */
export function plus(a: Decimal, b: Decimal): Decimal {
  const exponent = Math.min(a.exponent, b.exponent)
  return { digits: scaled(a, exponent) + scaled(b, exponent), exponent }
}

/** Rounds dollars to whole nano-dollars, half to even. The only place where money is rounded on the way in. */
export function toNano(dollars: Decimal): Nano {
  const shift = dollars.exponent + 9
  if (shift >= 0) return dollars.digits * 10n ** BigInt(shift)
  return divideHalfEven(dollars.digits, 10n ** BigInt(-shift))
}

/** Dollars as text or number → nano-dollars, one rounding (half to even). Throws on anything that is not a finite decimal. */
export function nano(dollars: string | number): Nano {
  return toNano(decimal(dollars))
}

/** Nano-dollars → exact decimal dollars without trailing zeros: `225000n` → `"0.000225"`, `60000000n` → `"0.06"`. */
export function usd(amount: Nano): string {
  const sign = amount < 0n ? '-' : ''
  const text = (amount < 0n ? -amount : amount).toString().padStart(10, '0')
  const fraction = text.slice(-9).replace(/0+$/, '')
  return sign + text.slice(0, -9) + (fraction === '' ? '' : `.${fraction}`)
}

/** Nano-dollars → dollars rounded half to even to `places` decimals, for people: `usdRounded(1234567891n, 2)` → `"1.23"`. */
export function usdRounded(amount: Nano, places: number): string {
  const unit = 10n ** BigInt(9 - places)
  const rounded = divideHalfEven(amount, unit)
  const sign = rounded < 0n ? '-' : ''
  const text = (rounded < 0n ? -rounded : rounded).toString().padStart(places + 1, '0')
  return sign + (places === 0 ? text : `${text.slice(0, -places)}.${text.slice(-places)}`)
}

/** A decimal as plain text without exponent or trailing zeros: `25e-7` → `"0.0000025"`. */
export function plain(value: Decimal): string {
  const sign = value.digits < 0n ? '-' : ''
  const digits = (value.digits < 0n ? -value.digits : value.digits).toString()
  if (value.exponent >= 0) return value.digits === 0n ? '0' : sign + digits + '0'.repeat(value.exponent)
  const padded = digits.padStart(1 - value.exponent, '0')
  const fraction = padded.slice(value.exponent).replace(/0+$/, '')
  return sign + padded.slice(0, value.exponent) + (fraction === '' ? '' : `.${fraction}`)
}

/** The value as an integer number of `10^exponent`; exact while `exponent` is not above the value's own. */
export function scaled(value: Decimal, exponent: number): bigint {
  return value.digits * 10n ** BigInt(value.exponent - exponent)
}

/** The quotient as a whole number, half to even; the denominator is above zero. */
export function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator
  const remainder = numerator % denominator
  const twice = (remainder < 0n ? -remainder : remainder) * 2n
  if (twice < denominator || (twice === denominator && quotient % 2n === 0n)) return quotient
  return numerator < 0n ? quotient - 1n : quotient + 1n
}
