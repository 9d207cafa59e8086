import { type Call, pushRecords, Rng, slimRecords } from '@marginwatch/sandbox'
import { afterEach, describe, expect, it } from 'vitest'
import {
  expectedOf,
  expectedTries,
  type GatewayOptions,
  HOUR,
  MINUTE,
  SPAN,
  startWorld,
  sumsOf,
  triesOf,
  type World,
} from '../support/gateway.ts'
import { push } from '../support/push.ts'
import { scrape } from '../support/scrape.ts'
import { countersBySql, differences } from '../support/sql-truth.ts'

/** Longer than the traffic and its latest row take, and until the poll has looked for late ones behind that. */
const SETTLED = 2 * HOUR + 5 * MINUTE

let world: World
afterEach(() => world.close())

async function start(options: GatewayOptions): Promise<World> {
  world = await startWorld(options)
  return world
}

/** The ledger's sums; what `/metrics` shows must be no other. */
async function ledger() {
  const { url, ledger } = world.app
  const { state } = await ledger.snapshot(async (rows) => ({
    sums: await sumsOf(rows),
    shown: await countersBySql(rows),
  }))
  expect(differences(await scrape(url), state.shown)).toEqual([])
  return state.sums
}

async function tries() {
  return (await world.app.ledger.snapshot((rows) => triesOf(rows))).state
}

const truth = () => expectedOf(world.calls, world.toldFailures)

/** Nothing counts as proven by traffic that has none of a thing. */
function expectOddities(): void {
  const { calls } = world
  const ids = calls.map(({ callId }) => callId)
  expect({
    retried: new Set(calls.flatMap(({ attempts, outcome }) => (attempts.length > 0 ? [outcome] : []))).size,
    cached: calls.some(({ cacheHit }) => cacheHit),
    repeatedIds: new Set(ids).size < ids.length,
    unpriced: calls.some(({ cost }) => cost === null),
    aborted: calls.some(({ aborted }) => aborted),
    unattributed: calls.some(({ customer }) => customer === null),
    outcomes: new Set(calls.map(({ outcome }) => outcome)).size,
  }).toEqual({
    retried: 2,
    cached: true,
    repeatedIds: true,
    unpriced: true,
    aborted: true,
    unattributed: true,
    outcomes: 4,
  })
}

/** Posts everything that the gateway would push, in any order, all of it twice. */
async function pushAllTwice(recordsOf: (call: Call) => readonly object[]): Promise<void> {
  const rng = new Rng(9)
  const records = [...world.calls, ...world.calls].flatMap(recordsOf)
  const mixed = records.map((record) => ({ record, at: rng.unit() })).sort((a, b) => a.at - b.at)
  for (let from = 0; from < mixed.length; from += 300) {
    const body = JSON.stringify(mixed.slice(from, from + 300).map(({ record }) => record))
    expect((await push(world.app.url, body)).body).toMatchObject({ conflicts: 0, refusedCount: 0 })
  }
}

