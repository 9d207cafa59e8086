import { expect, test } from 'vitest'
import { xxHash32 } from './hash.ts'

test('the hash is that of the specification', () => {
  expect(xxHash32('')).toBe(0x02cc5d05)
  expect(xxHash32('a')).toBe(0x550d7456)
  expect(xxHash32('abc')).toBe(0x32d153ff)
  expect(xxHash32('Nobody inspects the spammish repetition')).toBe(0xe2293b2f)
})
