import { z } from 'zod'
import { NONE } from './kinds.ts'
import { wrong } from './problem.ts'

/** A block of known keys; others are refused. */
export function block<S extends z.ZodRawShape>(shape: S, instead = '') {
  const expected = `a block with the keys ${Object.keys(shape).join(', ')}${instead}`
  return z.strictObject(shape, { error: (issue) => wrong(issue.input, expected) })
}

/** A block of known keys, or the word `none`: then null. */
export function blockOrNone<S extends z.ZodRawShape>(shape: S) {
  return z.preprocess((value) => (value === NONE ? null : value), block(shape, `, or ${NONE}`).nullable())
}

/** A block whose keys are names that the user chooses. */
export function named<S extends z.ZodType>(each: S, expected: string) {
  return z.record(z.string(), each, { error: (issue) => wrong(issue.input, expected) })
}

export function list<S extends z.ZodType>(each: S, expected: string) {
  return z.array(each, { error: (issue) => wrong(issue.input, expected) })
}

export function fromEntries<K extends string, V>(keys: readonly K[], value: (key: K) => V): Record<K, V> {
  return Object.fromEntries(keys.map((key) => [key, value(key)])) as Record<K, V>
}
