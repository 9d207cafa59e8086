import { type Docker, startDocker } from '@marginwatch/sandbox'
import pino from 'pino'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createCalendar } from '../../src/calendar.ts'
import { dockerClient } from '../../src/clients/docker.ts'
import { bringInContainers } from '../../src/demo/containers.ts'
import { dockerPolicy, RATES } from '../../src/demo/policy.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { openBook } from '../../src/sources/docker/book.ts'
import { look } from '../../src/sources/docker/look.ts'
import { policyWith, World } from '../support/world.ts'
import { openLedger, scratch } from '../support/ledger.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const BEGAN = Date.UTC(2026, 10, 10, 9, 23, 41)
const CALENDAR = createCalendar('UTC')

let folder: Awaited<ReturnType<typeof scratch>>
let ledger: Ledger
let docker: Docker
let now = BEGAN

/** Another start of the demonstration: the stand-in is on another port. */
async function restarted(): Promise<void> {
  await docker?.close()
  docker = await startDocker({ now: () => now, since: () => BEGAN - 40 * DAY })
}
beforeEach(async () => {
  now = BEGAN
  folder = await scratch()
  ledger = await openLedger(folder.path, () => now)
  await restarted()
})
afterEach(async () => {
  await docker.close()
  await ledger.close()
  await folder.remove()
})

const bringIn = (from: number, to: number, stopped = new AbortController().signal) =>
  bringInContainers(
    { docker, settings: dockerPolicy(docker.url), rates: RATES, ledger, calendar: CALENDAR, stopped },
    from,
    to,
  )

interface Sum {
  readonly spans: number
  readonly lasted: number
  readonly first: number
  readonly last: number
  readonly amount: number
  readonly uncosted: number
}

/** What is recorded of each service's processors and memory. */
async function recorded(meter = 'cpu'): Promise<Map<string, Sum>> {
  const { state } = await ledger.snapshot((rows) =>
    rows(
      `SELECT service, count(*) AS spans, sum(until - start)::BIGINT AS lasted, min(start) AS first, max(until) AS last,
         sum(amount)::DOUBLE AS amount, count(*) FILTER (WHERE costed = 0) AS uncosted
       FROM metered WHERE meter = $meter GROUP BY service`,
      { meter },
    ),
  )
  const sum = (row: Readonly<Record<string, unknown>>, name: string) => Number(row[name])
  return new Map(
    state.map((row) => [
      String(row.service),
      {
        ...{ spans: sum(row, 'spans'), lasted: sum(row, 'lasted'), first: sum(row, 'first'), last: sum(row, 'last') },
        ...{ amount: sum(row, 'amount'), uncosted: sum(row, 'uncosted') },
      },
    ]),
  )
}

const REPLICAS: Readonly<Record<string, number>> = { app: 2, litellm: 2 }

/** Each moment between the first and the last once for each container, and each with a cost. */
async function expectWhole(): Promise<void> {
  for (const meter of ['cpu', 'memory', 'network']) {
    for (const [service, { lasted, first, last, uncosted }] of await recorded(meter)) {
      expect({ service, meter, lasted }).toEqual({ service, meter, lasted: (REPLICAS[service] ?? 1) * (last - first) })
      expect(uncosted).toBe(0)
    }
  }
}

it('the history has all that the engine counted, every two hours, for each of its services', async () => {
  await bringIn(BEGAN - 3 * DAY, BEGAN)
  const found = await recorded()
  expect([...found.keys()].sort()).toEqual([
    ...['app', 'clickhouse', 'grafana', 'langfuse-web', 'langfuse-worker', 'litellm', 'marginwatch', 'mcp-server'],
    ...['postgres', 'prometheus', 'redis'],
  ])
  await expectWhole()
  for (const [service, { spans, last }] of found) {
    // Three days by two hours, the first of them cut, and five minutes sixteen times, as the source goes on.
    expect(spans).toBe((REPLICAS[service] ?? 1) * (36 + 16))
    expect(last).toBe(Date.UTC(2026, 10, 10, 9, 20))
  }
  const cpu = (at: number) =>
    docker
      .at(at)
      .list(null)
      .map((one) => {
        const { Id, Labels } = one as { Id: string; Labels: Record<string, string> }
        const stats = docker.at(at).stats(Id) as { cpu_stats: { cpu_usage: { total_usage: number } } }
        return [Labels['com.docker.compose.service'], stats.cpu_stats.cpu_usage.total_usage] as const
      })
      .reduce((sum, [service, used]) => sum + (service === 'clickhouse' ? used : 0), 0)
  const counted = cpu(Date.UTC(2026, 10, 10, 9)) - cpu(BEGAN - 3 * DAY)
  const after = cpu(BEGAN) - cpu(Date.UTC(2026, 10, 10, 9))
  const amount = found.get('clickhouse')?.amount ?? 0
  expect(amount).toBeGreaterThan(counted + 0.8 * after)
  expect(amount).toBeLessThan(counted + after)
})

it('goes on after hours without a doubling and without a gap, though the engine has another address', async () => {
  await bringIn(BEGAN - 2 * DAY, BEGAN)
  now = BEGAN + 7 * HOUR + 12 * MINUTE
  await restarted()
  await bringIn(BEGAN - DAY, now)
  await expectWhole()
  expect((await recorded()).get('redis')).toMatchObject({
    first: BEGAN - 2 * DAY,
    last: Date.UTC(2026, 10, 10, 16, 35),
  })
})

it('one that is stopped on the way goes on there', async () => {
  const stop = new AbortController()
  const append: Ledger['append'] = (entries) => {
    stop.abort()
    return ledger.append(entries)
  }
  const options = { docker, settings: dockerPolicy(docker.url), rates: RATES, calendar: CALENDAR }
  await bringInContainers({ ...options, ledger: { ...ledger, append }, stopped: stop.signal }, BEGAN - 3 * DAY, BEGAN)
  const part = (await recorded()).get('redis')
  expect(part?.last).toBeLessThan(BEGAN - DAY)
  await bringIn(BEGAN - 3 * DAY, BEGAN)
  await expectWhole()
  expect((await recorded()).get('redis')).toMatchObject({ first: BEGAN - 3 * DAY, last: Date.UTC(2026, 10, 10, 9, 20) })
})

it('the source goes on where the history ends, and the history where the source was stopped', async () => {
  await bringIn(BEGAN - DAY, BEGAN)
  const world = new World(policyWith({ sources: { docker: dockerPolicy(docker.url) }, rates: { containers: RATES } }))
  const deps = { ...world.deps, log: pino({ level: 'silent' }) }
  const memory = { get: ledger.recall, set: ledger.remember }
  const lastMetered = async () => {
    const rows = await ledger.query('last_metered')
    return Math.max(...rows.map((row) => Number(row.end)))
  }
  const book = openBook(ledger.append, { ...deps, memory, lastMetered })
  const settings = dockerPolicy(docker.url)
  const client = dockerClient({ url: docker.url, timeoutMs: 10_000, now: () => now })
  const { signal } = new AbortController()
  for (const end = now + 30 * MINUTE; now < end; now += 15_000)
    await book.count(await look({ client, project: null, now: () => now, signal }), settings)
  await book.close()
  client.close()
  await expectWhole()
  expect((await recorded()).get('redis')).toMatchObject({ first: BEGAN - DAY, last: Date.UTC(2026, 10, 10, 9, 50) })
  now += 3 * HOUR
  await restarted()
  await bringIn(BEGAN - DAY, now)
  await expectWhole()
  expect((await recorded()).get('redis')).toMatchObject({ last: Date.UTC(2026, 10, 10, 12, 50) })
  await world.remove()
})
