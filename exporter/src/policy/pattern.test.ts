import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fits, ruleFor } from './pattern.ts'

test('a pattern fits what its stars can stand for, in the same case', () => {
  expect(fits('gpt-4o', 'gpt-4o')).toBe(true)
  expect(fits('gpt-4o', 'gpt-4o-mini')).toBe(false)
  expect(fits('gpt-4o*', 'gpt-4o-mini')).toBe(true)
  expect(fits('*-mini', 'gpt-4o-mini')).toBe(true)
  expect(fits('claude-*-4', 'claude-4')).toBe(false)
  expect(fits('GPT-*', 'gpt-4o')).toBe(false)
  expect(fits('a.c', 'abc')).toBe(false)
})

test('a pattern fits exactly when the regular expression of the same meaning does', () => {
  const text = (letters: string[]) => fc.array(fc.constantFrom(...letters), { maxLength: 8 }).map((l) => l.join(''))
  fc.assert(
    fc.property(text(['a', 'b', '*']), text(['a', 'b']), (pattern, name) => {
      expect(fits(pattern, name)).toBe(new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name))
    }),
    { numRuns: 2000 },
  )
})

test('of several rules the first that fits counts', () => {
  const rules = [{ from: 'gpt-4o-mini' }, { from: 'gpt-*' }, { from: '*' }]
  expect(['gpt-4o-mini', 'gpt-5', 'claude'].map((model) => ruleFor(rules, model)?.from)).toEqual([
    'gpt-4o-mini',
    'gpt-*',
    '*',
  ])
  expect(ruleFor([], 'gpt-5')).toBeNull()
})
