import { z } from 'zod'
import { type Answer, malformed, ok } from './answers.ts'
import { latencySeconds, type ObservationRow, sideOf, totalCost, ttftSeconds } from './observation.ts'
import type { Tenant } from './project.ts'

const MOMENT = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))
const PAGE = {
  page: z.coerce.number().int().min(1).default(1),
  limit: z.coerce.number().int().min(1).max(100).default(50),
}

const OBSERVATIONS = z.object({
  ...PAGE,
  name: z.string().optional(),
  userId: z.string().optional(),
  type: z.string().optional(),
  traceId: z.string().optional(),
  fromStartTime: MOMENT.optional(),
  toStartTime: MOMENT.optional(),
})
const TRACES = z.object({
  ...PAGE,
  userId: z.string().optional(),
  sessionId: z.string().optional(),
  fromTimestamp: MOMENT.optional(),
  toTimestamp: MOMENT.optional(),
})
const DAILY = z.object({
  ...PAGE,
  traceName: z.string().optional(),
  userId: z.string().optional(),
  fromTimestamp: MOMENT.optional(),
  toTimestamp: MOMENT.optional(),
})

/** `GET /observations` of version 3: numbered pages, latest first; rows that arrive between two pages shift the second. */
export function answerV1Observations({ table }: Tenant, search: URLSearchParams, now: number): Answer {
  const asked = OBSERVATIONS.safeParse(Object.fromEntries(search))
  if (!asked.success) return malformed(asked.error.issues)
  const { name, userId, type, traceId, fromStartTime = -Infinity, toStartTime = Infinity, ...page } = asked.data
  const rows = [...table.rows(now, fromStartTime, toStartTime)].filter(
    (row) =>
      (name === undefined || row.name === name) &&
      (userId === undefined || row.userId === userId) &&
      (type === undefined || row.type === type) &&
      (traceId === undefined || row.traceId === traceId),
  )
  return paged(rows, page, v1Observation)
}

/** `GET /traces` of version 3: what the observations of one trace say together. */
export function answerV1Traces({ table }: Tenant, search: URLSearchParams, now: number): Answer {
  const asked = TRACES.safeParse(Object.fromEntries(search))
  if (!asked.success) return malformed(asked.error.issues)
  const { userId, sessionId, fromTimestamp = -Infinity, toTimestamp = Infinity, ...page } = asked.data
  const traces = tracesOf(table.rows(now, -Infinity, Infinity)).filter(
    (trace) =>
      trace.start >= fromTimestamp &&
      trace.start < toTimestamp &&
      (userId === undefined || trace.userId === userId) &&
      (sessionId === undefined || trace.sessionId === sessionId),
  )
  return paged(traces, page, v1Trace)
}

/** `GET /metrics/daily` of version 3: days in UTC, latest first, with usage by model. */
export function answerDaily({ table }: Tenant, search: URLSearchParams, now: number): Answer {
  const asked = DAILY.safeParse(Object.fromEntries(search))
  if (!asked.success) return malformed(asked.error.issues)
  const { traceName, userId, fromTimestamp = -Infinity, toTimestamp = Infinity, ...page } = asked.data
  const days = new Map<string, ObservationRow[]>()
  for (const row of table.rows(now, fromTimestamp, toTimestamp)) {
    if (traceName !== undefined && row.traceName !== traceName) continue
    if (userId !== undefined && row.userId !== userId) continue
    const day = new Date(row.start).toISOString().slice(0, 10)
    days.set(day, [...(days.get(day) ?? []), row])
  }
  return paged([...days], page, ([date, rows]) => ({ date, ...countsOf(rows), usage: byModel(rows) }))
}

function paged<T>(
  rows: readonly T[],
  { page, limit }: { page: number; limit: number },
  shown: (row: T) => object,
): Answer {
  return ok({
    data: rows.slice((page - 1) * limit, page * limit).map(shown),
    meta: { page, limit, totalItems: rows.length, totalPages: Math.ceil(rows.length / limit) },
  })
}

