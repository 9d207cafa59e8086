import { expect, test } from 'vitest'
import { clock, dayName } from './time.ts'

const NOON = Date.UTC(2026, 10, 22, 12, 0, 0)
const HOUR = 3_600_000

test('a moment of today is a time, one of another day carries the day', () => {
  const { moment } = clock('UTC', NOON)
  expect(moment(NOON - HOUR).text).toBe(
    '<time datetime="2026-11-22T11:00:00.000Z" title="22 Nov 2026, 11:00:00 UTC">11:00</time>',
  )
  expect(moment(NOON - 13 * HOUR).text).toContain('>21 Nov 23:00<')
})

test('the day is cut in the zone of the policy', () => {
  expect(clock('Asia/Tokyo', NOON).moment(NOON - 13 * HOUR).text).toContain('>08:00<')
  expect(clock('America/New_York', NOON).moment(NOON - 13 * HOUR).text).toContain('>21 Nov 18:00<')
})

test('midnight is 00:00, and what is not known is a dash', () => {
  const { moment } = clock('UTC', NOON)
  expect(moment(NOON - 12 * HOUR).text).toContain('>00:00<')
  expect(moment(null).text).toBe('–')
})

test('a full time names day, month, year and second', () => {
  expect(clock('Europe/Berlin', NOON).full(NOON)).toBe('22 Nov 2026, 13:00:00')
})

test('a date is named shortly, anything else is left as it is', () => {
  expect([dayName('2026-11-05'), dayName('2026-13-05'), dayName('yesterday')]).toEqual([
    '5 Nov',
    '2026-13-05',
    'yesterday',
  ])
})
