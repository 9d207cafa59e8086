import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { busyHours, busyness } from '../rhythm.ts'
import { answersAt } from './answers.ts'
import { containersSince, countersAt, PROJECT } from './containers.ts'
import { type Docker, startDocker } from './server.ts'

const HOUR = 3_600_000
const BEGIN = Date.UTC(2026, 9, 1, 7, 12)
const NOW = Date.UTC(2026, 10, 18, 15, 4, 9)
const containers = containersSince(BEGIN)
const moment = fc.integer({ min: BEGIN, max: BEGIN + 400 * 24 * HOUR })

describe('counters', () => {
  test('only grow, from nothing at the begin of the run on', () => {
    for (const container of containers) {
      expect(countersAt(container, BEGIN)).toMatchObject({ cpuNanos: 0, received: 0, sent: 0 })
      fc.assert(
        fc.property(moment, moment, (a, b) => {
          const [first, then] = [Math.min(a, b), Math.max(a, b)].map((at) => countersAt(container, at))
          for (const name of ['cpuNanos', 'received', 'sent', 'read', 'written'] as const)
            expect(first?.[name]).toBeLessThanOrEqual(then?.[name] ?? -1)
        }),
      )
    }
  })

  test('take more in a busy hour than in a quiet one', () => {
    const [app] = containers
    if (!app) throw new Error('no container')
    const grown = (from: number) => countersAt(app, from + HOUR).cpuNanos - countersAt(app, from).cpuNanos
    const [busy, quiet] = [Date.UTC(2026, 10, 18, 15), Date.UTC(2026, 10, 15, 3)].map(grown)
    expect(busy).toBeGreaterThan(4 * (quiet ?? 0))
    expect(countersAt(app, Date.UTC(2026, 10, 18, 15)).memory).toBeGreaterThan(
      countersAt(app, Date.UTC(2026, 10, 15, 3)).memory,
    )
  })
})

test('busy hours are the sum of how busy it is, minute by minute, and add up', () => {
  const from = Date.UTC(2026, 10, 13, 22, 17)
  const to = from + 9 * 24 * HOUR + 1_234_567
  let sum = 0
  const step = 60_000
  for (let at = from; at < to; at += step) sum += (busyness(at + step / 2) * Math.min(step, to - at)) / HOUR
  expect(busyHours(from, to)).toBeCloseTo(sum, 1)
  expect(busyHours(from, to)).toBeCloseTo(busyHours(from, NOW) + busyHours(NOW, to), 6)
  expect(busyHours(0, 7 * 24 * HOUR)).toBeCloseTo(168, 0)
})

describe('a stand-in for a Docker engine', () => {
  let docker: Docker
  beforeAll(async () => {
    docker = await startDocker({ now: () => NOW, since: () => BEGIN })
  })
  afterAll(() => docker.close())
  const get = (path: string, method = 'GET') => fetch(`${docker.url}${path}`, { method })

  test('says which version of the API it speaks, and takes paths with and without it', async () => {
    const ping = await get('/_ping')
    expect([ping.status, await ping.text(), ping.headers.get('api-version')]).toEqual([200, 'OK', '1.52'])
    const bare = await (await get('/containers/json')).json()
    expect(await (await get('/v1.52/containers/json')).json()).toEqual(bare)
    expect(bare).toEqual(answersAt(containers, NOW).list(null))
  })

  test('lists the containers of one compose project', async () => {
    const of = async (project: string) => {
      const filters = JSON.stringify({ label: [`com.docker.compose.project=${project}`] })
      return (await (await get(`/containers/json?filters=${encodeURIComponent(filters)}`)).json()) as object[]
    }
    expect(await of(PROJECT)).toHaveLength(containers.length)
    expect(await of('another')).toEqual([])
  })

  test('answers for each container what it would have answered at that moment', async () => {
    for (const { id } of containers) {
      expect(await (await get(`/containers/${id}/json`)).json()).toEqual(docker.at(NOW).inspect(id))
      expect(await (await get(`/containers/${id}/stats?stream=false&one-shot=true`)).json()).toEqual(
        docker.at(NOW).stats(id),
      )
    }
  })

  test('has nothing else, and lets nobody change anything', async () => {
    expect((await get('/containers/nobody/json')).status).toBe(404)
    expect((await get('/images/json')).status).toBe(404)
    expect((await get(`/containers/${containers[0]?.id}/stop`, 'POST')).status).toBe(405)
  })
})
