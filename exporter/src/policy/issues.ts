import type { z } from 'zod'
import { allowedKeys } from './keys.ts'
import { nearest } from './nearest.ts'
import type { Issue, Path } from './problem.ts'

/** One complaint of the schema → one issue for each thing that is wrong. */
export function issuesOf(issue: z.core.$ZodIssue, schema: z.ZodType): Issue[] {
  const path = issue.path as Path
  if (issue.code !== 'unrecognized_keys') return [{ path, message: issue.message }]
  const allowed = allowedKeys(schema, path)
  return issue.keys.map((key) => {
    const guess = nearest(key, allowed)
    const list = allowed.join(', ')
    const message =
      guess === null
        ? `unknown key; allowed here: ${list}`
        : `unknown key; did you mean ${guess}? Allowed here: ${list}`
    return { path: [...path, key], at: 'key', message }
  })
}
