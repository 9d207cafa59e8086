import { describe, expect, it } from 'vitest'
import { expose } from '../../../test/support/expose.ts'
import { parseExposition } from '../../../test/support/exposition-parser.ts'
import { MOST_CONTAINERS, MOST_INTERFACES } from '../../catalogue.ts'
import { type ContainerReading, containersCollector } from './containers.ts'

function container(change: Partial<ContainerReading> = {}): ContainerReading {
  return {
    id: 'a',
    name: 'web-1',
    image: 'web:1',
    project: 'shop',
    service: 'web',
    cpu: 1_500_000_000n,
    throttledPeriods: 3n,
    memory: 2000n,
    workingSet: 1000n,
    memoryLimit: 4000n,
    networks: new Map([['eth0', { received: 5n, sent: 6n }]]),
    borrowsNetwork: false,
    diskRead: 7n,
    diskWritten: 8n,
    threads: 9n,
    startedAt: 1_795_305_600_250,
    at: 1_795_305_690_750,
    health: 'healthy',
    restarts: 2,
    ...change,
  }
}

async function families(readings: readonly ContainerReading[] | null) {
  const page = await expose(containersCollector(() => readings).collect(), 'text')
  return parseExposition(page, 'text')
}

/** Values by the name of the family, of a page with one container. */
async function values(change: Partial<ContainerReading>): Promise<Record<string, string>> {
  const all = (await families([container(change)])).flatMap(({ name, samples }) =>
    samples.map(({ value }) => [name, value]),
  )
  return Object.fromEntries(all)
}

describe('the collector of containers', () => {
  it('shows each figure under its name at cAdvisor, with its labels', async () => {
    expect(await values({})).toEqual({
      container_cpu_usage_seconds_total: '1.5',
      container_cpu_cfs_throttled_periods_total: '3',
      container_memory_usage_bytes: '2000',
      container_memory_working_set_bytes: '1000',
      container_spec_memory_limit_bytes: '4000',
      container_network_receive_bytes_total: '5',
      container_network_transmit_bytes_total: '6',
      container_fs_reads_bytes_total: '7',
      container_fs_writes_bytes_total: '8',
      container_threads: '9',
      container_start_time_seconds: '1795305600.25',
      container_last_seen: '1795305690.75',
      container_health_state: '1',
      container_restarts_total: '2',
      marginwatch_containers_left_out: '0',
    })
    const [cpu] = await families([container()])
    expect(cpu?.samples[0]?.labels).toEqual({
      id: '/docker/a',
      name: 'web-1',
      image: 'web:1',
      container_label_com_docker_compose_project: 'shop',
      container_label_com_docker_compose_service: 'web',
      cpu: 'total',
    })
  })

  it('leaves out what is not known, and all while nobody knows anything', async () => {
    const unknown = {
      cpu: null,
      throttledPeriods: null,
      memory: null,
      workingSet: null,
      memoryLimit: null,
      diskRead: null,
    }
    const none = { diskWritten: null, threads: null, startedAt: null, restarts: null, networks: new Map() }
    expect(await values({ ...unknown, ...none, health: 'none' })).toEqual({
      container_last_seen: '1795305690.75',
      container_health_state: '-1',
      marginwatch_containers_left_out: '0',
    })
    expect(await families(null)).toEqual([])
  })

  it('tells one that is starting or ill from one that is well', async () => {
    for (const health of ['starting', 'unhealthy'] as const)
      expect(await values({ health })).toMatchObject({ container_health_state: '0' })
  })

  it('shows the bytes of a borrowed network at its owner alone', async () => {
    expect(await values({ borrowsNetwork: true })).not.toHaveProperty('container_network_receive_bytes_total')
  })

  it('shows as many containers as it may, the longest running, and counts the others', async () => {
    const many = Array.from({ length: MOST_CONTAINERS + 50 }, (_, i) => container({ id: `c${i}`, name: `web-${i}` }))
    const pages = await families(many)
    const ofCpu = pages.find(({ name }) => name === 'container_cpu_usage_seconds_total')?.samples ?? []
    expect(ofCpu.map(({ labels }) => labels.name)).toEqual(many.slice(0, MOST_CONTAINERS).map(({ name }) => name))
    expect(pages.at(-1)?.samples[0]?.value).toBe('50')
    for (const { samples } of pages) expect(samples.length).toBeLessThanOrEqual(MOST_CONTAINERS)
  })

  it('shows as many interfaces of a container as it may, and the others together', async () => {
    const networks = new Map(Array.from({ length: 100 }, (_, i) => [`eth${i}`, { received: 1n, sent: 2n }] as const))
    const pages = await families([container({ networks })])
    const sent = pages.find(({ name }) => name === 'container_network_transmit_bytes_total')?.samples ?? []
    expect(sent).toHaveLength(MOST_INTERFACES + 1)
    expect(sent.at(-1)).toMatchObject({ labels: { interface: 'other' }, value: String(2 * (100 - MOST_INTERFACES)) })
  })
})
