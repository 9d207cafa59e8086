import { type Answer, invalid, ok } from '../answers.ts'
import type { Tenant } from '../project.ts'
import type { ScoreRow } from '../score.ts'
import { type Measured, OBSERVATIONS } from './observations-view.ts'
import { type Query, readQuery } from './query.ts'
import { integerFields, metricRows } from './rows.ts'
import { complaint } from './rules.ts'
import { type Judged, SCORES } from './scores-view.ts'
import type { View } from './view.ts'

/** An answer of `/v2/metrics`, and which fields of its rows are 64-bit integers. */
export interface MetricsAnswer {
  readonly answer: Answer
  readonly integers: ReadonlySet<string>
}

const NONE: ReadonlySet<string> = new Set()

/** `GET /v2/metrics`: sums over the rows whose time lies in the window, both ends included. A row that is there twice counts twice. */
export function answerMetrics(tenant: Tenant, search: URLSearchParams, now: number): MetricsAnswer {
  const query = readQuery(search.get('query'))
  if ('status' in query) return { answer: query, integers: NONE }
  if (query.view === 'observations') return answered(query, OBSERVATIONS, measured(tenant, query, now))
  const { view, dataType } = SCORES[query.view]
  return answered(query, view, judged(tenant, query, now, dataType))
}

function answered<Row>(query: Query, view: View<Row>, rows: Iterable<Row>): MetricsAnswer {
  const wrong = complaint(query, view)
  if (wrong !== null) return { answer: invalid(wrong), integers: NONE }
  return { answer: ok({ data: metricRows(query, view, rows) }), integers: integerFields(query, view) }
}

function* measured({ table, scores }: Tenant, query: Query, now: number): Generator<Measured> {
  const counts = new Map<string, number>()
  for (const { observationId } of scores.rows(now))
    if (observationId !== undefined) counts.set(observationId, (counts.get(observationId) ?? 0) + 1)
  for (const row of table.rows(now, query.fromTimestamp, query.toTimestamp + 1))
    yield { row, scores: counts.get(row.id) ?? 0 }
}

function* judged(tenant: Tenant, query: Query, now: number, dataType: ScoreRow['dataType']): Generator<Judged> {
  const byId = new Map<string, Judged['observation']>()
  const byTrace = new Map<string, Judged['ofTrace']>()
  for (const row of tenant.table.rows(now, -Infinity, Infinity)) {
    byId.set(row.id, row)
    if (row.isRoot || !byTrace.has(row.traceId)) byTrace.set(row.traceId, row)
  }
  for (const score of tenant.scores.rows(now)) {
    if (score.dataType !== dataType || score.at < query.fromTimestamp || score.at > query.toTimestamp) continue
    const observation = byId.get(score.observationId ?? '') ?? null
    yield { score, observation, ofTrace: byTrace.get(score.traceId ?? '') ?? observation }
  }
}
