/**
 * `scaled × 10^-places` as exact decimal text without trailing zeros: `decimalText(1500n, 3)` → `"1.5"`. A number must be a
 * safe integer; it is the faster way for what fits.
 */
export function decimalText(scaled: number | bigint, places: number): string {
  if (typeof scaled === 'number' && !Number.isSafeInteger(scaled)) {
    throw new RangeError(`expected an integer that is exact in a number, found ${scaled}; hand in a bigint instead`)
  }
  const negative = scaled < 0
  const digits = String(scaled)
    .slice(negative ? 1 : 0)
    .padStart(places + 1, '0')
  let end = digits.length
  const point = end - places
  while (end > point && digits.charCodeAt(end - 1) === ZERO) end--
  const text = end === point ? digits.slice(0, point) : `${digits.slice(0, point)}.${digits.slice(point, end)}`
  return negative ? `-${text}` : text
}

const ZERO = 48
