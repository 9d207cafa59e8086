import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createAgenda } from './agenda.ts'

test('everything is done once, in the order of its time, whatever the order in which it was noted', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(20), { minLength: 1, maxLength: 200 }), async (offsets) => {
      const agenda = createAgenda(Date.now)
      const begun = Date.now()
      const done: { readonly offset: number; readonly index: number }[] = []
      await new Promise<void>((resolve) => {
        for (const [index, offset] of offsets.entries())
          agenda.at(begun + offset, () => {
            done.push({ offset, index })
            if (done.length === offsets.length) resolve()
          })
      })
      expect(done).toEqual(done.toSorted((a, b) => a.offset - b.offset || a.index - b.index))
      expect(new Set(done.map(({ index }) => index)).size).toBe(offsets.length)
    }),
    { numRuns: 20 },
  )
})

test('nothing is done before its time, and what is noted meanwhile has its turn', async () => {
  const agenda = createAgenda(Date.now)
  const begun = Date.now()
  const late = await new Promise<number[]>((resolve) => {
    const lateness: number[] = []
    const next = (left: number, due: number): void =>
      agenda.at(due, () => {
        lateness.push(Date.now() - due)
        if (left === 0) resolve(lateness)
        else next(left - 1, due + 3)
      })
    next(10, begun + 5)
  })
  expect(late.length).toBe(11)
  expect(Math.min(...late)).toBeGreaterThanOrEqual(0)
})

test('what was forgotten is not done', async () => {
  const agenda = createAgenda(Date.now)
  let done = 0
  agenda.at(Date.now() + 1, () => {
    done += 1
  })
  agenda.clear()
  await new Promise<void>((resolve) => agenda.at(Date.now() + 10, resolve))
  expect(done).toBe(0)
})
