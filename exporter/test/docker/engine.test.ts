import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { startApp } from '../../src/app.ts'
import { type DockerClient, dockerClient } from '../../src/clients/docker.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { readPolicy } from '../../src/policy/read.ts'
import { openBook } from '../../src/sources/docker/book.ts'
import { type Looked, look, type Seen } from '../../src/sources/docker/look.ts'
import type { Metered } from '../../src/usage.ts'
import { type Dockerd, startDockerd, startSocketProxy, whyNoDockerd } from '../support/dockerd.ts'
import { describeUnless } from '../support/installed.ts'
import { scratch } from '../support/ledger.ts'
import { scrape } from '../support/scrape.ts'
import { policyWith, World } from '../support/world.ts'

const IDLE = 'sleep 600'
const BUSY = 'while true; do true; done'
const MIB = 2 ** 20
const NEVER = new AbortController().signal

describeUnless(whyNoDockerd(), 'a real Docker engine', () => {
  let engine: Dockerd
  let client: DockerClient
  beforeAll(async () => {
    engine = await startDockerd()
    client = await clientOf(engine.url)
  })
  afterAll(async () => {
    client?.close()
    await engine?.close()
  })
  afterEach(() => engine.clear())

  async function clientOf(url: string): Promise<DockerClient> {
    const made = dockerClient({ url, timeoutMs: 60_000, now: Date.now })
    await made.ping(NEVER)
    return made
  }
  const lookNow = (change: { client?: DockerClient; project?: string } = {}): Promise<Looked> =>
    look({ client, project: null, now: Date.now, signal: NEVER, ...change })
  const names = ({ seen }: Looked) => seen.map(({ name }) => name).sort()
  const one = (seen: readonly Seen[], name: string): Seen => {
    const found = seen.find((container) => container.name === name)
    if (found === undefined)
      throw new Error(`${name} was not read; read were ${seen.map((each) => each.name).join(', ')}`)
    return found
  }

  it('is read with twenty containers at once, or one project of them', async () => {
    const all = Array.from({ length: 20 }, (_, i) => `shop-web-${i + 1}`)
    const project = (i: number) => `com.docker.compose.project=${i < 5 ? 'shop' : 'other'}`
    const labels = (i: number) => ['--label', project(i), '--label', 'com.docker.compose.service=web']
    await Promise.all(all.map((name, i) => engine.start(name, IDLE, '--network', 'none', ...labels(i))))
    const looked = await lookNow()
    expect(names(looked)).toEqual([...all].sort())
    expect(looked.failed).toEqual([])
    for (const { cpu, workingSet, threads, startedAt, memoryLimit } of looked.seen) {
      expect(cpu ?? 0n).toBeGreaterThan(0n)
      expect(workingSet).toBeGreaterThan(0n)
      expect(threads).toBeGreaterThan(0n)
      expect(startedAt).toBeLessThanOrEqual(Date.now())
      expect(memoryLimit).toBeNull()
    }
    expect(names(await lookNow({ project: 'shop' }))).toEqual(all.slice(0, 5).sort())
  })

  it('gives the numbers that docker stats shows', async () => {
    await engine.start(
      'idle',
      `dd if=/dev/zero of=/file bs=1M count=20; ${IDLE}`,
      '--network',
      'none',
      '--memory',
      '64m',
    )
    // A fifth of a processor is left to it on a busy machine too.
    await engine.start('busy', BUSY, '--cpus', '0.2')
    let before = await lookNow()
    // Until the file is written; each look takes a second.
    const cached = ({ memory, workingSet }: Seen) => Number(memory) - Number(workingSet)
    for (let i = 0; i < 60 && cached(one(before.seen, 'idle')) < 19 * MIB; i++) before = await lookNow()
    const shown = await engine.docker('stats', '--no-stream', '--format', '{{json .}}')
    const after = await lookNow()
    const rows = shown.split('\n').map((line) => JSON.parse(line) as Record<string, string>)
    const row = (name: string) => rows.find(({ Name }) => Name === name) ?? {}
    const idle = one(after.seen, 'idle')
    const [used = '', limit = ''] = row('idle').MemUsage?.split(' / ') ?? []
    // The kernel books pages in bundles; the file that was written, 20 MiB, is not among them.
    expect(Math.abs(Number(idle.workingSet) - bytes(used))).toBeLessThan(512 * 1024)
    expect(cached(idle)).toBeGreaterThan(18 * MIB)
    expect(idle.memoryLimit).toBe(64n * 2n ** 20n)
    expect(bytes(limit)).toBe(64 * MIB)
    expect(String(idle.threads)).toBe(row('idle').PIDs)
    const [first, last] = [one(before.seen, 'busy'), one(after.seen, 'busy')]
    const share = (Number(last.cpu) - Number(first.cpu)) / ((last.at - first.at) * 1e6)
    expect(Math.abs(share * 100 - Number.parseFloat(row('busy').CPUPerc ?? ''))).toBeLessThan(10)
    expect(last.throttledPeriods).toBeGreaterThan(0n)
    const [received = ''] = row('busy').NetIO?.split(' / ') ?? []
    expect([...last.networks.keys()]).toEqual(['eth0'])
    expect(Number(first.networks.get('eth0')?.received)).toBeLessThanOrEqual(bytes(received) * 1.02 + 1)
    expect(Number(last.networks.get('eth0')?.received)).toBeGreaterThanOrEqual(bytes(received) * 0.98 - 1)
  })

  it('is not disturbed by containers that were stopped, are starting over and over, vanish or were never started', async () => {
    await engine.start('steady', IDLE, '--network', 'none')
    await engine.start('over-and-over', 'false', '--network', 'none', '--restart', 'always')
    await engine.start('stopped', IDLE, '--network', 'none')
    await engine.docker('kill', 'stopped')
    await engine.docker('create', '--name', 'new', 'marginwatch/busybox:1', 'sh')
    await engine.start('vanishes', IDLE, '--network', 'none')
    const [looked] = await Promise.all([lookNow(), engine.docker('rm', '--force', 'vanishes')])
    expect(looked.failed).toEqual([])
    expect(names(looked)).toContain('steady')
    expect(names(looked)).not.toContain('stopped')
    expect(names(looked)).not.toContain('new')
    expect(names(await lookNow())).toEqual(['over-and-over', 'steady'])
  })

  it('tells how a container is, and how often it was restarted', async () => {
    await engine.start('checked', IDLE, '--network', 'none', '--health-cmd', 'true', '--health-interval', '1s')
    await engine.start('failing', 'sleep 0.2; false', '--network', 'none', '--restart', 'on-failure:50')
    expect(one((await lookNow()).seen, 'checked').restarts).toBe(0)
    const told = async () => {
      const { seen } = await lookNow()
      return { health: one(seen, 'checked').health, restarts: one(seen, 'failing').restarts ?? 0 }
    }
    let last = await told()
    // Each look takes a second.
    for (let i = 0; i < 60 && !(last.health === 'healthy' && last.restarts > 0); i++) last = await told()
    expect(last).toEqual({ health: 'healthy', restarts: expect.any(Number) })
    expect(last.restarts).toBeGreaterThan(0)
  })

  it('has its containers counted over restarts and other names: nothing twice, nothing lost', async () => {
    const world = new World(policyWith())
    const settings = { url: engine.url, project: null, everyMs: 15_000, recordMs: 60_000, timeoutMs: 10_000 }
    const book = openBook(world.recorder, world.deps)
    const count = async () => {
      const looked = await lookNow()
      await book.count(looked, settings)
      return looked
    }
    await engine.start('worker-1', BUSY, '--cpus', '0.2')
    const first = one((await count()).seen, 'worker-1')
    const second = one((await count()).seen, 'worker-1')
    await engine.docker('restart', '--time', '0', 'worker-1')
    await engine.docker('rename', 'worker-1', 'jobs-1')
    const third = one((await count()).seen, 'jobs-1')
    expect(third.id).toBe(first.id)
    expect(third.startedAt).toBeGreaterThan(first.startedAt ?? 0)
    await engine.docker('rm', '--force', 'jobs-1')
    await count()
    const entries = [...world.beside.values()] as Metered[]
    const sum = entries.filter(({ meter }) => meter === 'cpu').reduce((total, { amount }) => total + amount, 0n)
    expect(sum).toBe((second.cpu ?? 0n) - (first.cpu ?? 0n) + (third.cpu ?? 0n))
    expect(new Set(entries.map(({ service }) => service)).has('jobs')).toBe(true)
    world.remove()
  })

  it('is read through a socket proxy as by its socket', async () => {
    await engine.start('steady', IDLE, '--network', 'none')
    const proxy = await startSocketProxy(engine.socket)
    const through = await clientOf(proxy.url)
    try {
      const looked = await lookNow({ client: through })
      expect(names(looked)).toEqual(['steady'])
      expect(one(looked.seen, 'steady').image).toBe('marginwatch/busybox:1')
    } finally {
      through.close()
      await proxy.close()
    }
  })

  it('is shown by the program: its containers at /metrics, its source as well', async () => {
    await engine.start('shop-web-1', IDLE, '--network', 'none', '--label', 'com.docker.compose.service=web')
    const folder = await scratch()
    const policy = policyOf(engine.url)
    const app = await startApp({
      policy: {
        current: () => policy,
        lastReload: () => ({ ok: true, problems: [] }),
        onChange: () => {},
      },
      directory: folder.path,
      demo: false,
      log: pino({ level: 'silent' }),
      now: Date.now,
      random: () => 0.5,
      sleep: (ms, signal) => pause(ms, undefined, { signal }).catch(() => undefined),
    })
    try {
      const family = async (name: string) =>
        (await scrape(app.url)).families.find((one) => one.name === name)?.samples ?? []
      const isUp = async () => (await family('marginwatch_source_up')).some(({ labels }) => labels.source === 'docker')
      while (!(await isUp())) await pause(50)
      expect((await family('container_memory_working_set_bytes')).map(({ labels }) => labels)).toMatchObject([
        { name: 'shop-web-1', container_label_com_docker_compose_service: 'web' },
      ])
      const up = (await family('marginwatch_source_up')).map(({ labels, value }) => [labels.source, value])
      expect(up).toContainEqual(['docker', '1'])
    } finally {
      await app.close()
      await folder.remove()
    }
  })
})

function policyOf(url: string): Policy {
  const text = `server: { port: 0 }\nsources: { docker: { url: "${url}", every: 5s } }`
  const { policy } = readPolicy(text, { file: 'policy', env: {} })
  if (!policy) throw new Error('the policy is not good')
  return policy
}

const UNITS: Readonly<Record<string, number>> = { B: 1, kB: 1e3, MB: 1e6, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }

/** Bytes of an amount as Docker writes it, e.g. `10.59MiB`. */
function bytes(text: string): number {
  const [, number, unit = ''] = /^([\d.]+)([A-Za-z]+)$/.exec(text) ?? []
  const factor = UNITS[unit]
  if (factor === undefined) throw new Error(`found ${JSON.stringify(text)}, expected an amount of bytes`)
  return Number(number) * factor
}
