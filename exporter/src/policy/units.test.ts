import { usd } from '@marginwatch/pricing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  dollarsText,
  durationText,
  percentText,
  readDate,
  readDollars,
  readDuration,
  readPercent,
  readSize,
  readWhole,
} from './units.ts'

describe('units', () => {
  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['15m', 900_000],
    ['12h', 43_200_000],
    ['35d', 3_024_000_000],
    ['2w', 1_209_600_000],
    ['0s', 0],
  ])('reads the duration %s', (text, ms) => {
    expect(readDuration(text)).toBe(ms)
  })

  test.each(['', '30', 's', '1.5h', '-1s', '1h30m', '30 s', '30S', '1e3s', '٣s'])(
    'takes %j for no duration',
    (text) => {
      expect(readDuration(text)).toBeUndefined()
    },
  )

  test('writes a duration as a text that reads back to it', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10 ** 11 }), (ms) => {
        expect(readDuration(durationText(ms))).toBe(ms)
      }),
    )
    expect([0, 1500, 90_000, 86_400_000 * 35].map(durationText)).toEqual(['0s', '1500ms', '90s', '35d'])
  })

  test.each([
    ['16MB', 16_000_000],
    ['16MiB', 16_777_216],
    ['64KB', 64_000],
    ['1GiB', 1_073_741_824],
    ['512B', 512],
  ])('reads the size %s', (text, bytes) => {
    expect(readSize(text)).toBe(bytes)
  })

  test.each(['16', 'MB', '1.5MB', '16mb', '16 MB', '16M', '1TB'])('takes %j for no size', (text) => {
    expect(readSize(text)).toBeUndefined()
  })

  test('takes only days of the calendar for dates', () => {
    expect(readDate('2024-02-29')).toBe('2024-02-29')
    for (const text of [
      '2026-02-29',
      '2026-13-01',
      '2026-00-10',
      '2026-1-1',
      '2026-01-01T00:00',
      '1969-12-31',
      '0000-01-01',
    ]) {
      expect(readDate(text)).toBeUndefined()
    }
  })

  test('reads exact dollars and tells what is finer than a nano-dollar from what is no number', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }), (nano) => {
        expect(readDollars(usd(nano))).toBe(nano)
      }),
    )
    expect(readDollars('.5')).toBe(500_000_000n)
    expect(readDollars('1.50e1')).toBe(15_000_000_000n)
    expect(readDollars('0.0000000010')).toBe(1n)
    expect(readDollars('0.0000000001')).toBeNull()
    for (const text of ['', '.', 'e3', '$1', '1,5', '0x10', '.inf', '.nan', '1e999', '1_000']) {
      expect(readDollars(text)).toBeUndefined()
    }
  })

  test('reads whole numbers in decimal digits only', () => {
    expect(readWhole('-12')).toBe(-12)
    for (const text of ['', '1.0', '0x10', '1e3', '+1', '1234567890123456']) expect(readWhole(text)).toBeUndefined()
  })

  test('reads shares in hundredths of a percent, and writes them so that they read back', () => {
    expect(['95%', '0.01%', '33.33%', '100.00%', '0.5%', '0%'].map(readPercent)).toEqual([9500, 1, 3333, 10_000, 50, 0])
    expect(['95', '95 %', '-5%', '.5%', '5.%', '1e2%', '٩٥%', ''].map(readPercent)).toEqual(Array(8).fill(undefined))
    expect(['0.001%', '99.999%'].map(readPercent)).toEqual([null, null])
    fc.assert(fc.property(fc.nat({ max: 100_000 }), (share) => readPercent(percentText(share)) === share))
  })

  test('writes dollars as people do', () => {
    expect([8_000_000_000n, 500_000_000n, 12_345_000_000n, 225_000n].map(dollarsText)).toEqual([
      '$8',
      '$0.50',
      '$12.345',
      '$0.000225',
    ])
  })
})
