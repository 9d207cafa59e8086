import { latencySeconds, type ObservationRow, sideOf, totalCost, ttftSeconds } from './observation.ts'

/** What a client may ask for beside `core`. */
export const FIELD_GROUPS = [
  'core',
  'basic',
  'time',
  'io',
  'metadata',
  'model',
  'usage',
  'prompt',
  'metrics',
  'trace_context',
] as const
export type FieldGroup = (typeof FIELD_GROUPS)[number]

export interface Shown {
  readonly groups: ReadonlySet<FieldGroup>
  /** Keys of the metadata that are shown whole. */
  readonly expanded: ReadonlySet<string>
  /** Under which name the model stands: `model` on 4.16, `providedModelName` in its own specification. */
  readonly modelKey: 'model' | 'providedModelName'
}

/** Values of the metadata are cut to this many characters. */
export const METADATA_CUT = 200

/**
 * A row of `/v2/observations`. Seconds, not milliseconds; '' for a text that is missing, but null for a parent, a trace name and
 * a prompt; a cost of 0 for a row without one; prices as texts.
 */
export function wireRow(row: ObservationRow, { groups, expanded, modelKey }: Shown) {
  return {
    ...core(row),
    ...(groups.has('basic') ? basic(row) : {}),
    ...(groups.has('time') ? time(row) : {}),
    ...(groups.has('io') ? { input: row.input, output: row.output } : {}),
    ...(groups.has('metadata') ? { metadata: shownMetadata(row, expanded) } : {}),
    ...(groups.has('model') ? model(row, modelKey) : {}),
    ...(groups.has('usage') ? usage(row) : {}),
    ...(groups.has('prompt') ? prompt(row) : {}),
    ...(groups.has('trace_context') ? traceContext(row) : {}),
    latency: groups.has('metrics') ? latencySeconds(row) || null : latencySeconds(row),
    timeToFirstToken: groups.has('metrics') || groups.has('time') ? ttftSeconds(row) : null,
    ...(groups.has('model') ? prices(row) : NO_PRICES),
  }
}

export type WireRow = ReturnType<typeof wireRow>

function core(row: ObservationRow) {
  return {
    id: row.id,
    traceId: row.traceId,
    startTime: iso(row.start),
    endTime: row.end === null ? null : iso(row.end),
    projectId: row.projectId,
    parentObservationId: row.parentObservationId,
    type: row.type,
  }
}

function basic(row: ObservationRow) {
  return {
    name: row.name,
    level: row.level,
    statusMessage: row.statusMessage,
    version: row.version,
    environment: row.environment,
    bookmarked: false,
    public: false,
    userId: row.userId,
    sessionId: row.sessionId,
    isRootObservation: row.isRoot,
  }
}

function time(row: ObservationRow) {
  return {
    completionStartTime: row.completionStart === null ? null : iso(row.completionStart),
    createdAt: iso(row.createdAt),
    updatedAt: iso(row.updatedAt),
  }
}

function model(row: ObservationRow, key: Shown['modelKey']) {
  return { [key]: row.model, internalModelId: row.internalModelId, modelParameters: row.modelParameters }
}

function usage(row: ObservationRow) {
  return {
    usageDetails: row.usage,
    costDetails: row.cost,
    totalCost: totalCost(row),
    usagePricingTierName: row.pricingTier,
    usagePricingTierId: null,
    inputUsage: sideOf(row.usage, 'input'),
    outputUsage: sideOf(row.usage, 'output'),
    totalUsage: row.usage.total ?? 0,
    inputCost: sideOf(row.cost, 'input'),
    outputCost: sideOf(row.cost, 'output'),
  }
}

function prompt(row: ObservationRow) {
  const name = row.promptName || null
  return { promptId: name === null ? null : `prompt-${name}`, promptName: name, promptVersion: row.promptVersion }
}

function traceContext(row: ObservationRow) {
  return { tags: row.tags, release: row.release, traceName: row.traceName || null }
}

const NO_PRICES = { modelId: null, inputPrice: null, outputPrice: null, totalPrice: null }

function prices(row: ObservationRow) {
  const text = (kind: string): string | null => {
    const price = row.prices[kind]
    return price === undefined ? null : decimal(price)
  }
  return {
    modelId: row.internalModelId,
    inputPrice: text('input'),
    outputPrice: text('output'),
    totalPrice: text('total'),
  }
}

function shownMetadata({ metadata }: ObservationRow, expanded: ReadonlySet<string>): Record<string, unknown> {
  const shown = Object.entries(metadata).map(([key, text]): [string, unknown] => [
    key,
    parsed(expanded.has(key) ? text : text.slice(0, METADATA_CUT)),
  ])
  return Object.fromEntries(shown)
}

/** How any JSON begins: most texts are none, and finding that out by an error takes its time. */
const BEGINS = /^\s*(?:[{["\d-]|true|false|null)/

function parsed(text: string): unknown {
  if (!BEGINS.test(text)) return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** A number as plain digits, without an exponent. */
export function decimal(value: number): string {
  return value === 0 ? '0' : value.toFixed(20).replace(/\.?0+$/, '')
}

export function iso(ms: number): string {
  return new Date(ms).toISOString()
}
