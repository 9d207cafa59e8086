import type { DockerClient } from '../../clients/docker.ts'
import { HttpError } from '../../clients/http.ts'
import type { Look } from './book.ts'
import { type Counters, type Inspected, type Listed, readCounters, readInspected, readList } from './engine.ts'
import type { Reading } from './use.ts'

/** A container with all that was read of it. */
export interface Seen extends Listed, Inspected, Counters {
  /** Begin of its run and time of the reading by our clock, epoch milliseconds. */
  readonly startedAtHere: number
  readonly at: number
}

export interface Looked extends Look {
  readonly seen: readonly Seen[]
  /** Those that run and could not be read, and why. */
  readonly failed: readonly { readonly name: string; readonly error: unknown }[]
}

export interface LookOptions {
  readonly client: DockerClient
  readonly project: string | null
  readonly now: () => number
  readonly signal: AbortSignal
}

/**
 * Reads all containers that run, all at the same time: an engine takes a second for each, and no longer for all. One that is
 * starting or ending is left for the next look. Rejects when the list cannot be read, or none of what it names.
 */
export async function look({ client, project, now, signal }: LookOptions): Promise<Looked> {
  const at = now()
  const listed = readList(await client.containers(project, signal))
  const running = listed.filter(({ counts }) => counts)
  const outcomes = await Promise.allSettled(running.map((container) => read(container, client, now, signal)))
  const seen = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' && outcome.value ? [outcome.value] : []))
  const failed = outcomes.flatMap((outcome, i) =>
    outcome.status === 'rejected' ? [{ name: running[i]?.name ?? '', error: outcome.reason as unknown }] : [],
  )
  const [first] = failed
  if (first && seen.length === 0) throw first.error
  return { at, present: new Set(listed.map(({ id }) => id)), readings: seen.map(readingOf), seen, failed }
}

/** Null for a container that is gone, or whose run began or ended between the two answers. */
async function read(
  container: Listed,
  client: DockerClient,
  now: () => number,
  signal: AbortSignal,
): Promise<Seen | null> {
  try {
    const counters = readCounters(await client.stats(container.id, signal))
    const at = now()
    if (counters === null) return null
    const inspected = readInspected(await client.inspect(container.id, signal))
    const { startedAt } = inspected
    // Counters from before its present run would be taken for those of that run.
    if (startedAt === null || startedAt > counters.readAt) return null
    // Two clocks: the engine's may be another machine's.
    const startedAtHere = startedAt + (at - counters.readAt)
    return { ...container, ...counters, ...inspected, startedAtHere, at }
  } catch (error) {
    if (error instanceof HttpError && (error.status === 404 || error.status === 409)) return null
    throw error
  }
}

const NONE: Reading['networks'] = new Map()

function readingOf(seen: Seen): Reading {
  return {
    id: seen.id,
    service: serviceOf(seen),
    run: seen.startedAt ?? 0,
    startedAt: seen.startedAtHere,
    at: seen.at,
    cpu: seen.cpu,
    memory: seen.workingSet,
    networks: seen.borrowsNetwork ? NONE : seen.networks,
  }
}

const LONGEST = 128

/** The compose service, else the name without the number by which replicas are told apart. */
export function serviceOf({ service, name, id }: Pick<Listed, 'service' | 'name' | 'id'>): string {
  return (service ?? (name.replace(/[-_]\d+$/, '') || id)).slice(0, LONGEST)
}
