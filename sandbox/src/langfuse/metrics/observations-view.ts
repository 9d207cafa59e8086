import { tokensPerSecond } from '../columns.ts'
import { latencySeconds, type ObservationRow, sideOf, ttftSeconds } from '../observation.ts'
import { exploded, list, type Measure, month, named, text, type View } from './view.ts'

/** A row with the scores that it got. */
export interface Measured {
  readonly row: ObservationRow
  readonly scores: number
}

type Kind = Measure<Measured>['kind']

function measure(kind: Kind, of: (row: ObservationRow) => number | string | null): Measure<Measured> {
  return { kind, of: ({ row }) => of(row) }
}

const ONE = measure('integer', () => 1)

/** `observations` of `/v2/metrics`. Durations are milliseconds here. */
export const OBSERVATIONS: View<Measured> = {
  timeColumn: 'start_time',
  timeOf: ({ row }) => row.start,
  metadata: ({ row }) => row.metadata,
  dimensions: {
    environment: text(({ row }) => row.environment),
    type: named(({ row }) => row.type),
    name: named(({ row }) => row.name),
    level: named(({ row }) => row.level),
    version: text(({ row }) => row.version),
    release: text(({ row }) => row.release),
    traceName: text(({ row }) => row.traceName || (row.isRoot ? row.name : null)),
    traceRelease: text(({ row }) => row.release),
    traceVersion: text(({ row }) => row.version),
    providedModelName: text(({ row }) => row.model),
    promptName: text(({ row }) => row.promptName),
    promptVersion: text(({ row }) => (row.promptVersion === null ? null : String(row.promptVersion))),
    isRootObservation: {
      kind: 'boolean',
      high: false,
      of: ({ row }) => row.isRoot,
      group: ({ row }) => row.isRoot,
      filler: false,
    },
    startTimeMonth: named(({ row }) => month(row.start)),
    tags: list(({ row }) => row.tags),
    calledToolNames: exploded(({ row }) => row.calledToolNames),
    toolNames: exploded(({ row }) => row.toolNames),
    costType: exploded(({ row }) => Object.keys(row.cost)),
    usageType: exploded(({ row }) => Object.keys(row.usage)),
    userId: text(({ row }) => row.userId, true),
    sessionId: text(({ row }) => row.sessionId, true),
    traceId: text(({ row }) => row.traceId, true),
    id: text(({ row }) => row.id, true),
    parentObservationId: text(({ row }) => row.parentObservationId, true),
    experimentName: text(() => null, true),
    experimentDatasetId: text(() => null, true),
    experimentId: text(() => null, true),
  },
  measures: {
    count: ONE,
    traceId: measure('text', (row) => row.traceId),
    uniqueUserIds: measure('text', (row) => row.userId || null),
    uniqueSessionIds: measure('text', (row) => row.sessionId || null),
    latency: measure('integer', (row) => milliseconds(latencySeconds(row))),
    timeToFirstToken: measure('integer', (row) => milliseconds(ttftSeconds(row))),
    streamingLatency: measure('integer', (row) =>
      row.end === null || row.completionStart === null ? null : row.end - row.completionStart,
    ),
    inputTokens: measure('integer', (row) => sideOf(row.usage, 'input')),
    outputTokens: measure('integer', (row) => sideOf(row.usage, 'output')),
    totalTokens: measure('integer', (row) => row.usage.total ?? 0),
    tokensPerSecond: measure('decimal', tokensPerSecond),
    outputTokensPerSecond: measure('decimal', (row) => {
      const seconds = Math.floor(latencySeconds(row) ?? 0)
      return seconds < 1 ? null : sideOf(row.usage, 'output') / seconds
    }),
    inputCost: measure('decimal', (row) => sideOf(row.cost, 'input')),
    outputCost: measure('decimal', (row) => sideOf(row.cost, 'output')),
    totalCost: measure('decimal', (row) => row.cost.total ?? null),
    costByType: {
      kind: 'decimal',
      brings: 'costType',
      of: ({ row }, part) => row.cost[part('costType') ?? ''] ?? null,
    },
    usageByType: {
      kind: 'integer',
      brings: 'usageType',
      of: ({ row }, part) => row.usage[part('usageType') ?? ''] ?? null,
    },
    toolCalls: measure('integer', (row) => row.calledToolNames.length || null),
    toolDefinitions: measure('integer', (row) => row.toolNames.length || null),
    countScores: { kind: 'integer', only: ({ scores }) => scores > 0, of: ({ scores }) => scores },
  },
}

function milliseconds(seconds: number | null): number | null {
  return seconds === null ? null : Math.round(seconds * 1000)
}
