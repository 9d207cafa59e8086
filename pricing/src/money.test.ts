import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decimal, nano, plain, plus, times, toNano, usd, usdRounded } from './money.ts'

const anyDecimal = fc.record({
  digits: fc.bigInt(-(10n ** 20n), 10n ** 20n),
  exponent: fc.integer({ min: -25, max: 8 }),
})
const anyNano = fc.bigInt(-(10n ** 18n), 10n ** 18n)

describe('decimal', () => {
  test.each([
    ['0.06', 6n, -2],
    ['1.5e-7', 15n, -8],
    ['-3E2', -3n, 2],
    ['.5', 5n, -1],
    ['7.', 7n, 0],
    [0.1 + 0.2, 30000000000000004n, -17],
  ])('reads %s by its text', (value, digits, exponent) => {
    expect(decimal(value)).toEqual({ digits, exponent })
  })

  test.each(['', '.', 'e5', '1,5', '0x10', 'NaN', '1e99999', Number.NaN, Infinity])('refuses %s', (value) => {
    expect(() => decimal(value)).toThrow(RangeError)
  })

  test('reads back what plain wrote, whatever the number', () => {
    fc.assert(
      fc.property(anyDecimal, (value) => {
        const again = decimal(plain(value))
        expect(plus(again, { digits: -value.digits, exponent: value.exponent }).digits).toBe(0n)
      }),
    )
  })
})

describe('rounding to nano-dollars', () => {
  test.each([
    ['0.0000000005', 0n],
    ['0.0000000015', 2n],
    ['0.0000000025', 2n],
    ['0.00000000251', 3n],
    ['-0.0000000005', 0n],
    ['-0.0000000015', -2n],
    ['12', 12_000_000_000n],
  ])('rounds %s half to even', (value, expected) => {
    expect(nano(value)).toBe(expected)
  })

  test('is at most half a nano-dollar away, and even when exactly half', () => {
    fc.assert(
      fc.property(anyDecimal, (value) => {
        const rounded = toNano(value)
        const rest = plus(value, { digits: -rounded, exponent: -9 })
        const twice = times(rest, { digits: 2n, exponent: 9 })
        const size = twice.digits < 0n ? -twice.digits : twice.digits
        const unit = 10n ** BigInt(Math.max(0, -twice.exponent))
        const scaled = size * 10n ** BigInt(Math.max(0, twice.exponent))
        expect(scaled <= unit).toBe(true)
        if (scaled === unit) expect(rounded % 2n).toBe(0n)
      }),
    )
  })

  test('of a sum of whole nano-dollars is the sum of the roundings', () => {
    fc.assert(
      fc.property(anyNano, anyNano, (a, b) => {
        expect(toNano(plus({ digits: a, exponent: -9 }, { digits: b, exponent: -9 }))).toBe(a + b)
      }),
    )
  })
})

describe('money as text', () => {
  test.each([
    [225_000n, '0.000225'],
    [60_000_000n, '0.06'],
    [0n, '0'],
    [-1n, '-0.000000001'],
    [12_000_000_000n, '12'],
  ])('%s nano-dollars are $%s', (amount, text) => {
    expect(usd(amount)).toBe(text)
  })

  test('comes back as the same amount', () => {
    fc.assert(
      fc.property(anyNano, (amount) => {
        expect(nano(usd(amount))).toBe(amount)
      }),
    )
  })

  test.each([
    [1_234_567_891n, 2, '1.23'],
    [5_000_000n, 2, '0.00'],
    [15_000_000n, 2, '0.02'],
    [-15_000_000n, 2, '-0.02'],
    [1_500_000_000n, 0, '2'],
    [12n, 9, '0.000000012'],
  ])('%s rounded to %s places is %s', (amount, places, text) => {
    expect(usdRounded(amount, places)).toBe(text)
  })

  test.each([
    [{ digits: 25n, exponent: -7 }, '0.0000025'],
    [{ digits: 1500n, exponent: -3 }, '1.5'],
    [{ digits: -3n, exponent: 2 }, '-300'],
    [{ digits: 0n, exponent: 5 }, '0'],
  ])('writes decimals without exponent', (value, text) => {
    expect(plain(value)).toBe(text)
  })
})
