import { z } from 'zod'
import { type Answer, malformed } from '../answers.ts'
import { FILTER } from '../filters.ts'
import { GRANULARITIES } from './buckets.ts'

export const AGGREGATIONS = [
  'sum',
  'avg',
  'count',
  'max',
  'min',
  'p50',
  'p75',
  'p90',
  'p95',
  'p99',
  'histogram',
  'uniq',
] as const
export type Aggregation = (typeof AGGREGATIONS)[number]

export const VIEWS = ['observations', 'scores-numeric', 'scores-boolean', 'scores-categorical'] as const
export type ViewName = (typeof VIEWS)[number]

const MOMENT = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))

const QUERY = z
  .object({
    view: z.enum(VIEWS),
    dimensions: z.array(z.object({ field: z.string() })).default([]),
    metrics: z.array(z.object({ measure: z.string(), aggregation: z.enum(AGGREGATIONS) })),
    filters: z.array(FILTER).default([]),
    timeDimension: z
      .object({ granularity: z.enum([...GRANULARITIES, 'auto']) })
      .nullish()
      .transform((time) => time ?? null),
    fromTimestamp: MOMENT,
    toTimestamp: MOMENT,
    orderBy: z
      .array(z.object({ field: z.string(), direction: z.enum(['asc', 'desc']) }))
      .nullish()
      .transform((order) => order ?? []),
    config: z
      .object({
        row_limit: z.number().int().min(1).max(1000).optional(),
        bins: z.number().int().min(1).max(100).optional(),
      })
      .optional()
      .transform((config) => config ?? {}),
  })
  .refine(({ fromTimestamp, toTimestamp }) => fromTimestamp < toTimestamp, {
    path: ['fromTimestamp'],
    message: 'fromTimestamp must be before toTimestamp',
  })

/** A query of `/v2/metrics` of the right form; what it names may still not exist. Times are epoch milliseconds. */
export type Query = z.infer<typeof QUERY>

/** Reads the parameter `query`: the text of a JSON object. */
export function readQuery(text: string | null): Query | Answer {
  if (text === null) return malformed([issue('Required: expected the text of a JSON object')])
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return malformed([issue('Invalid JSON in query parameter')])
  }
  const read = QUERY.safeParse(value)
  return read.success ? read.data : malformed(read.error.issues)
}

function issue(message: string): object {
  return { code: 'custom', path: ['query'], message }
}
