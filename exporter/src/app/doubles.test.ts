import { type Langfuse, startLangfuse } from '@marginwatch/sandbox'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { usage } from '../../test/support/entries.ts'
import { openLedger, scratch } from '../../test/support/ledger.ts'
import { NOW, STAMP } from '../../test/support/litellm.ts'
import { langfuseProject, policyWith, World } from '../../test/support/world.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { langfuseSources } from '../sources/langfuse/sources.ts'
import { type RunningSources, runSources } from '../sources/runner.ts'
import { takeBackDoubles } from './doubles.ts'

const MINUTE = 60_000
const never = new AbortController().signal

let langfuse: Langfuse
let folder: Awaited<ReturnType<typeof scratch>>
let ledger: Ledger
let world: World
let running: RunningSources

beforeEach(async () => {
  world = new World()
  langfuse = await startLangfuse({ now: () => world.now })
  folder = await scratch()
  ledger = await openLedger(folder.path, () => world.now)
  const project = langfuseProject({ url: langfuse.url, ...langfuse.keys, role: 'spend', backfillMs: 24 * 60 * MINUTE })
  world.policy = policyWith({ sources: { langfuse: [project] } })
  const memory = { get: ledger.recall, set: ledger.remember }
  running = runSources(langfuseSources(['main']), ledger.append, { ...world.deps, memory, has: ledger.has })
})

afterEach(async () => {
  await running.close()
  await ledger.close()
  await folder.remove()
  await langfuse.close()
  world.remove()
})

const net = async () => {
  const rows = await ledger.query('spend_hours', { from: NOW - 86_400_000, to: NOW + 86_400_000 })
  return {
    cost: rows.reduce((sum, { cost }) => sum + BigInt(String(cost)), 0n),
    calls: rows.reduce((sum, { calls }) => sum + Number(calls), 0),
  }
}

it('a call that Langfuse alone knew of counts until the gateway tells of it, and then once', async () => {
  const call = { type: 'GENERATION' as const, model: 'gpt-4o', usage: { input: 1000, output: 100 } }
  langfuse.put({ id: 'a', start: NOW - 60 * MINUTE, ...call, metadata: { marginwatch_call_id: STAMP } })
  langfuse.put({ id: 'b', start: NOW - 50 * MINUTE, ...call })
  await running.open()
  await world.idle()
  const own = 1000n * 2500n + 100n * 10_000n
  expect(await net()).toEqual({ cost: 2n * own, calls: 2 })
  expect(await takeBackDoubles(ledger, never)).toBe(0)

  await ledger.append([usage(`litellm:${STAMP}`, { start: NOW - 60 * MINUTE, cost: 7_000_000n })])
  expect(await takeBackDoubles(ledger, never)).toBe(1)
  expect(await net()).toEqual({ cost: own + 7_000_000n, calls: 2 })

  expect(await takeBackDoubles(ledger, never)).toBe(0)
  expect(await net()).toEqual({ cost: own + 7_000_000n, calls: 2 })
})

it('a call of which the gateway told first is never spend of Langfuse', async () => {
  await ledger.append([usage(`litellm:${STAMP}`, { start: NOW - 60 * MINUTE, cost: 7_000_000n })])
  const said = { model: 'gpt-4o', usage: { input: 1000 }, metadata: { marginwatch_call_id: STAMP } }
  langfuse.put({ id: 'a', start: NOW - 60 * MINUTE, type: 'GENERATION', ...said })
  await running.open()
  await world.idle()
  expect(await net()).toEqual({ cost: 7_000_000n, calls: 1 })
  expect(running.health()[0]?.events).toMatchObject({ observed: 1, accepted: 0 })
})

it('what is listed although it was taken back is not taken back for ever', async () => {
  const row = { key: '#1', start: 1n, cost: 1n, status: 'success', basis: 'priced' }
  const listing = {
    query: async () => Array.from({ length: 1000 }, () => row),
    append: async () => ({ seq: 1, accepted: 0, duplicates: 1000, byKind: {}, conflicts: [], refused: [] }),
  }
  expect(await takeBackDoubles(listing, never)).toBe(0)
})
