import { createTraffic, type LangfuseProject, observationsOf, startLangfuse, traceOf } from '@marginwatch/sandbox'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createCalendar } from '../../src/calendar.ts'
import { besideLangfuse, passesGateway, pastTraces, stretches, tracesFrom } from '../../src/demo/traces.ts'

const HOUR = 3_600_000
const NOW = Date.UTC(2026, 10, 18, 16, 20)
const FROM = NOW - 9 * HOUR
const traffic = createTraffic({ seed: 1 })

let langfuse: Awaited<ReturnType<typeof startLangfuse>>
let traces: ReturnType<typeof pastTraces>
let now = NOW

beforeEach(async () => {
  now = NOW
  traces = pastTraces(
    () => langfuse,
    () => now,
  )
  langfuse = await startLangfuse({ now: () => now, projects: [{ name: 'main', past: (a, b) => traces.past(a, b) }] })
})
afterEach(() => langfuse.close())

interface Row {
  readonly id: string
}

/** All rows that began in a stretch of time, page by page. */
async function rows(from: number, to: number): Promise<string[]> {
  const { publicKey, secretKey } = langfuse.keys
  const authorization = `Basic ${Buffer.from(`${publicKey}:${secretKey}`).toString('base64')}`
  const found: string[] = []
  for (let cursor = ''; ; ) {
    const search = new URLSearchParams({
      fromStartTime: new Date(from).toISOString(),
      toStartTime: new Date(to).toISOString(),
      limit: '500',
      ...(cursor === '' ? {} : { cursor }),
    })
    const answer = await fetch(`${langfuse.url}/api/public/v2/observations?${search}`, { headers: { authorization } })
    const { data, meta } = (await answer.json()) as { data: Row[]; meta: { cursor?: string } }
    found.push(...data.map(({ id }) => id))
    if (meta.cursor === undefined) return found
    cursor = meta.cursor
  }
}

const calls = () => [...traffic.calls(FROM, NOW, { density: 0.8 })]

it('has the traces of the history once somebody asks for them, whatever the slices, and no others', async () => {
  traces.of(traffic, 0.8, [{ from: FROM, to: NOW }])
  const found = new Set<string>()
  for (let from = FROM - 5 * HOUR; from < NOW; from += 1.7 * HOUR)
    for (const id of await rows(from, from + 1.7 * HOUR)) found.add(id)
  const all = new Set(calls().flatMap((call) => observationsOf(traceOf(call)).map(({ id }) => id)))
  const there = [...found].filter((id) => all.has(id)).length
  // A few calls leave nothing there, and of those made without the gateway some steps are missing.
  expect(there).toBeGreaterThan(all.size * 0.98)
  expect(there).toBeLessThan(all.size)
  expect(found.size).toBe(there)
})

it('remembers only what is still to be read', async () => {
  traces.of(traffic, 0.8, [{ from: FROM, to: NOW }])
  for (let from = FROM; from < NOW; from += HOUR) await rows(from, from + HOUR)
  expect(await rows(FROM, FROM + HOUR)).toHaveLength(0)
  const lately = await rows(NOW - HOUR, NOW + HOUR)
  expect(lately.length).toBeGreaterThan(100)
  now += 3 * HOUR
  traces.tidy()
  expect(langfuse.rows()).toHaveLength(0)
})

it('what is live is there beside what the gateway hears of, but for a few calls on either side', async () => {
  const heard = new Set<string>()
  const gateway = {
    add: (some: Iterable<{ readonly hookId: string }>) => {
      for (const { hookId } of some) heard.add(hookId)
    },
    begin: async <T>(call: T) => call,
  }
  const seen = new Set<string>()
  const project: Pick<LangfuseProject, 'put' | 'repeat' | 'edit' | 'score'> = {
    put: (input) => {
      for (const { id } of [input].flat()) seen.add(id)
    },
    repeat: () => undefined,
    edit: () => undefined,
    score: () => undefined,
  }
  const list = calls()
  besideLangfuse(gateway, project).add(list)
  expect(list.filter(({ hookId }) => !heard.has(hookId))).toEqual(list.filter((call) => !passesGateway(call)))
  const unseen = list.filter((call) => !seen.has(traceOf(call).generations.at(-1)?.id ?? ''))
  expect(heard.size).toBeLessThan(list.length)
  expect(unseen.length).toBeGreaterThan(0)
  expect(list.length - heard.size + unseen.length).toBeLessThan(list.length * 0.01)
})

it('are those of yesterday and today at first, then those since the last run that are still compared', () => {
  const calendar = createCalendar('Europe/Berlin')
  const midnight = (day: number) => Date.UTC(2026, 10, day, -1)
  expect(tracesFrom(calendar, null, NOW)).toBe(midnight(17))
  expect(tracesFrom(calendar, NOW - 5 * HOUR, NOW)).toBe(NOW - 5 * HOUR)
  expect(tracesFrom(calendar, NOW - 900 * HOUR, NOW)).toBe(midnight(11))
})

it('what was not read when the program ended is there when it is started again', async () => {
  const first = { from: FROM, to: FROM + 2 * HOUR }
  const second = { from: FROM + 5 * HOUR, to: NOW }
  const both = stretches(JSON.stringify(stretches(null, first)), second)
  expect(both).toEqual([first, second])
  expect(stretches('[]', { from: NOW, to: NOW })).toEqual([])
  traces.of(traffic, 0.8, both)
  expect((await rows(FROM, FROM + HOUR)).length).toBeGreaterThan(100)
  // Of the time between the gateway has told while it ran.
  expect(await rows(FROM + 3 * HOUR, FROM + 5 * HOUR - 120_000)).toHaveLength(0)
  expect((await rows(FROM + 5 * HOUR, FROM + 6 * HOUR)).length).toBeGreaterThan(100)
  expect(traces.tidy()).toBe(false)
  await rows(NOW - HOUR, NOW + HOUR)
  expect(traces.tidy()).toBe(true)
})
