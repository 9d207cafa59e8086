import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type DockerEngine, type StandInContainer, startEngine } from '../../../test/support/docker-engine.ts'
import { testSource } from '../../../test/support/source-contract.ts'
import { policyWith, World } from '../../../test/support/world.ts'
import type { DockerPolicy } from '../../policy/policy.ts'
import type { Metered } from '../../usage.ts'
import type { RunningSources } from '../runner.ts'
import type { Close } from '../source.ts'
import { createContainers } from './containers.ts'
import { dockerSource } from './source.ts'

const MINUTE = 60_000

function settings(url: string, change: Partial<DockerPolicy> = {}): DockerPolicy {
  return { url, project: null, everyMs: 15_000, recordMs: 5 * MINUTE, timeoutMs: 10_000, ...change }
}

function container(name: string, change: Partial<StandInContainer> = {}): StandInContainer {
  return { id: name.replaceAll(/\W/g, ''), name, startedAt: '2026-11-01T00:00:00Z', cpu: 1000, ...change }
}

testSource('docker', async (world) => {
  const folder = await mkdtemp(join(tmpdir(), 'marginwatch-engine-'))
  const engine = await startEngine(() => world.now, join(folder, 'docker.sock'))
  world.policy = policyWith({ sources: { docker: settings(engine.url) } })
  const one = container('web')
  engine.containers.push(one)
  let running: RunningSources | null = null
  return {
    source: dockerSource(createContainers()),
    start(sources) {
      running = sources
      return world.idle()
    },
    async deliver(secret) {
      one.cpu = 2000
      Object.assign(one, { labels: { password: secret } })
      await world.advance(10 * MINUTE)
      return running?.health()[0]?.up === true
    },
    async hang() {
      engine.trouble = 'silent'
      const asked = engine.next()
      void world.advance(15_000)
      await asked
    },
    async stop() {
      await engine.close()
      await rm(folder, { recursive: true })
    },
  }
})

