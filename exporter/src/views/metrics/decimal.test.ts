import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimalText } from './decimal.ts'

describe('decimal text', () => {
  it.each<[number | bigint, number, string]>([
    [0, 9, '0'],
    [1, 9, '0.000000001'],
    [1500n, 3, '1.5'],
    [-1500, 3, '-1.5'],
    [120, 0, '120'],
    [100, 2, '1'],
    [9007199254740993000000001n, 9, '9007199254740993.000000001'],
  ])('of %s × 10^-%i is %s', (scaled, places, text) => {
    expect(decimalText(scaled, places)).toBe(text)
  })

  it('is exact and shortest for any number, by the digits themselves', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.nat(12), (scaled, places) => {
        const text = decimalText(scaled, places)
        const [whole = '', fraction = ''] = text.split('.')
        expect(BigInt(whole + fraction.padEnd(places, '0'))).toBe(scaled)
        expect(text).toMatch(/^-?(0|[1-9]\d*)(\.\d*[1-9])?$/)
      }),
    )
  })

  it('refuses a number that has lost digits', () => {
    expect(() => decimalText(2 ** 53, 0)).toThrow(
      'expected an integer that is exact in a number, found 9007199254740992',
    )
    expect(() => decimalText(0.5, 0)).toThrow(RangeError)
  })
})
