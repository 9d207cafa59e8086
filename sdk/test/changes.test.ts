import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Change, type Following, followChanges } from '../src/changes.ts'
import type { GuardTrouble } from '../src/index.ts'
import { KEY, type StandIn, startStandIn } from './support/stand-in.ts'
import { until } from './support/until.ts'

let exporter: StandIn
let following: Following
let opened: number
let changes: Change[]
let troubles: GuardTrouble[]
/** How long it waited before each further try, milliseconds. */
let pauses: number[]

beforeEach(async () => {
  exporter = await startStandIn()
  opened = 0
  changes = []
  troubles = []
  pauses = []
})
afterEach(async () => {
  following.close()
  await exporter.close()
})

function follow(silenceMs: number, now: () => number = Date.now): void {
  following = followChanges({
    ...{ url: exporter.url, key: KEY, fetch, now, random: () => 0.5, silenceMs },
    sleep: async (ms) => {
      pauses.push(ms)
      await turn()
    },
    onOpen: () => opened++,
    onChange: (change) => changes.push(change),
    onTrouble: (trouble) => troubles.push(trouble),
  })
}

describe('who follows changes', () => {
  test('hears each, in order, on a connection that lasts', async () => {
    follow(60_000)
    await until('it listens', () => following.live)
    const subjects = Array.from({ length: 500 }, (_, number) => `c${number}`)
    for (const subject of subjects) exporter.change('customer', subject)
    await until('all are heard', () => changes.length === 500)
    expect(changes).toEqual(subjects.map((subject) => ({ scope: 'customer', subject })))
    expect([opened, troubles]).toEqual([1, []])
  })

  test('makes a new connection after one that ended in good order, without a word', async () => {
    follow(60_000)
    await until('it listens', () => following.live)
    exporter.end()
    await until('it listens again', () => opened === 2)
    expect(troubles).toEqual([])
  })

  test('takes a connection for dead that says nothing, tells it, and makes a new one', async () => {
    follow(30)
    await until('it listened twice', () => opened >= 2)
    expect(troubles[0]).toMatchObject({ kind: 'unreachable', message: expect.stringMatching(/said nothing for 30 ms/) })
  })

  test('waits no longer for a server that does not even answer', async () => {
    exporter.answer = () => {}
    follow(30)
    await until('it is told twice', () => troubles.length >= 2)
    expect([opened, following.live]).toEqual([0, false])
  })

  test('waits longer from try to try, by half a minute at most, and comes back soon after a connection that lasted', async () => {
    let now = 0
    exporter.answer = (_req, res) => void res.writeHead(503).end()
    follow(60_000, () => now)
    await until('it tried often', () => pauses.length >= 9)
    expect(pauses.slice(0, 9)).toEqual([350, 600, 1100, 2100, 4100, 8100, 15_100, 15_100, 15_100])
    exporter.answer = null
    await until('it listens', () => following.live)
    now += 10_000
    const before = pauses.length
    exporter.cut()
    await until('it listens again', () => exporter.connections === 2)
    expect(pauses[before]).toBe(350)
  })

  test('ends at once when it is closed, also between two tries', async () => {
    exporter.answer = (_req, res) => void res.writeHead(503).end()
    follow(60_000)
    await until('it is told', () => troubles.length > 0)
    following.close()
    expect(following.live).toBe(false)
  })
})
