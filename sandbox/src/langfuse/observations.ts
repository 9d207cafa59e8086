import { z } from 'zod'
import { type Answer, invalid, malformed, ok } from './answers.ts'
import { OBSERVATION_COLUMNS } from './columns.ts'
import { FILTER, type Filter, meets, wrongKind } from './filters.ts'
import { LEVELS, OBSERVATION_TYPES, type ObservationRow } from './observation.ts'
import { compare, type Place, placeOf, type Table } from './table.ts'
import { FIELD_GROUPS, type FieldGroup, type Shown, wireRow } from './wire-row.ts'

const MOMENT = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))
const TRUTH = z.enum(['true', 'false']).transform((text) => text === 'true')

const PARAMS = z.object({
  fields: z.string().optional(),
  expandMetadata: z.string().optional(),
  limit: z.coerce.number().int().min(0).max(1000).default(50),
  cursor: z.string().optional(),
  name: z.string().optional(),
  userId: z.string().optional(),
  sessionId: z.string().optional(),
  type: z.enum(OBSERVATION_TYPES).optional(),
  traceId: z.string().optional(),
  level: z.enum(LEVELS).optional(),
  parentObservationId: z.string().optional(),
  isRootObservation: TRUTH.optional(),
  environment: z.array(z.string()).optional(),
  fromStartTime: MOMENT.optional(),
  toStartTime: MOMENT.optional(),
  version: z.string().optional(),
  filter: z.string().optional(),
  parseIoAsJson: TRUTH.optional(),
})
type Params = z.infer<typeof PARAMS>

const CURSOR = z.object({ lastStartTimeTo: MOMENT, lastTraceId: z.string(), lastId: z.string() })

/**
 * `GET /v2/observations`: rows by start, latest first, then by the hash of their trace, then by id, in pages that a cursor joins
 * without a gap. `fromStartTime` is included, `toStartTime` is not.
 */
export function answerObservations(
  table: Table,
  search: URLSearchParams,
  now: number,
  modelKey: Shown['modelKey'],
): Answer {
  const asked = PARAMS.safeParse(plain(search))
  if (!asked.success) return malformed(asked.error.issues)
  const params = asked.data
  if (params.parseIoAsJson) return invalid('parseIoAsJson is not supported: input and output are texts')
  const after = params.cursor === undefined ? null : readCursor(params.cursor)
  if (after === undefined) return invalid('Invalid cursor')
  const filters = readFilters(params.filter)
  if ('status' in filters) return filters
  const wanted = matcher(params, filters)
  const from = params.fromStartTime ?? -Infinity
  const to = Math.min(params.toStartTime ?? Infinity, after === null ? Infinity : after.start + 1)
  const found: ObservationRow[] = []
  for (const row of table.rows(now, from, to)) {
    if (found.length > params.limit) break
    if (wanted(row) && (after === null || compare(placeOf(row), after) < 0)) found.push(row)
  }
  const page = found.slice(0, params.limit)
  const last = found.length > params.limit ? page.at(-1) : undefined
  const shown = { groups: groupsOf(params.fields), expanded: new Set(listed(params.expandMetadata)), modelKey }
  return ok({ data: page.map((row) => wireRow(row, shown)), meta: last ? { cursor: writeCursor(last) } : {} })
}

/** A parameter that comes once is a text, `environment` is a list however often it comes. */
function plain(search: URLSearchParams): Record<string, unknown> {
  const params: Record<string, unknown> = Object.fromEntries(search)
  if (search.has('environment')) params.environment = search.getAll('environment')
  return params
}

function listed(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** Names that nobody knows are passed over. */
function groupsOf(fields: string | undefined): ReadonlySet<FieldGroup> {
  if (fields === undefined) return new Set(['core', 'basic'])
  const known: readonly string[] = FIELD_GROUPS
  return new Set(listed(fields).filter((name): name is FieldGroup => known.includes(name)))
}

function readFilters(text: string | undefined): readonly Filter[] | Answer {
  if (text === undefined) return []
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return invalid('Invalid filter: expected a JSON array of conditions')
  }
  const read = z.array(FILTER).safeParse(value)
  if (!read.success) return malformed(read.error.issues)
  for (const filter of read.data) {
    const column = OBSERVATION_COLUMNS[filter.column]
    if (!column) return invalid(`Invalid filter column: ${filter.column}`)
    const complaint = wrongKind(filter, column.kind)
    if (complaint !== null) return invalid(complaint)
  }
  return read.data
}

/** A filter on a column stands in for the simple parameter of the same name; all else must hold together. */
function matcher(params: Params, filters: readonly Filter[]): (row: ObservationRow) => boolean {
  const filtered = new Set(filters.map(({ column }) => column))
  const simple = Object.entries(SIMPLE).flatMap(([name, holds]) => {
    const value = params[name as keyof Params]
    return value === undefined || filtered.has(name) ? [] : [(row: ObservationRow) => holds(row, value)]
  })
  return (row) =>
    simple.every((holds) => holds(row)) &&
    filters.every((filter) => meets(filter, OBSERVATION_COLUMNS[filter.column]?.of(row) ?? null))
}

const SIMPLE: Readonly<Record<string, (row: ObservationRow, value: unknown) => boolean>> = {
  name: (row, value) => row.name === value,
  userId: (row, value) => row.userId === value,
  sessionId: (row, value) => row.sessionId === value,
  type: (row, value) => row.type === value,
  traceId: (row, value) => row.traceId === value,
  level: (row, value) => row.level === value,
  parentObservationId: (row, value) => (row.parentObservationId ?? '') === value,
  isRootObservation: (row, value) => row.isRoot === value,
  environment: (row, value) => (value as readonly string[]).includes(row.environment),
  version: (row, value) => row.version === value,
}

function writeCursor(row: ObservationRow): string {
  const cursor = { lastStartTimeTo: new Date(row.start).toISOString(), lastTraceId: row.traceId, lastId: row.id }
  return Buffer.from(JSON.stringify(cursor)).toString('base64')
}

/** The place after which a page goes on; undefined when it is no cursor. */
function readCursor(text: string): Place | undefined {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(text, 'base64').toString())
  } catch {
    return undefined
  }
  const { success, data } = CURSOR.safeParse(value)
  return success ? placeOf({ start: data.lastStartTimeTo, traceId: data.lastTraceId, id: data.lastId }) : undefined
}
