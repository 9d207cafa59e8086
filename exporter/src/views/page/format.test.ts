import { nano } from '@marginwatch/pricing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compact, count, dollars, money, percent, plural, roundDollars } from './format.ts'

describe('dollars', () => {
  test.each<[string, string]>([
    ['0', '$0.00'],
    ['0.000000001', '$0.000000001'],
    ['0.000225', '$0.000225'],
    ['0.00004217', '$0.0000422'],
    ['0.0421', '$0.0421'],
    ['0.42', '$0.4200'],
    ['0.99999', '$1.0000'],
    ['1', '$1.00'],
    ['12.345', '$12.34'],
    ['1234.5', '$1,234.50'],
    ['99999.994', '$99,999.99'],
    ['123456.78', '$123,457'],
    ['9876543210.5', '$9,876,543,210'],
    ['-0.000225', '−$0.000225'],
    ['-1234.5', '−$1,234.50'],
  ])('%s is written %s', (amount, text) => expect(dollars(nano(amount))).toBe(text))

  test('are never shown as nothing when they are something, and are within half a percent', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 10n ** 22n }), (amount) => {
        const shown = Number(dollars(amount).replace(/[$,]/g, ''))
        const exact = Number(amount) / 1e9
        expect(Math.abs(shown - exact) / exact).toBeLessThanOrEqual(0.0051)
      }),
    )
  })

  test('of an axis are exact and without needless zeros', () => {
    expect([roundDollars(nano('1000')), roundDollars(nano('0.05'))]).toEqual(['$1,000', '$0.05'])
  })
})

test('money carries the exact amount beside the rounded one', () => {
  expect(money(nano('1234.567891234')).text).toBe(
    '<data value="1234.567891234" title="exactly $1234.567891234">$1,234.57</data>',
  )
})

test('what is not known is a dash, never a zero', () => {
  expect([
    money(null).text,
    money(undefined).text,
    count(null),
    compact(null).text,
    percent(null),
    percent(Number.NaN),
  ]).toEqual(Array(6).fill('–'))
  expect([money(0n).text, count(0), compact(0).text, percent(0)]).not.toContain('–')
})

test('numbers are grouped, and big ones shortened with the exact one beside', () => {
  expect([count(999), count(1000), count(1234567)]).toEqual(['999', '1,000', '1,234,567'])
  expect(compact(9_999).text).toBe('9,999')
  expect(compact(1_210_334_512).text).toBe('<data value="1210334512" title="1,210,334,512">1.21B</data>')
})

test('a share is a percentage that does not hide a small one', () => {
  expect([percent(0.43551), percent(1), percent(6.355), percent(0.0003), percent(12.5)]).toEqual([
    '43.6%',
    '100.0%',
    '635.5%',
    '<0.1%',
    '1,250.0%',
  ])
})

test('one is not many', () => {
  expect([plural(1, 'call'), plural(2, 'call'), plural(0, 'entry', 'entries')]).toEqual([
    '1 call',
    '2 calls',
    '0 entries',
  ])
})
