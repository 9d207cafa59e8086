import type { Nano } from '../../usage.ts'
import { plain } from '../../redact.ts'
import { dollars, type Json, list, moment, object, Refused, start, text } from '../litellm/read.ts'
import { type Metadata, readMetadata } from './metadata.ts'

/** A row of `/v2/observations`, or of the first version, as it is understood here. Nothing of what was said is among it. */
export interface Row {
  readonly id: string
  readonly trace: string | null
  /** GENERATION, SPAN, TOOL, … */
  readonly type: string
  readonly name: string | null
  /** Epoch milliseconds. */
  readonly start: number
  readonly end: number | null
  readonly firstToken: number | null
  /** When Langfuse last changed it; null when it does not say. */
  readonly updatedAt: number | null
  readonly failed: boolean
  readonly statusMessage: string | null
  readonly environment: string | null
  readonly user: string | null
  readonly session: string | null
  readonly traceName: string | null
  readonly tags: readonly unknown[]
  readonly model: string | null
  readonly modelParameters: Json
  /** Counts by Langfuse's names, as they came; empty when there are none. */
  readonly usage: Json
  /** Null when Langfuse has no cost: its total says 0 for that too. */
  readonly cost: Nano | null
  readonly promptName: string | null
  readonly promptVersion: string | null
  readonly metadata: Metadata
}

/** What of a trace its observations do not say in the first version of the API. */
export interface TraceContext {
  readonly user: unknown
  readonly session: unknown
  readonly name: unknown
  readonly tags: unknown
}

/** Reads a row. Missing texts may be '' or null, numbers may be texts. Throws Refused when it has no id, no start, or absurd figures. */
export function readRow(row: Json, trace: TraceContext | null = null): Row {
  const id = typeof row.id === 'string' ? row.id : null
  if (id === null || id === '') throw new Refused('id is absent, expected the id of the observation')
  const began = start(row.startTime, 'startTime')
  return {
    id,
    trace: text(row.traceId),
    type: text(row.type, 32) ?? 'SPAN',
    name: named(row.name),
    start: began,
    end: endOf(row, began),
    firstToken: firstTokenOf(row, began),
    updatedAt: moment(row.updatedAt),
    failed: row.level === 'ERROR',
    statusMessage: typeof row.statusMessage === 'string' && row.statusMessage !== '' ? row.statusMessage : null,
    environment: environmentOf(row.environment),
    user: text(row.userId, 1024) ?? text(trace?.user, 1024),
    session: text(row.sessionId, 1024) ?? text(trace?.session, 1024),
    traceName: named(row.traceName) ?? named(trace?.name),
    tags: tagsOf(row.tags ?? trace?.tags),
    model: text(row.model) ?? text(row.providedModelName),
    modelParameters: parametersOf(row.modelParameters),
    usage: usageOf(row),
    cost: costOf(row),
    promptName: text(row.promptName),
    promptVersion: text(row.promptVersion, 64),
    metadata: readMetadata(row.metadata),
  }
}

const NAME = 200

function named(value: unknown): string | null {
  return typeof value === 'string' ? plain(value).slice(0, NAME) || null : null
}

/** The word that stands where nobody named one. */
function environmentOf(value: unknown): string | null {
  const found = text(value, 64)
  return found === 'default' ? null : found
}

/** The moments themselves, where they are there: latencies are seconds here and milliseconds elsewhere. */
function endOf(row: Json, began: number): number | null {
  const end = moment(row.endTime)
  if (end !== null) return end
  return secondsAfter(began, row.latency)
}

function firstTokenOf(row: Json, began: number): number | null {
  return moment(row.completionStartTime) ?? secondsAfter(began, row.timeToFirstToken)
}

function secondsAfter(at: number, seconds: unknown): number | null {
  const n = typeof seconds === 'string' && seconds !== '' ? Number(seconds) : seconds
  return typeof n === 'number' && Number.isFinite(n) && n > 0 ? at + Math.round(n * 1000) : null
}

function tagsOf(value: unknown): readonly unknown[] {
  return list(typeof value === 'string' ? parsed(value) : value)
}

function parametersOf(value: unknown): Json {
  return object(typeof value === 'string' ? parsed(value) : value)
}

function usageOf(row: Json): Json {
  const details = object(row.usageDetails)
  if (Object.keys(details).length > 0) return details
  // Servers from before there were details.
  const { input, output, total } = object(row.usage)
  const old = { input, output, total }
  return Object.fromEntries(Object.entries(old).filter(([, n]) => n !== undefined && n !== null && n !== 0))
}

/**
 * The cost that Langfuse itself counts: what stands under `total`. Without any cost its rows say 0, and so do parents of what
 * cost something; 0 is a cost only where the details hold it.
 */
function costOf(row: Json): Nano | null {
  const { total } = object(row.costDetails)
  if (total !== undefined && total !== null) return dollars(total, 'costDetails.total')
  const sum = dollars(row.totalCost ?? row.calculatedTotalCost, 'totalCost')
  return sum === 0n ? null : sum
}

function parsed(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return null
  }
}
