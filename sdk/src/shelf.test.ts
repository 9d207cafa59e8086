import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createShelf } from './shelf.ts'

describe('a shelf', () => {
  test('never holds more than its capacity, and gives up what was not used for the longest time', () => {
    const shelf = createShelf<number>(10_000)
    for (let number = 0; number < 10_000; number++) shelf.set(`k${number}`, number, [`s${number}`])
    expect(shelf.get('k0')).toBe(0)
    shelf.set('one more', 1, [])
    expect(shelf.size).toBe(10_000)
    expect(shelf.get('k0')).toBe(0)
    expect(shelf.get('k1')).toBeUndefined()
    expect(shelf.get('k2')).toBe(2)
  })

  test('agrees with a plain list, whatever is done to it', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd', 'e')
    const deed = fc.oneof(
      fc.record({ does: fc.constant('set' as const), key: name, subjects: fc.uniqueArray(name, { maxLength: 3 }) }),
      fc.record({ does: fc.constantFrom('get' as const, 'delete' as const, 'forget' as const), key: name }),
      fc.record({ does: fc.constant('clear' as const) }),
    )
    fc.assert(
      fc.property(fc.array(deed, { maxLength: 60 }), (deeds) => {
        const shelf = createShelf<number>(3)
        let list: { key: string; value: number; subjects: readonly string[] }[] = []
        deeds.forEach((step, value) => {
          const found = 'key' in step ? list.find(({ key }) => key === step.key) : undefined
          const others = 'key' in step ? list.filter(({ key }) => key !== step.key) : []
          if (step.does === 'set') {
            shelf.set(step.key, value, step.subjects)
            list = [...others, { key: step.key, value, subjects: step.subjects }].slice(-3)
          } else if (step.does === 'get') {
            expect(shelf.get(step.key)).toBe(found?.value)
            if (found !== undefined) list = [...others, found]
          } else if (step.does === 'delete') {
            shelf.delete(step.key)
            list = others
          } else if (step.does === 'forget') {
            shelf.forget(step.key)
            list = list.filter(({ subjects }) => !subjects.includes(step.key))
          } else {
            shelf.clear()
            list = []
          }
          expect(shelf.size).toBe(list.length)
        })
        for (const { key, value } of list) expect(shelf.get(key)).toBe(value)
      }),
    )
  })
})
