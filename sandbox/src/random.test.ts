import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cumulate, hex, mix, pickWeighted, poisson, Rng, uuid } from './random.ts'

function draw(rng: Rng, count: number): number[] {
  return Array.from({ length: count }, () => rng.next())
}

test('the same three numbers start the same sequence, another number another one', () => {
  fc.assert(
    fc.property(fc.nat(), fc.maxSafeNat(), fc.nat(), (x, y, z) => {
      const sequence = draw(new Rng(x, y, z), 8)
      expect(draw(new Rng(9, 9, 9).reseed(x, y, z), 8)).toEqual(sequence)
      expect(draw(new Rng(x, y + 1, z), 8)).not.toEqual(sequence)
      expect(draw(new Rng(x + 1, y, z), 8)).not.toEqual(sequence)
      expect(draw(new Rng(x, y, z + 1), 8)).not.toEqual(sequence)
    }),
  )
})

test('numbers are spread evenly, also the first one of neighbouring seeds', () => {
  const tenths = new Array<number>(10).fill(0)
  for (let slot = 0; slot < 20_000; slot++) {
    const tenth = Math.floor(new Rng(1, slot).unit() * 10)
    tenths[tenth] = (tenths[tenth] ?? 0) + 1
  }
  for (const count of tenths) expect(Math.abs(count - 2000)).toBeLessThan(200)
})

test('poisson has the mean that was asked for, small and large', () => {
  const rng = new Rng(4)
  for (const mean of [0.3, 4, 75]) {
    let sum = 0
    for (let i = 0; i < 4000; i++) sum += poisson(rng, mean)
    expect(Math.abs(sum / 4000 - mean)).toBeLessThan(5 * Math.sqrt(mean / 4000))
  }
  expect(poisson(rng, 0)).toBe(0)
})

test('pickWeighted follows the weights and never picks what weighs nothing', () => {
  const rng = new Rng(5)
  const weights = cumulate([1, 0, 3])
  const counts = [0, 0, 0]
  for (let i = 0; i < 8000; i++) {
    const index = pickWeighted(rng, weights)
    counts[index] = (counts[index] ?? 0) + 1
  }
  expect(counts[1]).toBe(0)
  expect((counts[2] ?? 0) / (counts[0] ?? 1)).toBeGreaterThan(2.6)
  expect((counts[2] ?? 0) / (counts[0] ?? 1)).toBeLessThan(3.4)
})

test('ids have the form of a version 4 uuid and of hexadecimal digits, and do not repeat', () => {
  const rng = new Rng(6)
  const seen = new Set<string>()
  for (let i = 0; i < 2000; i++) {
    const id = uuid(rng)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    seen.add(id)
  }
  expect(seen.size).toBe(2000)
  expect(hex(rng, 12)).toMatch(/^[0-9a-f]{12}$/)
})

test('mix scrambles: neighbours land far apart', () => {
  const values = Array.from({ length: 1000 }, (_, index) => mix(index, 7))
  expect(new Set(values).size).toBe(1000)
  const low = values.filter((value) => value < 2 ** 31).length
  expect(Math.abs(low - 500)).toBeLessThan(80)
})
