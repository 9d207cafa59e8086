import { afterEach, expect, it } from 'vitest'
import { MINUTE, startWorld, type World } from '../support/gateway.ts'
import { push } from '../support/push.ts'
import { type Page, scrape } from '../support/scrape.ts'

let world: World
afterEach(() => world.close())

/** A post without records, by a process whose clock is `ahead` seconds ahead of ours. */
async function say(process: string, { ahead = 0, events = 0, age = null as number | null, full = 0 }): Promise<void> {
  const clock = world.clock.now() / 1000 + ahead
  const oldest = age === null ? null : clock - age
  const state = { version: 1, process, clock, events, bytes: 100 * events, oldest, dropped: { full } }
  const headers = { 'content-type': 'application/x-ndjson', 'x-marginwatch-gateway': JSON.stringify(state) }
  expect((await push(world.app.url, '', { headers })).status).toBe(200)
}

async function source() {
  const { ready, sources } = JSON.parse(await (await fetch(`${world.app.url}/readyz`)).text()) as {
    ready: boolean
    sources: { name: string; state: string; detail: string | null }[]
  }
  return { ready, ...sources.find(({ name }) => name === 'litellm') }
}

/** What the page of metrics says of the gateway. */
function ofGateway({ families }: Page): Record<string, string> {
  const samples = families
    .filter(({ name }) => /^marginwatch_(gateway|clock)_/.test(name))
    .flatMap((family) => family.samples)
  return Object.fromEntries(
    samples.map(({ name, labels, value }) => [[name, ...Object.values(labels)].join(' '), value]),
  )
}

const LOST = { full: 0, disk: 0, refused: 0, torn: 0 }
const lost = (change: Partial<typeof LOST>) =>
  Object.fromEntries(
    Object.entries({ ...LOST, ...change }).map(([reason, n]) => [
      `marginwatch_gateway_dropped_total ${reason}`,
      String(n),
    ]),
  )

it('a backlog is shown as it grows old, makes the source degraded, and is unknown when the gateway is silent', async () => {
  world = await startWorld({ seed: 1, push: null, poll: false })
  expect(ofGateway(await scrape(world.app.url))).toEqual(lost({}))
  await say('a-1-1', { ahead: 20, events: 5, age: 45, full: 2 })
  await say('b-1-1', { ahead: -3 })
  const shown = {
    ...lost({ full: 2 }),
    marginwatch_gateway_processes: '2',
    marginwatch_gateway_spool_events: '5',
    marginwatch_gateway_spool_oldest_seconds: '45',
    marginwatch_clock_skew_seconds: '20',
  }
  expect(ofGateway(await scrape(world.app.url))).toEqual(shown)
  expect(await source()).toMatchObject({ ready: true, state: 'ok' })

  await world.advance(16_000)
  expect(ofGateway(await scrape(world.app.url))).toEqual({ ...shown, marginwatch_gateway_spool_oldest_seconds: '61' })
  expect(await source()).toMatchObject({
    ready: true,
    state: 'degraded',
    detail: expect.stringContaining('more than a minute old'),
  })
  expect(await (await fetch(`${world.app.url}/`)).text()).toContain('is behind')

  await world.advance(MINUTE)
  expect(ofGateway(await scrape(world.app.url))).toEqual(lost({ full: 2 }))
  expect(await source()).toMatchObject({ state: 'ok' })
})

it('a gateway that has nothing to tell is heard of all the same, and its spool is empty', async () => {
  world = await startWorld({ seed: 1, push: { form: 'marginwatch', flushMs: 10_000 }, poll: false })
  await world.advance(30 * MINUTE)
  expect(ofGateway(await scrape(world.app.url))).toMatchObject({
    marginwatch_gateway_processes: '1',
    marginwatch_gateway_spool_events: '0',
    marginwatch_gateway_spool_oldest_seconds: '0',
  })
  expect(await source()).toMatchObject({ state: 'ok' })
})
