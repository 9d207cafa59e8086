import type { ColumnKind, ColumnValue } from './filters.ts'
import { latencySeconds, type ObservationRow, sideOf, totalCost, ttftSeconds } from './observation.ts'

export interface Column<Row> {
  readonly kind: ColumnKind
  readonly of: (row: Row) => ColumnValue
}

function text(of: (row: ObservationRow) => string | null): Column<ObservationRow> {
  return { kind: 'text', of }
}
function number(of: (row: ObservationRow) => number | null): Column<ObservationRow> {
  return { kind: 'number', of }
}
const MODEL = text((row) => row.model)

/** What `filter` of `/v2/observations` may ask for. Durations are seconds here. */
export const OBSERVATION_COLUMNS: Readonly<Record<string, Column<ObservationRow>>> = {
  id: text((row) => row.id),
  traceId: text((row) => row.traceId),
  parentObservationId: text((row) => row.parentObservationId),
  isRootObservation: { kind: 'boolean', of: (row) => row.isRoot },
  type: text((row) => row.type),
  name: text((row) => row.name),
  level: text((row) => row.level),
  statusMessage: text((row) => row.statusMessage),
  version: text((row) => row.version),
  release: text((row) => row.release),
  environment: text((row) => row.environment),
  userId: text((row) => row.userId),
  sessionId: text((row) => row.sessionId),
  traceName: text((row) => row.traceName),
  tags: { kind: 'list', of: (row) => row.tags },
  startTime: { kind: 'time', of: (row) => row.start },
  endTime: { kind: 'time', of: (row) => row.end },
  model: MODEL,
  providedModelName: MODEL,
  modelId: text((row) => row.internalModelId),
  promptName: text((row) => row.promptName),
  promptVersion: number((row) => row.promptVersion),
  metadata: { kind: 'object', of: (row) => row.metadata },
  latency: number(latencySeconds),
  timeToFirstToken: number(ttftSeconds),
  tokensPerSecond: number((row) => tokensPerSecond(row)),
  inputTokens: number((row) => sideOf(row.usage, 'input')),
  outputTokens: number((row) => sideOf(row.usage, 'output')),
  totalTokens: number((row) => row.usage.total ?? 0),
  inputCost: number((row) => sideOf(row.cost, 'input')),
  outputCost: number((row) => sideOf(row.cost, 'output')),
  totalCost: number(totalCost),
  toolNames: { kind: 'list', of: (row) => row.toolNames },
  calledToolNames: { kind: 'list', of: (row) => row.calledToolNames },
  toolDefinitions: number((row) => row.toolNames.length),
  toolCalls: number((row) => row.calledToolNames.length),
  hasInput: { kind: 'boolean', of: (row) => row.input !== null },
  hasOutput: { kind: 'boolean', of: (row) => row.output !== null },
}

/** Tokens a second by whole seconds; null under one. */
export function tokensPerSecond(row: ObservationRow): number | null {
  const seconds = Math.floor(latencySeconds(row) ?? 0)
  return seconds < 1 ? null : (row.usage.total ?? 0) / seconds
}
