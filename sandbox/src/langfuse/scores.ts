import { z } from 'zod'
import { type Answer, invalid, malformed, ok } from './answers.ts'
import type { ScoreRow, Scores } from './score.ts'

const GROUPS = ['details', 'subject', 'annotation'] as const
type Group = (typeof GROUPS)[number]

const MOMENT = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))
const LIST = z.string().transform((text) => new Set(text.split(',')))
const CAPITALS = z.string().transform((text) => new Set(text.toUpperCase().split(',')))

const PARAMS = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: z.string().optional(),
  fields: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(GROUPS)))
    .optional(),
  id: LIST.optional(),
  name: LIST.optional(),
  source: CAPITALS.optional(),
  dataType: CAPITALS.optional(),
  environment: LIST.optional(),
  traceId: LIST.optional(),
  sessionId: LIST.optional(),
  observationId: LIST.optional(),
  fromTimestamp: MOMENT.optional(),
  toTimestamp: MOMENT.optional(),
})
type Params = z.infer<typeof PARAMS>

const CURSOR = z.object({ lastTimestamp: z.number(), lastId: z.string() })

/**
 * `GET /v3/scores`: latest first, in pages that a cursor joins. `fromTimestamp` is included, `toTimestamp` is not. The value is a
 * number, a truth or a text, by `dataType`.
 */
export function answerScores(scores: Scores, search: URLSearchParams, now: number): Answer {
  const asked = PARAMS.safeParse(Object.fromEntries(search))
  if (!asked.success) return malformed(asked.error.issues)
  const params = asked.data
  if (params.observationId && !params.traceId) return invalid('observationId requires traceId')
  if (params.sessionId && params.traceId) return invalid('sessionId and traceId are mutually exclusive')
  const after = params.cursor === undefined ? null : readCursor(params.cursor)
  if (after === undefined) return invalid('Invalid cursor')
  const found = scores
    .rows(now)
    .filter((row) => matches(row, params))
    .filter(
      (row) =>
        after === null || row.at < after.lastTimestamp || (row.at === after.lastTimestamp && row.id < after.lastId),
    )
  const page = found.slice(0, params.limit)
  const last = found.length > params.limit ? page.at(-1) : undefined
  const groups: ReadonlySet<Group> = new Set(params.fields ?? [])
  return ok({
    data: page.map((row) => wireScore(row, groups)),
    meta: { limit: params.limit, ...(last ? { cursor: writeCursor(last) } : {}) },
  })
}

function matches(row: ScoreRow, params: Params): boolean {
  const { fromTimestamp, toTimestamp } = params
  if (fromTimestamp !== undefined && row.at < fromTimestamp) return false
  if (toTimestamp !== undefined && row.at >= toTimestamp) return false
  const named: readonly (readonly [ReadonlySet<string> | undefined, string | undefined])[] = [
    [params.id, row.id],
    [params.name, row.name],
    [params.source, row.source ?? 'API'],
    [params.dataType, row.dataType],
    [params.environment, row.environment ?? 'default'],
    [params.traceId, row.traceId],
    [params.sessionId, row.sessionId],
    [params.observationId, row.observationId],
  ]
  return named.every(([wanted, value]) => wanted === undefined || (value !== undefined && wanted.has(value)))
}

export function wireScore(row: ScoreRow, groups: ReadonlySet<Group>) {
  return {
    id: row.id,
    projectId: row.projectId,
    name: row.name,
    value: row.value,
    dataType: row.dataType,
    source: row.source ?? 'API',
    timestamp: iso(row.at),
    environment: row.environment ?? 'default',
    createdAt: iso(row.createdAt),
    updatedAt: iso(row.updatedAt),
    ...(groups.has('details')
      ? { comment: row.comment ?? null, configId: row.configId ?? null, metadata: row.metadata ?? {} }
      : {}),
    ...(groups.has('subject') ? { subject: subjectOf(row) } : {}),
    ...(groups.has('annotation') ? { authorUserId: null, queueId: null } : {}),
  }
}

function subjectOf({ observationId, traceId, sessionId }: ScoreRow) {
  if (observationId !== undefined)
    return { kind: 'observation' as const, id: observationId, ...(traceId === undefined ? {} : { traceId }) }
  if (traceId !== undefined) return { kind: 'trace' as const, id: traceId }
  return { kind: 'session' as const, id: sessionId ?? '' }
}

function writeCursor({ at, id }: ScoreRow): string {
  return Buffer.from(JSON.stringify({ lastTimestamp: at, lastId: id })).toString('base64url')
}

function readCursor(text: string): z.infer<typeof CURSOR> | undefined {
  try {
    return CURSOR.safeParse(JSON.parse(Buffer.from(text, 'base64url').toString())).data
  } catch {
    return undefined
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