describe('the source docker', () => {
  let world: World
  let engine: DockerEngine
  let close: Close | null
  const containers = createContainers()

  beforeEach(async () => {
    world = new World()
    engine = await startEngine(() => world.now)
    world.policy = policyWith({ sources: { docker: settings(engine.url) } })
    close = null
  })
  afterEach(async () => {
    await close?.()
    await engine.close()
    world.remove()
  })

  async function open(): Promise<void> {
    close = await dockerSource(containers).open(world.recorder, world.deps)
    await world.idle()
  }
  const names = () => containers.read()?.map(({ name }) => name)
  const recorded = () => [...world.beside.values()] as Metered[]

  it('asks by the version that the engine names, only with GET, over connections that it keeps', async () => {
    engine.containers.push(container('a'), container('b'))
    await open()
    await world.advance(2 * MINUTE)
    expect(engine.asked.slice(0, 2)).toEqual(['GET /_ping', 'GET /v1.41/containers/json'])
    expect(engine.asked).toContain('GET /v1.41/containers/a/stats?stream=false&one-shot=true')
    expect(engine.asked.filter((asked) => !asked.startsWith('GET '))).toEqual([])
    expect(engine.asked.filter((asked) => asked === 'GET /_ping')).toHaveLength(1)
    expect(engine.asked.length).toBe(1 + 9 * 5)
    expect(engine.connections()).toBeLessThanOrEqual(3)
  })

  it('reads the containers of one compose project', async () => {
    world.policy = policyWith({ sources: { docker: settings(engine.url, { project: 'shop' }) } })
    const labels = (project: string) => ({ 'com.docker.compose.project': project })
    engine.containers.push(container('a', { labels: labels('shop') }), container('b', { labels: labels('other') }))
    await open()
    expect(names()).toEqual(['a'])
  })

  it('adds up by compose service, else by the name without the number of a replica', async () => {
    engine.containers.push(
      container('shop-web-2', { labels: { 'com.docker.compose.service': 'frontend' } }),
      container('worker_11'),
      container('grafana'),
    )
    await open()
    for (const one of engine.containers) one.cpu = 2000
    await world.advance(10 * MINUTE)
    expect(recorded().map(({ service }) => service)).toEqual(['frontend', 'worker', 'grafana'])
  })

  it('counts the bytes of a borrowed network where they belong', async () => {
    engine.containers.push(container('app', { network: [10, 5] }))
    engine.containers.push(container('sidecar', { network: [10, 5], networkMode: 'container:app' }))
    await open()
    for (const one of engine.containers) one.network = [110, 6]
    await world.advance(10 * MINUTE)
    expect(recorded().filter(({ meter }) => meter === 'network')).toMatchObject([{ service: 'app', amount: 101n }])
  })

  it('is not disturbed by one that restarts, one that cannot be read, and one that is gone', async () => {
    engine.containers.push(container('a'), container('b', { state: 'restarting' }), container('c'), container('gone'))
    await open()
    expect(names()).toEqual(['a', 'b', 'c', 'gone'])
    expect(containers.read()?.find(({ name }) => name === 'b')).toMatchObject({ cpu: null, restarts: 2 })
    engine.unwell.add('c')
    engine.containers.pop()
    await world.advance(15_000)
    expect(names()).toEqual(['a', 'b'])
    expect(world.told.at(-1)).toBe('ok')
    expect(world.note).toMatch(
      /^1 of 3 containers could not be read; c: The Docker engine refuses: GET .* answered 500/,
    )
    engine.unwell.clear()
    await world.advance(15_000)
    expect(world.note).toBeNull()
    expect(names()).toEqual(['a', 'b', 'c'])
  })

  it('leaves one out that vanishes while it is read', async () => {
    engine.containers.push(container('a'), container('b'))
    engine.vanishing.add('b')
    await open()
    expect(names()).toEqual(['a'])
    expect(world.note).toBeNull()
  })

  it('takes counters that were read before a restart for nothing', async () => {
    engine.containers.push(container('a'))
    await open()
    // The engine tells of a run that began after the counters were read.
    Object.assign(engine.containers[0] ?? {}, { cpu: 7000, startedAt: new Date(world.now + MINUTE).toISOString() })
    await world.advance(15_000)
    expect(containers.read()).toMatchObject([{ name: 'a', cpu: null }])
    await world.advance(MINUTE)
    expect(containers.read()).toMatchObject([{ name: 'a', cpu: 7000n }])
  })

  it.each([
    ['broken', /^The Docker engine cannot be reached: GET .*_ping failed: ECONNRESET\.$/],
    [
      'refused',
      /^The Docker engine's socket proxy refuses: GET .*\/containers\/json answered 403: forbidden\. It must allow/,
    ],
    ['other', /^This is no Docker engine: found something else than a list of containers\.$/],
  ] as const)(
    'says what is wrong with an engine that is %s, shows nothing, and goes on when it is well',
    async (trouble, why) => {
      engine.containers.push(container('a', { cpu: 0 }))
      await open()
      engine.trouble = trouble
      await world.advance(2 * MINUTE)
      expect(world.told.at(-1)).toMatch(trouble === 'broken' ? /ECONNRESET/ : why)
      if (trouble !== 'other') expect(containers.read()).toBeNull()
      engine.trouble = 'none'
      Object.assign(engine.containers[0] ?? {}, { cpu: 3000 })
      await world.advance(10 * MINUTE)
      expect(world.told.at(-1)).toBe('ok')
      expect(recorded().reduce((sum, { amount }) => sum + amount, 0n)).toBe(3000n)
    },
  )

  it('says how to reach a socket that is not there, and asks ever later', async () => {
    world.policy = policyWith({ sources: { docker: settings('unix:///nowhere/docker.sock') } })
    await open()
    expect(world.told.at(-1)).toMatch(
      /^The Docker engine cannot be reached: GET \/_ping of unix:\/\/\/nowhere\/docker\.sock failed: ENOENT\. Is it running, and is its socket mounted/,
    )
    await world.advance(10 * MINUTE)
    expect(world.told.length).toBeLessThan(16)
  })

  it('reads nothing without an engine in the policy, begins when one is named, and stops when it is taken out', async () => {
    const named = world.policy
    world.policy = policyWith()
    await open()
    expect(engine.asked).toEqual([])
    engine.containers.push(container('a'))
    world.policy = named
    await world.advance(5000)
    expect(names()).toEqual(['a'])
    world.policy = policyWith()
    await world.advance(5000)
    expect(containers.read()).toBeNull()
    const { length } = engine.asked
    await world.advance(MINUTE)
    expect(engine.asked).toHaveLength(length)
  })
})
