import { METRICS, type Metric, MOST_CONTAINERS, MOST_INTERFACES } from '../../catalogue.ts'
import { OTHER } from '../../usage.ts'
import { decimalText } from './decimal.ts'
import type { Collector, Family, Sample } from './sample.ts'

/** A container as it was last read. Null where the engine or the kernel does not tell. */
export interface ContainerReading {
  readonly id: string
  readonly name: string
  readonly image: string
  readonly project: string | null
  readonly service: string | null
  /** Nanoseconds of one processor. */
  readonly cpu: bigint | null
  readonly throttledPeriods: bigint | null
  readonly memory: bigint | null
  readonly workingSet: bigint | null
  /** Null = no limit. */
  readonly memoryLimit: bigint | null
  /** By interface. */
  readonly networks: ReadonlyMap<string, { readonly received: bigint; readonly sent: bigint }>
  /** Its bytes are those of another container, and stand there. */
  readonly borrowsNetwork: boolean
  readonly diskRead: bigint | null
  readonly diskWritten: bigint | null
  readonly threads: bigint | null
  /** Begin of its run by the engine's clock, and when it was read by ours, epoch milliseconds. */
  readonly startedAt: number | null
  readonly at: number
  readonly health: 'healthy' | 'unhealthy' | 'starting' | 'none'
  readonly restarts: number | null
}

/**
 * Containers under the names and labels of cAdvisor, so that its dashboards and rules fit; the longest running first, up to a
 * bound. `read` gives them in that order, and null while nobody knows.
 */
export function containersCollector(read: () => readonly ContainerReading[] | null): Collector {
  return {
    name: 'containers',
    collect() {
      const all = read()
      if (all === null) return []
      const shown = all.slice(0, MOST_CONTAINERS).map((container) => ({ container, labels: labelsOf(container) }))
      return [
        ...FIGURES.map((figure) => familyOf(figure, shown)),
        { metric: METRICS.containerReceived, samples: shown.flatMap((one) => bytesOf(one, 'received')) },
        { metric: METRICS.containerSent, samples: shown.flatMap((one) => bytesOf(one, 'sent')) },
        { metric: METRICS.containersLeftOut, samples: [{ labels: [], value: String(all.length - shown.length) }] },
      ]
    },
  }
}

interface Shown {
  readonly container: ContainerReading
  readonly labels: readonly string[]
}

interface Figure {
  readonly metric: Metric & { readonly type: 'counter' | 'gauge' }
  readonly more?: readonly string[]
  /** Null = not known, and so not shown. */
  readonly value: (container: ContainerReading) => string | null
}

const FIGURES: readonly Figure[] = [
  // cAdvisor has a series for each processor, or this one.
  { metric: METRICS.containerCpu, more: ['total'], value: ({ cpu }) => (cpu === null ? null : decimalText(cpu, 9)) },
  { metric: METRICS.containerThrottled, value: ({ throttledPeriods }) => whole(throttledPeriods) },
  { metric: METRICS.containerMemory, value: ({ memory }) => whole(memory) },
  { metric: METRICS.containerWorkingSet, value: ({ workingSet }) => whole(workingSet) },
  { metric: METRICS.containerMemoryLimit, value: ({ memoryLimit }) => whole(memoryLimit) },
  { metric: METRICS.containerRead, value: ({ diskRead }) => whole(diskRead) },
  { metric: METRICS.containerWritten, value: ({ diskWritten }) => whole(diskWritten) },
  { metric: METRICS.containerThreads, value: ({ threads }) => whole(threads) },
  { metric: METRICS.containerStart, value: ({ startedAt }) => seconds(startedAt) },
  { metric: METRICS.containerSeen, value: ({ at }) => seconds(at) },
  { metric: METRICS.containerHealth, value: ({ health }) => HEALTH[health] },
  { metric: METRICS.containerRestarts, value: ({ restarts }) => whole(restarts) },
]

const HEALTH = { healthy: '1', unhealthy: '0', starting: '0', none: '-1' } as const

function familyOf({ metric, more = [], value }: Figure, shown: readonly Shown[]): Family {
  const samples = shown.flatMap(({ container, labels }): Sample[] => {
    const text = value(container)
    return text === null ? [] : [{ labels: [...labels, ...more], value: text, ...since(container, metric) }]
  })
  return { metric, samples }
}

function bytesOf({ container, labels }: Shown, way: 'received' | 'sent'): Sample[] {
  if (container.borrowsNetwork) return []
  const all = [...container.networks].sort(([a], [b]) => (a < b ? -1 : 1))
  const own = all.slice(0, MOST_INTERFACES).map(([name, counters]) => [name, counters[way]] as const)
  const rest = all.slice(MOST_INTERFACES).reduce((sum, [, counters]) => sum + counters[way], 0n)
  const rows = all.length > MOST_INTERFACES ? [...own, [OTHER, rest] as const] : own
  return rows.map(([name, bytes]) => ({
    labels: [...labels, name],
    value: String(bytes),
    ...since(container, METRICS.containerReceived),
  }))
}

function labelsOf({ id, name, image, project, service }: ContainerReading): readonly string[] {
  return [`/docker/${id}`, name, image, project ?? '', service ?? '']
}

/** Counters began with the container's run; but restarts are counted over all of its runs. */
function since({ startedAt }: ContainerReading, metric: Metric): { readonly created?: number } {
  const began = metric.type === 'counter' && metric !== METRICS.containerRestarts
  return began && startedAt !== null ? { created: startedAt } : {}
}

function whole(value: bigint | number | null): string | null {
  return value === null ? null : String(value)
}

function seconds(at: number | null): string | null {
  return at === null ? null : decimalText(Math.round(at), 3)
}
