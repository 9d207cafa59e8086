import type { Fault } from '@marginwatch/sandbox'
import { afterEach, describe, expect, it } from 'vitest'
import { expectedOf, type GatewayOptions, HOUR, MINUTE, startWorld, sumsOf, type World } from '../support/gateway.ts'

const SETTLED = 2 * HOUR + 5 * MINUTE
const SEED = 1

let world: World
afterEach(() => world.close())

async function start(options: Omit<GatewayOptions, 'seed'>): Promise<World> {
  world = await startWorld({ seed: SEED, ...options })
  world.happen()
  return world
}

async function ledger() {
  return (await world.app.ledger.snapshot((rows) => sumsOf(rows))).state
}

/** How the poll is doing, by what the program tells. */
async function poll(): Promise<{ state: string; detail: string | null }> {
  const { sources } = (await (await fetch(`${world.app.url}/readyz`)).json()) as {
    sources: { name: string; state: string; detail: string | null }[]
  }
  const found = sources.find(({ name }) => name === 'litellm_poll')
  return { state: found?.state ?? 'absent', detail: found?.detail ?? null }
}

const EVERY_FAULT: readonly Fault[] = [
  { kind: 'rate_limited', retryAfterSeconds: 45 },
  { kind: 'error' },
  { kind: 'slow', ms: 20_000 },
  { kind: 'truncated' },
  { kind: 'reset' },
  { kind: 'drift' },
]

describe('the poll heals by itself, says meanwhile what is wrong, and the ledger is the truth in the end', () => {
  it.each([
    [{ kind: 'rate_limited', retryAfterSeconds: 45 }, /^LiteLLM asks for patience: .*429/],
    [{ kind: 'error' }, /^LiteLLM is not well: .*500/],
    [{ kind: 'truncated' }, /LiteLLM/],
    [{ kind: 'reset' }, /^LiteLLM cannot be reached/],
  ] satisfies [Fault, RegExp][])('from $kind', async (fault, said) => {
    await start({ push: null, poll: true })
    await world.advance(10 * MINUTE)
    expect(await poll()).toMatchObject({ state: 'ok' })
    world.fail(fault, fault, fault)
    let told = await poll()
    for (let seconds = 0; told.state === 'ok' && seconds < 300; seconds++) {
      await world.advance(1000)
      told = await poll()
    }
    expect(told).toMatchObject({ state: 'failing', detail: expect.stringMatching(said) })
    await world.advance(10 * MINUTE)
    expect(await poll()).toMatchObject({ state: 'ok' })
  })

  it('from a share of all faults at once, answers of another version among them', async () => {
    await start({ push: null, poll: true, litellm: { faults: { share: 0.25, faults: EVERY_FAULT } } })
    await world.advance(SETTLED)
    expect(world.litellm.stats().faults).toBeGreaterThan(30)
    expect(await ledger()).toEqual(expectedOf(world.calls, new Set()))
  })

  it('from a gateway that is gone for minutes, with what it had not yet pushed', async () => {
    await start({ push: { loss: 'as-real', flushMs: 30_000 }, poll: true })
    for (let i = 0; i < 4; i++) {
      await world.advance(9 * MINUTE)
      await world.restartGateway(2 * MINUTE)
    }
    await world.advance(SETTLED)
    expect(world.litellm.stats().push?.lost).toBeGreaterThan(0)
    expect(await ledger()).toEqual(expectedOf(world.calls, world.toldFailures))
  })

  it('from a gateway of ours that is gone for minutes, with all that lay in its spool', async () => {
    await start({ push: { form: 'marginwatch', flushMs: 30_000 }, poll: false })
    for (let i = 0; i < 4; i++) {
      await world.advance(9 * MINUTE)
      await world.restartGateway(2 * MINUTE)
    }
    await world.advance(SETTLED)
    expect(world.litellm.stats().push).toMatchObject({ lost: 0, queued: 0 })
    expect(await ledger()).toEqual(expectedOf(world.calls, new Set()))
  })

  it('from restarts of the program in the middle of it all', async () => {
    await start({ push: { loss: 'as-real', flushMs: 30_000 }, poll: true })
    for (let i = 0; i < 4; i++) {
      await world.advance(11 * MINUTE)
      await world.stopProgram()
      await world.startProgram()
    }
    await world.advance(SETTLED)
    expect(await ledger()).toEqual(expectedOf(world.calls, world.toldFailures))
  })

  it('from being away for an hour, when it reads what it missed', async () => {
    await start({ push: null, poll: true })
    await world.advance(10 * MINUTE)
    await world.stopProgram()
    world.clock.jump(HOUR)
    await world.startProgram()
    await world.advance(20 * MINUTE)
    expect(await ledger()).toEqual(expectedOf(world.calls, new Set()))
  })

  it('from more rows than LiteLLM counts', async () => {
    await start({ push: null, poll: false, litellm: { countCap: 100 } })
    await world.advance(SETTLED)
    world.setPoll(true)
    await world.advance(30 * MINUTE)
    expect(await ledger()).toEqual(expectedOf(world.calls, new Set()))
  })
})
