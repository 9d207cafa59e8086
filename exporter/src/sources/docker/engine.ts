/** What a Docker engine's answers mean, of engines from API 1.24 on, with cgroup v1 and v2. Pure. */

/** An answer that is no answer to the question. */
export class BadAnswer extends Error {
  override readonly name = 'BadAnswer'
}

export interface Listed {
  readonly id: string
  readonly name: string
  readonly image: string
  /** Compose project and service; null for a container that compose did not make. */
  readonly project: string | null
  readonly service: string | null
  /** Whether its counters can be read: it runs, or is paused. */
  readonly counts: boolean
  /** It uses the network of another container, whose counters hold its bytes too. */
  readonly borrowsNetwork: boolean
}

export const HEALTHS = ['healthy', 'unhealthy', 'starting', 'none'] as const
export type Health = (typeof HEALTHS)[number]

export interface Inspected {
  /** Begin of its present run by the engine's clock, epoch milliseconds; null when it never ran. */
  readonly startedAt: number | null
  readonly restarts: number | null
  readonly health: Health
  /** Bytes; null = no limit. */
  readonly memoryLimit: bigint | null
}

export interface NetworkCounters {
  readonly received: bigint
  readonly sent: bigint
}

/** Counters of a container since the begin of its run. Null where this engine or kernel does not tell. */
export interface Counters {
  /** By the engine's clock, epoch milliseconds. */
  readonly readAt: number
  /** Nanoseconds of one processor. */
  readonly cpu: bigint
  readonly throttledPeriods: bigint | null
  /** Bytes in use, the file cache included. */
  readonly memory: bigint | null
  /** Bytes in use less the file cache that the kernel may take back, as `docker stats` shows them. */
  readonly workingSet: bigint | null
  readonly networks: ReadonlyMap<string, NetworkCounters>
  readonly diskRead: bigint | null
  readonly diskWritten: bigint | null
  /** Processes and threads. */
  readonly threads: bigint | null
}

/** `GET /containers/json`. Throws BadAnswer; an entry without an id is left out. */
export function readList(answer: unknown): Listed[] {
  if (!Array.isArray(answer)) throw new BadAnswer('found something else than a list of containers')
  return answer.map(objectOf).flatMap((entry): Listed[] => {
    const id = textOf(entry.Id)
    if (id === null) return []
    const labels = objectOf(entry.Labels)
    const names = Array.isArray(entry.Names) ? entry.Names.flatMap((name) => textOf(name) ?? []) : []
    return [
      {
        id,
        // Its own name is the one with a single slash; the others are those that links gave it.
        name: (names.find((name) => name.lastIndexOf('/') <= 0) ?? names[0] ?? id.slice(0, 12)).replace(/^\//, ''),
        image: textOf(entry.Image) ?? '',
        project: textOf(labels['com.docker.compose.project']),
        service: textOf(labels['com.docker.compose.service']),
        counts: entry.State === 'running' || entry.State === 'paused',
        borrowsNetwork: (textOf(objectOf(entry.HostConfig).NetworkMode) ?? '').startsWith('container:'),
      },
    ]
  })
}

/** `GET /containers/{id}/json`. */
export function readInspected(answer: unknown): Inspected {
  const container = objectOf(answer)
  const state = objectOf(container.State)
  const limit = countOf(objectOf(container.HostConfig).Memory)
  const said = objectOf(state.Health).Status
  return {
    startedAt: timeOf(state.StartedAt),
    restarts: typeof container.RestartCount === 'number' ? container.RestartCount : null,
    health: HEALTHS.find((health) => health === said) ?? 'none',
    memoryLimit: limit === 0n ? null : limit,
  }
}

/** `GET /containers/{id}/stats`; null for a container that does not run. */
export function readCounters(answer: unknown): Counters | null {
  const stats = objectOf(answer)
  const cpuStats = objectOf(stats.cpu_stats)
  const readAt = timeOf(stats.read)
  const cpu = countOf(objectOf(cpuStats.cpu_usage).total_usage)
  // A container that has just ended answers without the processor's own counter, and with zeros for its own.
  if (readAt === null || cpu === null || countOf(cpuStats.system_cpu_usage) === null) return null
  const memory = objectOf(stats.memory_stats)
  const usage = countOf(memory.usage)
  return {
    readAt,
    cpu,
    throttledPeriods: countOf(objectOf(cpuStats.throttling_data).throttled_periods),
    memory: usage,
    workingSet: usage === null ? null : usage - reclaimable(objectOf(memory.stats), usage),
    networks: networksOf(stats.networks),
    diskRead: diskBytes(stats.blkio_stats, 'r'),
    diskWritten: diskBytes(stats.blkio_stats, 'w'),
    threads: countOf(objectOf(stats.pids_stats).current),
  }
}

/** File cache that nobody has used for a while: cgroup v1 counts it with its children under another name than v2. */
function reclaimable(stats: Fields, usage: bigint): bigint {
  const inactive = countOf(stats.total_inactive_file) ?? countOf(stats.inactive_file) ?? 0n
  return inactive < usage ? inactive : 0n
}

function networksOf(networks: unknown): Map<string, NetworkCounters> {
  const found = new Map<string, NetworkCounters>()
  for (const [name, counters] of Object.entries(objectOf(networks))) {
    const { rx_bytes, tx_bytes } = objectOf(counters)
    found.set(name, { received: countOf(rx_bytes) ?? 0n, sent: countOf(tx_bytes) ?? 0n })
  }
  return found
}

/** Over all devices; null when the kernel counts none. */
function diskBytes(blkio: unknown, operation: 'r' | 'w'): bigint | null {
  const rows = objectOf(blkio).io_service_bytes_recursive
  if (!Array.isArray(rows) || rows.length === 0) return null
  let sum = 0n
  for (const row of rows.map(objectOf))
    if (textOf(row.op)?.[0]?.toLowerCase() === operation) sum += countOf(row.value) ?? 0n
  return sum
}

type Fields = Readonly<Record<string, unknown>>

function objectOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** A counter; beyond 2^53 it comes rounded to some units, which no later reading adds to. */
function countOf(value: unknown): bigint | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? BigInt(Math.trunc(value)) : null
}

/** A time as the engine writes it; null for the year 1, which stands for never. */
function timeOf(value: unknown): number | null {
  const at = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isFinite(at) && at > 0 ? at : null
}
