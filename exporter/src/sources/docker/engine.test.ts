import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BadAnswer, readCounters, readInspected, readList } from './engine.ts'

const recorded = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../test/fixtures/docker/${name}.json`, import.meta.url), 'utf8'))

describe('the counters of a container', () => {
  it('are read from a kernel with cgroup v2', () => {
    expect(readCounters(recorded('stats-cgroup-v2'))).toEqual({
      readAt: Date.parse('2026-11-22T01:51:38.497Z'),
      cpu: 5_409_746_000n,
      throttledPeriods: 85n,
      memory: 43_839_488n,
      workingSet: 43_839_488n - 41_943_040n,
      networks: new Map([['eth0', { received: 1112n, sent: 0n }]]),
      diskRead: 0n,
      diskWritten: 41_943_040n,
      threads: 1n,
    })
  })

  it('are read from a kernel with cgroup v1', () => {
    expect(readCounters(recorded('stats-cgroup-v1'))).toMatchObject({
      cpu: expect.any(BigInt),
      throttledPeriods: 0n,
      memory: 11_104_256n,
      workingSet: 11_104_256n - 10_485_760n,
      networks: new Map(),
      diskRead: null,
      diskWritten: null,
      threads: 1n,
    })
  })

  it('are none of one that does not run', () => {
    expect(readCounters(recorded('stats-ended'))).toBeNull()
  })

  it('add the disks up, whatever the case of the operation', () => {
    const rows = [
      { op: 'Read', value: 5 },
      { op: 'read', value: 6 },
      { op: 'Write', value: 100 },
      { op: 'Sync', value: 999 },
    ]
    const stats = { ...(recorded('stats-cgroup-v1') as object), blkio_stats: { io_service_bytes_recursive: rows } }
    expect(readCounters(stats)).toMatchObject({ diskRead: 11n, diskWritten: 100n })
  })

  it('take no more off the memory than is used', () => {
    const memory_stats = { usage: 100, stats: { total_inactive_file: 100 } }
    expect(readCounters({ ...(recorded('stats-cgroup-v1') as object), memory_stats })).toMatchObject({
      workingSet: 100n,
    })
    const none = { ...(recorded('stats-cgroup-v1') as object), memory_stats: {} }
    expect(readCounters(none)).toMatchObject({ memory: null, workingSet: null })
  })

  it('are counters or nothing, whatever is answered', () => {
    const junk = fc.oneof(fc.jsonValue(), fc.constantFrom(recorded('stats-cgroup-v1'), null, 7, 'x', []))
    fc.assert(
      fc.property(junk, junk, junk, (a, b, c) => {
        for (const stats of [
          a,
          { ...(recorded('stats-cgroup-v2') as object), cpu_stats: a, memory_stats: b, networks: c },
        ])
          for (const value of Object.values(readCounters(stats) ?? {}))
            if (typeof value === 'bigint') expect(value).toBeGreaterThanOrEqual(0n)
        readInspected(a)
      }),
    )
  })
})

describe('a container', () => {
  it('has the name that is its own, its image, and what compose calls it', () => {
    const labels = { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'web' }
    const entry = { Id: 'a1', Names: ['/other/alias', '/shop-web-1'], Image: 'web:1', Labels: labels, State: 'running' }
    const known = { id: 'a1', name: 'shop-web-1', image: 'web:1', project: 'shop', service: 'web' }
    expect(readList([entry])).toEqual([{ ...known, counts: true, borrowsNetwork: false }])
  })

  it('counts while it runs or is paused, and not while it starts or ends', () => {
    const states = ['running', 'paused', 'restarting', 'created', 'removing', 'exited', 'dead']
    const list = readList(states.map((State, i) => ({ Id: `c${i}`, State })))
    expect(list.filter(({ counts }) => counts).map(({ id }) => id)).toEqual(['c0', 'c1'])
  })

  it('that uses the network of another one is told from one that has its own', () => {
    const modes = ['bridge', 'host', 'container:0af7', 'none']
    const list = readList(modes.map((NetworkMode, i) => ({ Id: `c${i}`, HostConfig: { NetworkMode } })))
    expect(list.map(({ borrowsNetwork }) => borrowsNetwork)).toEqual([false, false, true, false])
  })

  it('has a limit or none, a health or none, and a start once it has run', () => {
    const State = { StartedAt: '2026-11-22T21:50:53.105044708Z', Health: { Status: 'unhealthy' } }
    expect(readInspected({ RestartCount: 3, State, HostConfig: { Memory: 67_108_864 } })).toEqual({
      startedAt: Date.parse('2026-11-22T21:50:53.105Z'),
      restarts: 3,
      health: 'unhealthy',
      memoryLimit: 67_108_864n,
    })
    const never = { State: { StartedAt: '0001-01-01T00:00:00Z' }, HostConfig: { Memory: 0 } }
    expect(readInspected(never)).toEqual({ startedAt: null, restarts: null, health: 'none', memoryLimit: null })
  })

  it('is left out without an id, and something else than a list is no answer', () => {
    expect(readList([null, { Names: ['/x'] }, 7])).toEqual([])
    expect(() => readList({ message: 'hello' })).toThrow(BadAnswer)
  })
})
