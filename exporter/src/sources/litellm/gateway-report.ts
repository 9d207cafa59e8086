import { plain } from '../../redact.ts'
import { DROP_REASONS, type DropReason } from '../../catalogue.ts'
import { found, object, whole } from './read.ts'

/** What a process of the gateway says of itself with each post. */
export interface GatewayReport {
  /** Stable for the life of one process. */
  readonly process: string
  /** Its time at the post, epoch milliseconds. */
  readonly clock: number
  /** Records that were not acknowledged, those of the post included. */
  readonly events: number
  /** When the oldest of them was written, epoch milliseconds by its clock; null when none waits. */
  readonly oldest: number | null
  /** Records lost since the process started. */
  readonly dropped: Readonly<Record<DropReason, number>>
  /** Calls that left without a decision since the process started. */
  readonly undecided: number
}

export const GATEWAY_HEADER = 'X-Marginwatch-Gateway'
const VERSION = 1
const MOST_BYTES = 1024
const LONGEST_NAME = 200
/** The last second of the year 9999. */
const LATEST = 253_402_300_799

/** Reads the header; null when it is absent, and a sentence when it is not what it should be. Never throws. */
export function readReport(header: unknown): GatewayReport | { readonly problem: string } | null {
  if (header === undefined) return null
  if (typeof header !== 'string' || header.length > MOST_BYTES)
    return problem(`is ${found(header)}, expected JSON of at most ${MOST_BYTES} bytes`)
  try {
    return reportOf(object(JSON.parse(header)))
  } catch {
    return problem('is no JSON')
  }
}

function reportOf(given: Readonly<Record<string, unknown>>): GatewayReport | { readonly problem: string } {
  if (given.version !== VERSION)
    return problem(`has version ${found(given.version)}, expected ${VERSION}: update the exporter`)
  const process = typeof given.process === 'string' ? plain(given.process).slice(0, LONGEST_NAME) : ''
  const clock = seconds(given.clock)
  const events = countOf(given.events)
  const waits = (given.oldest ?? null) !== null
  const oldest = waits ? seconds(given.oldest) : null
  const dropped = droppedOf(given.dropped)
  // Those that ask for none do not say so.
  const undecided = countOf(given.undecided ?? 0)
  if (process === '') return problem(`has process ${found(given.process)}, expected its name`)
  if (clock === null) return problem(`has clock ${found(given.clock)}, expected seconds since 1970`)
  if (events === null) return problem(`has events ${found(given.events)}, expected a whole number`)
  if (waits && oldest === null) return problem(`has oldest ${found(given.oldest)}, expected seconds since 1970 or null`)
  if (dropped === null) return problem('has dropped counts that are no whole numbers')
  if (undecided === null) return problem(`has undecided ${found(given.undecided)}, expected a whole number`)
  return { process, clock, events, oldest, dropped, undecided }
}

function seconds(value: unknown): number | null {
  return typeof value === 'number' && value >= 0 && value <= LATEST ? Math.round(value * 1000) : null
}

/** So large that nothing honest is beyond it, so small that sums stay exact. */
const MOST = 1e12

function countOf(value: unknown): number | null {
  const count = whole(value)
  return count !== null && count <= MOST ? count : null
}

/** A reason that is not named has lost nothing; one that is not known here is left out. */
function droppedOf(value: unknown): Record<DropReason, number> | null {
  const given = object(value)
  const counts = DROP_REASONS.map((reason) => [reason, countOf(given[reason] ?? 0)] as const)
  return counts.every(([, n]) => n !== null) ? (Object.fromEntries(counts) as Record<DropReason, number>) : null
}

function problem(what: string): { readonly problem: string } {
  return { problem: `The header ${GATEWAY_HEADER} ${what}; it is ignored.` }
}
