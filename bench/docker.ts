/** How long the source takes to read twenty containers of a real Docker engine, and what that costs of a processor. */
import { type DockerClient, dockerClient } from '@marginwatch/exporter/clients/docker'
import { look } from '@marginwatch/exporter/sources/docker/look'
import { type BenchRow, figureRow } from './row.ts'
import { LeftOut } from './support/left-out.ts'
import type { Setting } from './support/setting.ts'
import { withTests } from './support/tests.ts'

const CONTAINERS = 20

/** What it needs of the tests' support; `exporter/test/support/for-bench.ts` holds these types to theirs. */
export interface DockerSupport {
  /** What it would need to start an engine, in words; null when all is there. */
  whyNoDockerd(): string | null
  startDockerd(): Promise<{
    readonly url: string
    start(name: string, command: string, ...options: string[]): Promise<string>
    close(): Promise<void>
  }>
}

export function run({ quick }: Setting): Promise<BenchRow[]> {
  return withTests('for-bench', async ({ docker }: { docker: DockerSupport }) => {
    const missing = docker.whyNoDockerd()
    if (missing !== null) throw new LeftOut(missing)
    const engine = await docker.startDockerd()
    try {
      for (let i = 0; i < CONTAINERS; i++) await engine.start(`idle-${i}`, 'sleep 600', '--network', 'none')
      const client = dockerClient({ url: engine.url, timeoutMs: 60_000, now: Date.now })
      try {
        return await measure(client, quick ? 3 : 15)
      } finally {
        client.close()
      }
    } finally {
      await engine.close()
    }
  })
}

async function measure(client: DockerClient, rounds: number): Promise<BenchRow[]> {
  const { signal } = new AbortController()
  await client.ping(signal)
  const together: number[] = []
  const cpu: number[] = []
  for (let round = 0; round < rounds; round++) {
    const [began, before] = [performance.now(), process.cpuUsage()]
    const { readings } = await look({ client, project: null, now: Date.now, signal })
    together.push(performance.now() - began)
    const { user, system } = process.cpuUsage(before)
    cpu.push((user + system) / 1000)
    if (readings.length !== CONTAINERS) throw new Error(`${readings.length} of ${CONTAINERS} containers were read`)
  }
  const inTurn = await timeInTurn(client, signal)
  return [
    figureRow({ name: '20 containers', unit: 'ms', decimals: 0, goal: { most: 3000, aim: 2000 } }, together),
    figureRow({ name: 'the same, CPU of the reader', unit: 'ms', decimals: 1 }, cpu),
    figureRow({ name: 'the same one after the other', unit: 'ms', decimals: 0 }, [inTurn]),
  ]
}

async function timeInTurn(client: DockerClient, signal: AbortSignal): Promise<number> {
  const began = performance.now()
  const list = (await client.containers(null, signal)) as { Id: string }[]
  for (const { Id } of list) {
    await client.stats(Id, signal)
    await client.inspect(Id, signal)
  }
  return performance.now() - began
}
