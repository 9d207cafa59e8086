import { describe, expect, test } from 'vitest'
import { knownZone, parseHours, type Window, within } from './windows.ts'

const HOUR = 3_600_000
const window = (start: number, end: number, more: Partial<Window> = {}): Window => ({
  start: start * HOUR,
  end: end * HOUR,
  weekdays: null,
  zone: null,
  ...more,
})

describe('a window of the day', () => {
  test('holds its start and not its end', () => {
    const windows = [window(4, 6)]
    expect(
      ['03:59:59.999', '04:00', '05:59:59.999', '06:00'].map((time) => within(windows, on('2026-11-18', time))),
    ).toEqual([false, true, true, false])
  })

  test('runs past midnight when it ends before it starts', () => {
    const windows = [window(22, 2)]
    expect(['21:59', '22:00', '01:59', '02:00'].map((time) => within(windows, on('2026-11-18', time)))).toEqual([
      false,
      true,
      true,
      false,
    ])
  })

  test('is the whole day when it ends where it starts', () => {
    expect(within([window(0, 0)], on('2026-11-18', '13:37'))).toBe(true)
  })

  test('keeps to its weekdays, before 1970 too', () => {
    const sundays = [window(0, 0, { weekdays: [7] })]
    expect(within(sundays, on('2026-11-22', '12:00'))).toBe(true)
    expect(within(sundays, on('2026-11-23', '12:00'))).toBe(false)
    expect(within(sundays, on('1969-12-28', '12:00'))).toBe(true)
    expect(within(sundays, on('1969-12-27', '23:59'))).toBe(false)
  })

  test('reads the weekday on the calendar of its zone', () => {
    const sundaysThere = [window(0, 0, { weekdays: [7], zone: 'Asia/Shanghai' })]
    expect(within(sundaysThere, on('2026-11-21', '16:00'))).toBe(true)
    expect(within(sundaysThere, on('2026-11-22', '16:00'))).toBe(false)
  })
})

describe('hours', () => {
  test('are read as HH:MM-HH:MM', () => {
    expect(parseHours(' 16:30 - 00:30')).toEqual({ start: 16.5 * HOUR, end: 0.5 * HOUR })
  })

  test.each(['24:00-01:00', '10:00-10:60', '10-11', '', null, 5])('of any other form are none: %s', (text) => {
    expect(parseHours(text)).toBeNull()
  })
})

test('only zones of the runtime are known', () => {
  expect(knownZone('Europe/Berlin')).toBe(true)
  expect(knownZone('Atlantis/Harbour')).toBe(false)
})

function on(date: string, time: string): number {
  return Date.parse(`${date}T${time}Z`)
}
