import fc from 'fast-check'
import { expect, it } from 'vitest'
import { usage } from '../../test/support/entries.ts'
import { createFeed } from './feed.ts'
import type { Recorded } from './ledger.ts'

const entry = (seq: number): Recorded => ({ seq, at: 0, named: 0, names: 0, entry: usage(`k${seq}`) })
const turn = () => new Promise(setImmediate)

it('delivers every number once and in order, wherever a follower starts, whatever is published meanwhile, and with numbers missing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 120 }),
      fc.array(fc.integer({ min: 1, max: 401 }), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 9 }),
      fc.nat(),
      async (numbers, starts, step, split) => {
        const all = [...numbers].sort((a, b) => a - b)
        const before = split % (all.length + 1)
        const stored = all.slice(0, before).map(entry)
        const read = async (from: number, limit: number) => {
          await turn()
          return stored.filter(({ seq }) => seq >= from).slice(0, limit)
        }
        const feed = createFeed({ published: all[before - 1] ?? 0, read })
        const seen = starts.map((): number[] => [])
        for (const [i, from] of starts.entries())
          feed.follow(from, (batch) => seen[i]?.push(...batch.map(({ seq }) => seq)))
        for (let i = before; i < all.length; i += step) {
          const batch = all.slice(i, i + step).map(entry)
          stored.push(...batch)
          if (i % 2) await turn()
          feed.publish(batch)
        }
        for (let i = 0; i < 12; i++) await turn()
        for (const [i, from] of starts.entries()) expect(seen[i]).toEqual(all.filter((seq) => seq >= from))
      },
    ),
  )
})

it('reads again when reading back failed, and loses nothing', async () => {
  let broken = 2
  const feed = createFeed({
    published: 3,
    read: async () => {
      if (broken-- > 0) throw new Error('closed')
      return [1, 2, 3].map(entry)
    },
  })
  const seen: number[] = []
  const arrived = new Promise<void>((resolve) =>
    feed.follow(1, (batch) => {
      seen.push(...batch.map(({ seq }) => seq))
      resolve()
    }),
  )
  await arrived
  expect(seen).toEqual([1, 2, 3])
})

it('delivers nothing after the follower has closed', async () => {
  const feed = createFeed({ published: 0, read: async () => [] })
  const seen: number[] = []
  const close = feed.follow(1, (batch) => seen.push(...batch.map(({ seq }) => seq)))
  await turn()
  feed.publish([entry(1)])
  await close()
  feed.publish([entry(2)])
  expect(seen).toEqual([1])
})