function v1Observation(row: ObservationRow) {
  return {
    id: row.id,
    traceId: row.traceId,
    projectId: row.projectId,
    parentObservationId: row.parentObservationId,
    type: row.type,
    name: row.name,
    startTime: iso(row.start),
    endTime: row.end === null ? null : iso(row.end),
    completionStartTime: row.completionStart === null ? null : iso(row.completionStart),
    level: row.level,
    statusMessage: row.statusMessage || null,
    version: row.version || null,
    environment: row.environment,
    model: row.model || null,
    modelId: row.internalModelId,
    modelParameters: row.modelParameters,
    metadata: row.metadata,
    promptId: row.promptName === '' ? null : `prompt-${row.promptName}`,
    promptName: row.promptName || null,
    promptVersion: row.promptVersion,
    usageDetails: row.usage,
    costDetails: row.cost,
    usage: {
      input: sideOf(row.usage, 'input'),
      output: sideOf(row.usage, 'output'),
      total: row.usage.total ?? 0,
      unit: 'TOKENS',
    },
    promptTokens: sideOf(row.usage, 'input'),
    completionTokens: sideOf(row.usage, 'output'),
    totalTokens: row.usage.total ?? 0,
    calculatedInputCost: row.cost.input ?? null,
    calculatedOutputCost: row.cost.output ?? null,
    calculatedTotalCost: row.cost.total ?? null,
    inputPrice: row.prices.input ?? null,
    outputPrice: row.prices.output ?? null,
    totalPrice: row.prices.total ?? null,
    latency: latencySeconds(row),
    timeToFirstToken: ttftSeconds(row),
    input: row.input,
    output: row.output,
    createdAt: iso(row.createdAt),
    updatedAt: iso(row.updatedAt),
  }
}

interface Trace {
  readonly id: string
  readonly start: number
  readonly end: number
  readonly userId: string
  readonly sessionId: string
  readonly rows: readonly ObservationRow[]
}

function tracesOf(rows: Iterable<ObservationRow>): Trace[] {
  const byTrace = new Map<string, ObservationRow[]>()
  for (const row of rows) byTrace.set(row.traceId, [...(byTrace.get(row.traceId) ?? []), row])
  const traces = [...byTrace].map(([id, rows]) => ({
    id,
    rows,
    start: Math.min(...rows.map((row) => row.start)),
    end: Math.max(...rows.map((row) => row.end ?? row.start)),
    userId: rows.find((row) => row.userId !== '')?.userId ?? '',
    sessionId: rows.find((row) => row.sessionId !== '')?.sessionId ?? '',
  }))
  return traces.sort((a, b) => b.start - a.start)
}

function v1Trace({ id, rows, start, end, userId, sessionId }: Trace) {
  const root = rows.find((row) => row.isRoot) ?? rows[0]
  return {
    id,
    timestamp: iso(start),
    name: root?.traceName || root?.name || null,
    userId: userId || null,
    sessionId: sessionId || null,
    release: root?.release || null,
    version: root?.version || null,
    environment: root?.environment ?? 'default',
    tags: root?.tags ?? [],
    metadata: root?.metadata ?? {},
    public: false,
    input: null,
    output: null,
    htmlPath: `/project/${root?.projectId ?? ''}/traces/${id}`,
    observations: rows.map((row) => row.id),
    scores: [],
    latency: (end - start) / 1000,
    totalCost: rows.reduce((sum, row) => sum + totalCost(row), 0),
    createdAt: iso(start),
    updatedAt: iso(end),
  }
}

function countsOf(rows: readonly ObservationRow[]) {
  return {
    countTraces: new Set(rows.map((row) => row.traceId)).size,
    countObservations: rows.length,
    totalCost: rows.reduce((sum, row) => sum + totalCost(row), 0),
  }
}

function byModel(rows: readonly ObservationRow[]): object[] {
  const models = new Map<string, ObservationRow[]>()
  for (const row of rows) models.set(row.model, [...(models.get(row.model) ?? []), row])
  const total = (of: readonly ObservationRow[], units: (row: ObservationRow) => number): number =>
    of.reduce((sum, row) => sum + units(row), 0)
  return [...models].map(([model, of]) => ({
    model: model || null,
    inputUsage: total(of, (row) => sideOf(row.usage, 'input')),
    outputUsage: total(of, (row) => sideOf(row.usage, 'output')),
    totalUsage: total(of, (row) => row.usage.total ?? 0),
    ...countsOf(of),
  }))
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
