export const OBSERVATION_TYPES = [
  'GENERATION',
  'SPAN',
  'EVENT',
  'AGENT',
  'TOOL',
  'CHAIN',
  'RETRIEVER',
  'EVALUATOR',
  'EMBEDDING',
  'GUARDRAIL',
] as const
export type ObservationType = (typeof OBSERVATION_TYPES)[number]

export const LEVELS = ['DEBUG', 'DEFAULT', 'WARNING', 'ERROR'] as const
export type Level = (typeof LEVELS)[number]

/** What somebody says of an observation. What is left out is what Langfuse keeps for it: '' for texts, nothing for the rest. */
export interface ObservationInput {
  readonly id: string
  /** Epoch milliseconds. */
  readonly start: number
  /** Epoch milliseconds; null = it has no end. Default: its start. */
  readonly end?: number | null
  /** Default: the id, a trace of its own. */
  readonly traceId?: string
  readonly parentObservationId?: string | null
  /** Marked by an SDK as the root of the application, though it has a parent. */
  readonly appRoot?: boolean
  readonly type?: ObservationType
  readonly name?: string
  readonly level?: Level
  readonly statusMessage?: string
  readonly version?: string
  readonly release?: string
  readonly environment?: string
  readonly userId?: string
  readonly sessionId?: string
  readonly tags?: readonly string[]
  readonly traceName?: string
  /** Epoch milliseconds of the first token. */
  readonly completionStart?: number | null
  readonly model?: string
  readonly modelParameters?: Readonly<Record<string, unknown>>
  /** Tokens by kind; a missing `total` is their sum. */
  readonly usage?: Readonly<Record<string, number>>
  /** Dollars by kind, as sent: nothing is computed when any is given. */
  readonly cost?: Readonly<Record<string, number>>
  readonly promptName?: string
  readonly promptVersion?: number | null
  /** Nested objects are kept under dotted keys, all leaves as texts. */
  readonly metadata?: Readonly<Record<string, unknown>>
  readonly input?: string | null
  readonly output?: string | null
  /** Names of the tools that were offered, and one for each call of a tool in the answer. */
  readonly toolNames?: readonly string[]
  readonly calledToolNames?: readonly string[]
}

/** A row of the events table. */
export interface ObservationRow extends Required<Omit<ObservationInput, 'metadata' | 'appRoot'>> {
  readonly projectId: string
  readonly isRoot: boolean
  readonly metadata: Readonly<Record<string, string>>
  readonly createdAt: number
  readonly updatedAt: number
  readonly internalModelId: string | null
  readonly pricingTier: string | null
  readonly prices: Readonly<Record<string, number>>
}

/** What the price list says of a row. */
export interface Priced {
  readonly cost: Readonly<Record<string, number>>
  readonly internalModelId: string | null
  readonly pricingTier: string | null
  readonly prices: Readonly<Record<string, number>>
}

/** The row that is kept for what was said; `price` looks a model up and reckons what no cost was sent for. */
export function rowOf(
  input: ObservationInput,
  projectId: string,
  now: number,
  price: (model: string, usage: Readonly<Record<string, number>>, sent: ObservationInput) => Priced,
): ObservationRow {
  const usage = withTotal(input.usage ?? {})
  const parent = input.parentObservationId || null
  return {
    id: input.id,
    projectId,
    traceId: input.traceId ?? input.id,
    parentObservationId: parent,
    isRoot: parent === null || input.appRoot === true,
    type: input.type ?? 'SPAN',
    name: input.name ?? '',
    start: input.start,
    end: input.end === undefined ? input.start : input.end,
    level: input.level ?? 'DEFAULT',
    statusMessage: input.statusMessage ?? '',
    version: input.version ?? '',
    release: input.release ?? '',
    environment: input.environment ?? 'default',
    userId: input.userId ?? '',
    sessionId: input.sessionId ?? '',
    tags: input.tags ?? [],
    traceName: input.traceName ?? '',
    completionStart: input.completionStart ?? null,
    model: input.model ?? '',
    modelParameters: input.modelParameters ?? {},
    usage,
    promptName: input.promptName ?? '',
    promptVersion: input.promptVersion ?? null,
    metadata: flattened(input.metadata ?? {}),
    input: input.input ?? null,
    output: input.output ?? null,
    toolNames: input.toolNames ?? [],
    calledToolNames: input.calledToolNames ?? [],
    createdAt: now,
    updatedAt: now,
    ...price(input.model ?? '', usage, input),
  }
}

function withTotal(usage: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const kinds = Object.values(usage)
  if (kinds.length === 0 || usage.total !== undefined) return usage
  return { ...usage, total: kinds.reduce((sum, units) => sum + units, 0) }
}

/** Nested objects under dotted keys; every leaf a text, lists as JSON. */
export function flattened(metadata: Readonly<Record<string, unknown>>): Record<string, string> {
  const flat: Record<string, string> = {}
  const walk = (prefix: string, value: unknown): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      for (const [key, inner] of Object.entries(value)) walk(prefix === '' ? key : `${prefix}.${key}`, inner)
    else if (value !== undefined) flat[prefix] = typeof value === 'string' ? value : JSON.stringify(value)
  }
  walk('', metadata)
  return flat
}

/** Dollars of a row: what is under `total`, and nothing where nothing is. */
export function totalCost(row: ObservationRow): number {
  return row.cost.total ?? 0
}

/** Units whose kind names a side of the call, in any case. Kinds that name neither count for neither. */
export function sideOf(units: Readonly<Record<string, number>>, side: 'input' | 'output'): number {
  return Object.entries(units)
    .filter(([kind]) => kind.toLowerCase().includes(side))
    .reduce((sum, [, count]) => sum + count, 0)
}

/** Seconds from start to end; null without an end. */
export function latencySeconds(row: ObservationRow): number | null {
  return row.end === null ? null : (row.end - row.start) / 1000
}

/** Seconds from start to the first token; null when nobody noted it. */
export function ttftSeconds(row: ObservationRow): number | null {
  return row.completionStart === null ? null : (row.completionStart - row.start) / 1000
}