describe('the ledger is the truth about what the gateway did, by status, customer, tier, user, session, agent, operation, query type, environment and model', () => {
  it('by a push that loses and repeats as the real one does, and a poll beside it', async () => {
    await start({
      seed: 3,
      push: { loss: 'as-real', flushMs: 30_000, duplicates: 0.1 },
      poll: true,
      trouble: { unreached: 0.1, unanswered: 0.1 },
    })
    expectOddities()
    world.happen()
    await world.advance(SETTLED)
    expect(world.litellm.stats().push?.lost).toBeGreaterThan(50)
    expect(world.litellm.stats().push?.repeated).toBeGreaterThan(50)
    expect(await ledger()).toEqual(truth())
  })

  it('by the poll alone, which hears of no try before a success', async () => {
    await start({ seed: 1, push: null, poll: true })
    expectOddities()
    world.happen()
    await world.advance(SETTLED)
    expect(await ledger()).toEqual(expectedOf(world.calls, new Set()))
  })

  it('by a push alone that loses nothing', async () => {
    await start({
      seed: 31,
      push: { loss: 'none', flushMs: 30_000, duplicates: 0.2 },
      poll: false,
      trouble: { unreached: 0.1, unanswered: 0.2 },
    })
    expectOddities()
    world.happen()
    await world.advance(SPAN + 20 * MINUTE)
    expect(world.litellm.stats().push).toMatchObject({ lost: 0, queued: 0 })
    expect(await ledger()).toEqual(truth())
  })

  it('by a push that lost much, and a poll that is set up later and reads it all back', async () => {
    await start({
      seed: 55,
      push: { loss: 'as-real', flushMs: 30_000 },
      poll: false,
      trouble: { unreached: 0.4, unanswered: 0 },
    })
    expectOddities()
    world.happen()
    await world.advance(SPAN + 20 * MINUTE)
    const before = await ledger()
    expect(before.calls).toBeLessThan(truth().calls)
    world.setPoll(true)
    await world.advance(20 * MINUTE)
    expect(await ledger()).toEqual(truth())
  })

  it('by a poll, and then every record once more, twice, in any order, by push', async () => {
    await start({ seed: 68, push: null, poll: true })
    expectOddities()
    world.happen()
    await world.advance(SETTLED)
    await pushAllTwice((call) => pushRecords(call, { slim: true }))
    const told = new Set(world.calls.map(({ callId }) => `${callId} failed`))
    expect(await ledger()).toEqual(expectedOf(world.calls, told))
  })
})

/** What the client saw, for no try before a success is an event; and what happened inside the gateway, to the last try. */
describe('with our gateway in front, the ledger is the truth, and knows of each attempt and fallback', () => {
  const ours = { form: 'marginwatch', flushMs: 30_000 } as const
  const seen = () => expectedOf(world.calls, new Set())

  function expectTries(): void {
    const { attempts, fallbacks } = expectedTries(world.calls, { attempts: true })
    expect(Object.keys(attempts).length).toBeGreaterThan(2)
    expect(Object.keys(fallbacks).length).toBeGreaterThan(0)
  }

  it('by its push alone, over bad lines and with much of it twice', async () => {
    await start({
      seed: 31,
      push: { ...ours, duplicates: 0.2 },
      poll: false,
      trouble: { unreached: 0.2, unanswered: 0.2 },
    })
    expectOddities()
    expectTries()
    world.happen()
    await world.advance(SPAN + 20 * MINUTE)
    expect(world.litellm.stats().push).toMatchObject({ lost: 0, queued: 0 })
    expect(await ledger()).toEqual(seen())
    expect(await tries()).toEqual(expectedTries(world.calls, { attempts: true }))
  })

  it('by its push, and a poll beside it', async () => {
    await start({ seed: 3, push: ours, poll: true, trouble: { unreached: 0.3, unanswered: 0.1 } })
    expectOddities()
    expectTries()
    world.happen()
    await world.advance(SETTLED)
    expect(await ledger()).toEqual(seen())
    expect(await tries()).toEqual(expectedTries(world.calls, { attempts: true }))
  })

  it('by its push, and then by the poll, which reads it all once more', async () => {
    await start({ seed: 55, push: ours, poll: false })
    expectTries()
    world.happen()
    await world.advance(SPAN + 20 * MINUTE)
    const before = await ledger()
    expect(before).toEqual(seen())
    world.setPoll(true)
    await world.advance(20 * MINUTE)
    expect(world.litellm.stats().polls).toBeGreaterThan(10)
    expect(await ledger()).toEqual(before)
    expect(await tries()).toEqual(expectedTries(world.calls, { attempts: true }))
  })

  it('by the poll, which hears of no attempt, and then by every record, twice, in any order', async () => {
    await start({ seed: 68, push: null, poll: true, litellm: { record: { hook: true } } })
    expectOddities()
    expectTries()
    world.happen()
    await world.advance(SETTLED)
    expect(await ledger()).toEqual(seen())
    expect(await tries()).toEqual(expectedTries(world.calls, { attempts: false }))
    await pushAllTwice(slimRecords)
    expect(await ledger()).toEqual(seen())
    expect(await tries()).toEqual(expectedTries(world.calls, { attempts: true }))
  })
})
