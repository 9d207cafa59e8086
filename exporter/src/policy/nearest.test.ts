import { describe, expect, test } from 'vitest'
import { didYouMean, nearest } from './nearest.ts'

describe('the nearest word', () => {
  test.each([
    ['prot', 'port'],
    ['hots', 'host'],
    ['bodylimit', 'body_limit'],
    ['PORT', 'port'],
    ['key', 'keys'],
  ])('to %s is %s', (word, expected) => {
    expect(nearest(word, ['host', 'port', 'keys', 'body_limit'])).toBe(expected)
  })

  test('is none when nothing is near', () => {
    expect(nearest('colour', ['host', 'port'])).toBeNull()
    expect(nearest('2', ['1'])).toBeNull()
    expect(nearest('x'.repeat(1_000_000), ['host'])).toBeNull()
    expect(didYouMean('colour', ['host'])).toBe('')
  })
})
