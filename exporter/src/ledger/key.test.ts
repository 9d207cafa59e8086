import fc from 'fast-check'
import { expect, it } from 'vitest'
import { hashKey, keyId, keyWord, storedKey } from './key.ts'
import { createRecentKeys } from './recent.ts'

it('gives the same key the same hash, and a key that was read back stands for itself', () => {
  fc.assert(
    fc.property(fc.string(), (key) => {
      const one = hashKey(key)
      const back = hashKey(storedKey(one.high, one.low))
      expect(back).toEqual(one)
      expect(keyId(one.high, one.low)).toBe(one.id)
      expect(one.id).toHaveLength(16)
    }),
  )
})

it('gives different keys different hashes', () => {
  const ids = new Set(Array.from({ length: 20_000 }, (_, i) => hashKey(`key ${i}`).id))
  expect(ids.size).toBe(20_000)
})

it('never denies a key that was added, at any size, and rarely claims one that was not', () => {
  const recent = createRecentKeys()
  const words = Array.from({ length: 50_000 }, (_, i) => keyWord(hashKey(`key ${i}`).id))
  for (const word of [...words, 0, 1, -1]) recent.add(word)
  expect([...words, 0, 1, -1].every((word) => recent.has(word))).toBe(true)
  const strangers = Array.from({ length: 50_000 }, (_, i) => keyWord(hashKey(`stranger ${i}`).id))
  expect(strangers.filter((word) => recent.has(word)).length).toBeLessThan(10)
  expect(recent.size).toBeGreaterThan(49_990)
})
