import { createHash } from 'node:crypto'
import { busyHours, busyness } from '../rhythm.ts'

/** A container of the invented company, and how much it takes. */
export interface Container {
  readonly id: string
  readonly service: string
  readonly replica: number
  readonly image: string
  /** Begin of its run, epoch milliseconds. */
  readonly startedAt: number
  readonly appetite: Appetite
}

/** What runs whether anybody calls or not, and what comes on top in an hour as busy as the mean of a week. */
interface Appetite {
  /** Processors. */
  readonly cpu: readonly [idle: number, busy: number]
  /** GiB. */
  readonly memory: readonly [idle: number, busy: number]
  /** MiB an hour, both ways. */
  readonly network: readonly [idle: number, busy: number]
}

/** What compose runs: the product, the gateway, the traces, their stores, and who watches over them. */
const SERVICES: readonly (readonly [service: string, image: string, replicas: number, appetite: Appetite])[] = [
  ['app', 'registry.example/app:3.2.1', 2, { cpu: [0.08, 0.42], memory: [1.1, 0.4], network: [30, 290] }],
  ['mcp-server', 'registry.example/mcp-server:1.8.0', 1, { cpu: [0.04, 0.22], memory: [0.6, 0.2], network: [8, 90] }],
  ['litellm', 'ghcr.io/berriai/litellm:v1.106.2', 2, { cpu: [0.06, 0.3], memory: [0.9, 0.3], network: [15, 240] }],
  ['langfuse-web', 'langfuse/langfuse:4.16.0', 1, { cpu: [0.06, 0.16], memory: [1.1, 0.3], network: [10, 70] }],
  [
    'langfuse-worker',
    'langfuse/langfuse-worker:4.16.0',
    1,
    { cpu: [0.1, 0.4], memory: [1.2, 0.4], network: [20, 130] },
  ],
  ['clickhouse', 'clickhouse/clickhouse-server:26.3', 1, { cpu: [0.35, 0.6], memory: [6.5, 2], network: [25, 150] }],
  ['postgres', 'postgres:18', 1, { cpu: [0.1, 0.3], memory: [3.2, 0.5], network: [15, 110] }],
  ['redis', 'redis:8', 1, { cpu: [0.03, 0.06], memory: [0.5, 0.1], network: [15, 80] }],
  ['marginwatch', 'marginwatch:0.1.0', 1, { cpu: [0.02, 0.05], memory: [0.3, 0.1], network: [3, 12] }],
  ['prometheus', 'prom/prometheus:v3.8.0', 1, { cpu: [0.08, 0.02], memory: [1.2, 0.1], network: [18, 4] }],
  ['grafana', 'grafana/grafana:13.2.2', 1, { cpu: [0.03, 0.02], memory: [0.4, 0.05], network: [3, 6] }],
]

/** Compose project of all of them. */
export const PROJECT = 'invented'

/** The containers of the company, all started at the same moment. */
export function containersSince(startedAt: number): Container[] {
  return SERVICES.flatMap(([service, image, replicas, appetite]) =>
    Array.from({ length: replicas }, (_, index) => ({
      id: createHash('sha256').update(`${PROJECT} ${service} ${index}`).digest('hex'),
      service,
      replica: index + 1,
      image,
      startedAt,
      appetite,
    })),
  )
}

/** Counters as a kernel keeps them, since the begin of the run, and what is in use at the moment. */
export interface Counters {
  readonly cpuNanos: number
  readonly received: number
  readonly sent: number
  /** Bytes in use, and those of them that are file cache which may be taken back. */
  readonly memory: number
  readonly cache: number
  readonly read: number
  readonly written: number
}

const HOUR = 3_600_000
const HOUR_NANOS = HOUR * 1e6
const MIB = 2 ** 20
const GIB = 2 ** 30

/** A pure function of the moment: whoever asks, whenever, in whatever order, counters only grow. */
export function countersAt({ startedAt, appetite }: Container, at: number): Counters {
  const hours = Math.max(0, at - startedAt) / HOUR
  const busy = at > startedAt ? busyHours(startedAt, at) : 0
  const used = ([idle, more]: readonly [number, number]) => idle * hours + more * busy
  const bytes = used(appetite.network) * MIB
  const [idle, more] = appetite.memory
  const working = Math.floor((idle + more * Math.min(2, busyness(at))) * GIB)
  const cache = Math.floor(working / 5)
  return {
    cpuNanos: Math.floor(used(appetite.cpu) * HOUR_NANOS),
    received: Math.floor(bytes * 0.45),
    sent: Math.floor(bytes * 0.55),
    memory: working + cache,
    cache,
    read: Math.floor(bytes * 0.1),
    written: Math.floor(bytes * 0.3),
  }
}
