import { setMaxListeners } from 'node:events'
import type { DockerClient } from '../../clients/docker.ts'
import { HttpError } from '../../clients/http.ts'
import type { Look } from './book.ts'
import { type Counters, type Inspected, type Listed, readCounters, readInspected, readList } from './engine.ts'
import type { Reading } from './use.ts'

/** A container with all that was read of it. One that starts over and over has no counters, but is there all the same. */
export interface Seen extends Listed, Inspected, Readonly<Record<Count, bigint | null>> {
  readonly networks: Counters['networks']
  /** When it was read, by our clock, epoch milliseconds. */
  readonly at: number
}

type Count = Exclude<keyof Counters, 'readAt' | 'networks'>

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
 * Reads all containers that run, all at the same time: an engine takes a second for each, and no longer for all. The counters of
 * one that is starting or ending are left for the next look. Rejects when the list cannot be read, or none of what it names.
 */
export async function look({ client, project, now, signal }: LookOptions): Promise<Looked> {
  const at = now()
  // As many calls as there are containers listen to it.
  setMaxListeners(0, signal)
  const listed = readList(await client.containers(project, signal))
  const outcomes = await Promise.allSettled(listed.map((container) => read(container, client, now, signal)))
  const found = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' && outcome.value ? [outcome.value] : []))
  const failed = outcomes.flatMap((outcome, i) =>
    outcome.status === 'rejected' ? [{ name: listed[i]?.name ?? '', error: outcome.reason as unknown }] : [],
  )
  const [first] = failed
  if (first && found.length === 0) throw first.error
  const present = new Set(listed.map(({ id }) => id))
  const readings = found.flatMap(({ reading }) => (reading === null ? [] : [reading]))
  return { at, present, readings, seen: found.map(({ seen }) => seen), failed }
}

interface Found {
  readonly seen: Seen
  /** Null while its run begins or ends. */
  readonly reading: Reading | null
}

/** Null for a container that is gone. */
async function read(
  container: Listed,
  client: DockerClient,
  now: () => number,
  signal: AbortSignal,
): Promise<Found | null> {
  try {
    const counters = container.counts ? readCounters(await client.stats(container.id, signal)) : null
    const at = now()
    const inspected = readInspected(await client.inspect(container.id, signal))
    const { startedAt } = inspected
    // Counters from before its present run would be taken for those of that run.
    if (counters === null || startedAt === null || startedAt > counters.readAt)
      return { seen: { ...container, ...inspected, ...UNREAD, at }, reading: null }
    const { readAt, ...counts } = counters
    const { id, borrowsNetwork } = container
    const networks = borrowsNetwork ? UNREAD.networks : counts.networks
    const service = serviceOf(container)
    // Two clocks: the engine's may be another machine's.
    const here = { run: startedAt, startedAt: startedAt + (at - readAt), at }
    const reading = { id, service, ...here, cpu: counts.cpu, memory: counts.workingSet, networks }
    return { seen: { ...container, ...inspected, ...counts, at }, reading }
  } catch (error) {
    if (error instanceof HttpError && GONE.has(error.status ?? 0)) return null
    throw error
  }
}

/** Of one that vanishes while it is read an engine says 404 or 409, or ends a 200 without a word. */
const GONE: ReadonlySet<number> = new Set([200, 404, 409])

const UNREAD = {
  cpu: null,
  throttledPeriods: null,
  memory: null,
  workingSet: null,
  networks: new Map<never, never>(),
  diskRead: null,
  diskWritten: null,
  threads: null,
} as const

const LONGEST = 128

/** The compose service, else the name without the number by which replicas are told apart. */
export function serviceOf({ service, name, id }: Pick<Listed, 'service' | 'name' | 'id'>): string {
  return (service ?? (name.replace(/[-_]\d+$/, '') || id)).slice(0, LONGEST)
}
