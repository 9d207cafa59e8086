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

/** One value, or in its place a list of at least one block; `alone` makes a list of the one value. */
export function aloneOrList<A extends z.ZodType, B extends z.ZodObject>(
  single: A,
  each: B,
  alone: (value: z.output<A>) => z.output<B>[],
) {
  const many = z.array(each)
  const keys = Object.keys(each.shape).join(', ')
  return z.unknown().transform((value, context): z.output<B>[] => {
    const read = Array.isArray(value) ? many.safeParse(value) : single.safeParse(value)
    if (Array.isArray(value) && value.length === 0)
      context.addIssue({ code: 'custom', message: `found an empty list, expected entries with the keys ${keys}` })
    for (const issue of read.error?.issues ?? []) {
      if (issue.code !== 'unrecognized_keys')
        context.addIssue({ code: 'custom', path: [...issue.path], message: issue.message })
      else
        for (const key of issue.keys) {
          const message = `unknown key; allowed here: ${keys}`
          context.addIssue({ code: 'custom', path: [...issue.path, key], message })
        }
    }
    if (!read.success) return z.NEVER
    return Array.isArray(value) ? (read.data as z.output<B>[]) : alone(read.data as z.output<A>)
  })
}
