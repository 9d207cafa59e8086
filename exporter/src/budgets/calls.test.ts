import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCallFinder, endKeys, storedForm } from './calls.ts'

const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

describe('a call is found by the key of its end', () => {
  it('as it came in, whether it succeeded, failed or was given up', () => {
    const { find } = createCallFinder()
    for (const key of endKeys(id(1))) expect(find(key)).toBe(id(1))
  })

  it('not by the keys of attempts, fallbacks, other sources, or what only looks like a key', () => {
    const { find } = createCallFinder()
    for (const ending of [':attempt:1', ':fallback', ':unsettled:heard', ' ', ':failed:failed'])
      expect(find(`litellm:${id(1)}${ending}`)).toBeNull()
    for (const key of ['', 'litellm:', `langfuse:${id(1)}`, `litellm:${id(1).toUpperCase()}x`, '#', '#zz'])
      expect(find(key)).toBeNull()
  })

  it('as the ledger keeps it, for exactly the calls that it knows, whichever come and go', () => {
    const step = fc.record({ call: fc.nat(6), add: fc.boolean(), ask: fc.nat(6), end: fc.nat(2) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const finder = createCallFinder()
        const known = new Set<string>()
        for (const { call, add, ask, end } of steps) {
          if (add) {
            finder.add(id(call))
            known.add(id(call))
          } else {
            finder.delete(id(call))
            known.delete(id(call))
          }
          const key = storedForm(endKeys(id(ask))[end] as string)
          expect(finder.find(key)).toBe(known.has(id(ask)) ? id(ask) : null)
        }
      }),
      { numRuns: 60 },
    )
  })
})
