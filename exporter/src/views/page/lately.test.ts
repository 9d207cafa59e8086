import { expect, test } from 'vitest'
import { createLately } from './lately.ts'

const MINUTE = 60_000

test('counts what came within the last hour, to the minute, and forgets it afterwards', () => {
  let now = 0
  const lately = createLately(() => now)
  expect(lately(3)).toBe(3)
  now = 30 * MINUTE
  expect([lately(3), lately(5), lately(6)]).toEqual([3, 5, 6])
  now = 60 * MINUTE
  expect(lately(6)).toBe(3)
  now = 90 * MINUTE
  expect(lately(6)).toBe(0)
})

test('keeps nothing in the future of a clock that went back', () => {
  let now = 120 * MINUTE
  const lately = createLately(() => now)
  lately(1)
  now = 0
  expect(lately(2)).toBe(1)
})
