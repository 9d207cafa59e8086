import type { ObservationRow } from '../observation.ts'
import type { ScoreRow } from '../score.ts'
import { type Dimension, list, type Measure, month, named, text, type View } from './view.ts'
import type { ViewName } from './query.ts'

/** A score, with the observation that it is of, or one of the trace that it is of. */
export interface Judged {
  readonly score: ScoreRow
  readonly observation: ObservationRow | null
  readonly ofTrace: ObservationRow | null
}

const COMMON: Readonly<Record<string, Dimension<Judged>>> = {
  name: named(({ score }) => score.name),
  source: named(({ score }) => score.source ?? 'API'),
  dataType: named(({ score }) => score.dataType),
  environment: text(({ score }) => score.environment ?? 'default'),
  configId: text(({ score }) => score.configId),
  evaluatorId: text(() => null, true),
  timestampMonth: named(({ score }) => month(score.at)),
  timestampDay: named(({ score }) => new Date(score.at).toISOString().slice(0, 10)),
  traceName: text(({ ofTrace }) => ofTrace?.traceName),
  tags: list(({ ofTrace }) => ofTrace?.tags ?? []),
  traceRelease: text(({ ofTrace }) => ofTrace?.release),
  traceVersion: text(({ ofTrace }) => ofTrace?.version),
  observationName: text(({ observation }) => observation?.name),
  observationModelName: text(({ observation }) => observation?.model),
  observationPromptName: text(({ observation }) => observation?.promptName),
  observationPromptVersion: text(({ observation }) => observation?.promptVersion?.toString()),
  id: text(({ score }) => score.id, true),
  traceId: text(({ score }) => score.traceId, true),
  userId: text(({ ofTrace }) => ofTrace?.userId, true),
  sessionId: text(({ score, ofTrace }) => score.sessionId ?? ofTrace?.sessionId, true),
  observationId: text(({ score }) => score.observationId, true),
  datasetRunId: text(() => null, true),
  experimentName: text(() => null, true),
  experimentId: text(() => null, true),
}

const COUNT: Measure<Judged> = { kind: 'integer', of: () => 1 }
const VALUE: Measure<Judged> = { kind: 'decimal', of: ({ score }) => Number(score.value) }

function view(
  dimensions: Readonly<Record<string, Dimension<Judged>>>,
  measures: Readonly<Record<string, Measure<Judged>>>,
): View<Judged> {
  return { timeColumn: 'timestamp', timeOf: ({ score }) => score.at, dimensions, measures }
}

const NUMBER: Dimension<Judged> = {
  kind: 'number',
  high: false,
  of: ({ score }) => Number(score.value),
  group: ({ score }) => Number(score.value),
  filler: 0,
}
const TRUTH: Dimension<Judged> = {
  kind: 'boolean',
  high: false,
  of: ({ score }) => score.value === true,
  group: ({ score }) => score.value === true,
  filler: false,
}

/** The views of scores, each of its type of values. */
export const SCORES: Readonly<
  Record<Exclude<ViewName, 'observations'>, { readonly view: View<Judged>; readonly dataType: ScoreRow['dataType'] }>
> = {
  'scores-numeric': { view: view({ ...COMMON, value: NUMBER }, { count: COUNT, value: VALUE }), dataType: 'NUMERIC' },
  'scores-boolean': {
    view: view({ ...COMMON, booleanValue: TRUTH }, { count: COUNT, value: VALUE }),
    dataType: 'BOOLEAN',
  },
  'scores-categorical': {
    view: view({ ...COMMON, stringValue: named(({ score }) => String(score.value)) }, { count: COUNT }),
    dataType: 'CATEGORICAL',
  },
}
