import { z } from 'zod'
import type { Path } from './problem.ts'

/** The keys that are allowed in the block at a path of the file; none where the schema has no block of known keys. */
export function allowedKeys(schema: unknown, path: Path): string[] {
  let at = bare(schema)
  for (const step of path) at = bare(child(at, step))
  return at instanceof z.ZodObject ? Object.keys(at.shape) : []
}

/**
 * Every key that a file may hold, as `tiers.*.price_usd` and `customers[].id`, in the schema's order. A block that stands in
 * several places is taken apart at the first.
 */
export function schemaKeys(schema: unknown, prefix = '', known: Set<unknown> = new Set()): string[] {
  const at = bare(schema)
  if (at instanceof z.ZodRecord) return schemaKeys(at.valueType, `${prefix}.*`, known)
  if (at instanceof z.ZodArray) {
    const inner = bare(at.element)
    return inner instanceof z.ZodObject && !known.has(inner) ? schemaKeys(inner, `${prefix}[]`, known) : [prefix]
  }
  if (!(at instanceof z.ZodObject) || known.has(at)) return [prefix]
  known.add(at)
  const dot = prefix === '' ? '' : '.'
  return Object.entries(at.shape).flatMap(([key, inner]) => schemaKeys(inner, `${prefix}${dot}${key}`, known))
}

function child(schema: unknown, step: string | number): unknown {
  if (schema instanceof z.ZodObject) return schema.shape[step]
  if (schema instanceof z.ZodRecord) return schema.valueType
  return schema instanceof z.ZodArray ? schema.element : undefined
}

/** What stands inside "may be left out" and "or none". */
function bare(schema: unknown): unknown {
  if (schema instanceof z.ZodPipe) return bare(schema.out)
  return schema instanceof z.ZodOptional || schema instanceof z.ZodNullable ? bare(schema.unwrap()) : schema
}
