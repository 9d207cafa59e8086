import { type Container, countersAt, PROJECT } from './containers.ts'

/** What an engine says at one moment: bodies of its API. */
export interface EngineAnswers {
  /** `GET /containers/json`, of one compose project or of all. */
  list(project: string | null): object[]
  /** `GET /containers/{id}/json`; null when there is no such container. */
  inspect(id: string): object | null
  /** `GET /containers/{id}/stats?stream=false&one-shot=true`; null when there is no such container. */
  stats(id: string): object | null
}

/** The version of the API that it speaks. */
export const API_VERSION = '1.52'
const MEMORY_LIMIT = 16 * 2 ** 30

export function answersAt(containers: readonly Container[], at: number): EngineAnswers {
  const of = (id: string, answer: (container: Container) => object) => {
    const found = containers.find((container) => container.id === id)
    return found === undefined ? null : answer(found)
  }
  return {
    list: (project) => (project === null || project === PROJECT ? containers.map(listed) : []),
    inspect: (id) => of(id, inspected),
    stats: (id) => of(id, (container) => statistics(container, at)),
  }
}

function nameOf({ service, replica }: Container): string {
  return `/${PROJECT}-${service}-${replica}`
}

function labelsOf({ service, replica }: Container) {
  return {
    'com.docker.compose.project': PROJECT,
    'com.docker.compose.service': service,
    'com.docker.compose.container-number': String(replica),
  }
}

function listed(container: Container): object {
  const { id, image, startedAt } = container
  return {
    Id: id,
    Names: [nameOf(container)],
    Image: image,
    Created: Math.floor(startedAt / 1000) - 2,
    Labels: labelsOf(container),
    State: 'running',
    Status: 'Up',
    HostConfig: { NetworkMode: `${PROJECT}_default` },
  }
}

function inspected(container: Container): object {
  const { id, image, startedAt } = container
  return {
    Id: id,
    Name: nameOf(container),
    Created: iso(startedAt - 2000),
    State: {
      Status: 'running',
      Running: true,
      Paused: false,
      Restarting: false,
      StartedAt: iso(startedAt),
      FinishedAt: '0001-01-01T00:00:00Z',
      Health: { Status: 'healthy', FailingStreak: 0 },
    },
    RestartCount: 0,
    HostConfig: { Memory: MEMORY_LIMIT, NetworkMode: `${PROJECT}_default` },
    Config: { Image: image, Labels: labelsOf(container) },
  }
}

/** With cgroup v2. */
function statistics(container: Container, at: number): object {
  const { cpuNanos, received, sent, memory, cache, read, written } = countersAt(container, at)
  return {
    id: container.id,
    name: nameOf(container),
    read: iso(at),
    preread: '0001-01-01T00:00:00Z',
    pids_stats: { current: 24 },
    cpu_stats: {
      cpu_usage: { total_usage: cpuNanos, usage_in_kernelmode: 0, usage_in_usermode: cpuNanos },
      system_cpu_usage: Math.max(0, at - container.startedAt) * 8_000_000,
      online_cpus: 8,
      throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
    },
    memory_stats: { usage: memory, stats: { inactive_file: cache, file: cache }, limit: MEMORY_LIMIT },
    blkio_stats: {
      io_service_bytes_recursive: [
        { major: 254, minor: 0, op: 'read', value: read },
        { major: 254, minor: 0, op: 'write', value: written },
      ],
    },
    networks: { eth0: { rx_bytes: received, tx_bytes: sent, rx_errors: 0, tx_errors: 0 } },
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
