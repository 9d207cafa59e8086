import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NOW } from '../../../test/support/litellm.ts'
import { World } from '../../../test/support/world.ts'
import { LedgerBusy } from '../../ledger/ledger.ts'
import type { Observation } from '../../usage.ts'
import { KnownRefusals } from '../litellm/window.ts'
import { openQuarantine } from '../quarantine.ts'
import type { Store } from './pages.ts'
import { createPass, type Pass } from './pass.ts'

const STORE: Store = { most: 100, async *rows() {}, traceOf: () => null, async *scores() {} }
const AT = NOW - 60_000
const row = (name: string, updated: number, more: object = {}) => ({
  id: 'a',
  startTime: new Date(AT).toISOString(),
  updatedAt: new Date(AT + updated).toISOString(),
  name,
  ...more,
})

let world: World
let pass: Pass
let slept: number[] = []

beforeEach(() => {
  world = new World()
  slept = []
  pass = createPass({
    recorder: world.recorder,
    deps: {
      ...world.deps,
      sleep: async (ms) => {
        slept.push(ms)
        world.refuse = null
      },
    },
    quarantine: openQuarantine(world.directory, world.deps.now, () => {}),
    unit: 'langfuse',
    known: new KnownRefusals(),
    project: 'p1',
    signal: new AbortController().signal,
    spend: true,
  })
})
afterEach(() => world.remove())

const take = (...records: object[]) => pass.take({ records: records as never, refused: [] }, STORE)
const names = () => ([...world.beside.values()] as Observation[]).map(({ name }) => name)

describe('of two versions of a row', () => {
  it('in one answer the newer one counts, whichever comes first', async () => {
    await take(row('new', 2000), row('old', 1000))
    await take({ ...row('old', 1000), id: 'b' }, { ...row('new', 2000), id: 'b' })
    expect(names()).toEqual(['new', 'new'])
  })

  it('of one moment always the same counts', async () => {
    await take(row('one', 1000), row('other', 1000))
    const [first] = names()
    await take(row('other', 1000), row('one', 1000))
    expect(names()).toEqual([first])
  })

  it('an older one that comes later is not handed on', async () => {
    await take(row('new', 2000))
    await take(row('old', 1000))
    expect(names()).toEqual(['new'])
    await take(row('newer', 3000))
    expect(names()).toEqual(['new', 'newer'])
  })
})

it('counts a row in the day of its start, once, and lets it go', async () => {
  await take(row('a', 0), row('a', 1000), { ...row('b', 0), id: 'b' })
  await take({ ...row('c', 0), id: 'c', startTime: new Date(AT - 86_400_000).toISOString() })
  expect([...pass.forget(AT)]).toEqual([['2026-11-21', 1]])
  expect(pass.size()).toBe(2)
  expect([...pass.forget(Infinity)]).toEqual([['2026-11-22', 2]])
  expect(pass.size()).toBe(0)
})

it('waits while the ledger has too much waiting, as long as it asks for', async () => {
  world.refuse = new LedgerBusy('too much is waiting', 250)
  await take(row('a', 0))
  expect(slept).toEqual([250])
  expect(names()).toEqual(['a'])
})

it('hands on again what did not become durable', async () => {
  world.refuse = new Error('the disk is full')
  await expect(take(row('a', 0))).rejects.toThrow('the disk is full')
  world.refuse = null
  await take(row('a', 0))
  expect(names()).toEqual(['a'])
})

it('spends what an edit says of a call while it settles, and nothing of it afterwards', async () => {
  const call = (tokens: number, updated: number) =>
    row('a', updated, { type: 'GENERATION', model: 'gpt-4o', usageDetails: { input: tokens } })
  await take(call(10, 0))
  await take(call(20, 1000))
  await pass.settle(Infinity, Infinity)
  await take(call(30, 2000))
  await pass.settle(Infinity, Infinity)
  expect([...world.ledger.values()].map(({ tokens }) => tokens)).toEqual([{ input: 20 }])
  expect(world.counts.conflict).toBe(0)
})

it('looks for the events of very many calls, and spends only those without', async () => {
  const id = (i: number) => `${String(i).padStart(8, '0')}-2222-4333-8444-555555555555`
  for (let i = 0; i < 2500; i += 2) world.ledger.set(`litellm:${id(i)}`, { key: `litellm:${id(i)}` } as never)
  const calls = Array.from({ length: 2500 }, (_, i) =>
    row('a', 0, { id: `c${i}`, type: 'GENERATION', model: 'gpt-4o', metadata: { marginwatch_call_id: id(i) } }),
  )
  await take(...calls)
  await pass.settle(Infinity, Infinity)
  expect([...world.ledger.keys()].filter((key) => key.startsWith('langfuse:'))).toHaveLength(1250)
})
