import { describe, expect, it } from 'vitest'
import { usage } from '../../test/support/entries.ts'
import type { Entry } from '../usage.ts'
import { LedgerBusy, LedgerUnavailable, type Receipt } from './ledger.ts'
import { createQueue, type QueueOptions } from './queue.ts'

const receipt: Receipt = { seq: 1, accepted: 1, duplicates: 0, byKind: {}, conflicts: [], refused: [] }
const entries = (count: number): Entry[] => Array.from({ length: count }, (_, i) => usage(`k${i}`))

/** A queue whose commits wait until they are let go. */
function held(over: Partial<QueueOptions> = {}) {
  const commits: { sizes: number[]; go: (error?: Error) => void }[] = []
  let started: (() => void) | null = null
  const queue = createQueue({
    delayMs: 0,
    commitEntries: 100,
    limitEntries: 1_000,
    limitBytes: 1e9,
    commit: (appends) =>
      new Promise<Receipt[]>((resolve, reject) => {
        const go = (error?: Error) => (error ? reject(error) : resolve(appends.map(() => receipt)))
        commits.push({ sizes: appends.map((append) => append.length), go })
        started?.()
      }),
    ...over,
  })
  const next = async () => {
    if (commits.length === 0) await new Promise<void>((resolve) => (started = resolve))
    return commits.shift() as (typeof commits)[number]
  }
  return { queue, next }
}

describe('group commit', () => {
  it('makes appends durable together that arrive while another commit runs, and resolves none before its commit', async () => {
    const { queue, next } = held()
    const done: string[] = []
    const first = queue.append(entries(1)).then(() => done.push('first'))
    const one = await next()
    const rest = ['second', 'third'].map((name) => queue.append(entries(2)).then(() => done.push(name)))
    expect(done).toEqual([])
    one.go()
    await first
    const two = await next()
    expect(done).toEqual(['first'])
    expect(two.sizes).toEqual([2, 2])
    two.go()
    await Promise.all(rest)
    expect(done).toEqual(['first', 'second', 'third'])
  })

  it('commits at once when enough waits, and never splits an append', async () => {
    const { queue, next } = held({ delayMs: 1e9 })
    const appends = [queue.append(entries(60)), queue.append(entries(60)), queue.append(entries(150))]
    for (const sizes of [[60], [60], [150]]) {
      const commit = await next()
      expect(commit.sizes).toEqual(sizes)
      commit.go()
    }
    await Promise.all(appends)
  })

  it('refuses what exceeds the bounds and frees them as commits end', async () => {
    const { queue, next } = held()
    const first = queue.append(entries(900))
    await expect(queue.append(entries(101))).rejects.toThrow(LedgerBusy)
    await expect(queue.append(entries(101))).rejects.toThrow(
      /900 entries \(\d+ MB\) are waiting to be written, the limit is 1000/,
    )
    ;(await next()).go()
    await first
    expect(queue.waiting()).toEqual({ entries: 0, bytes: 0 })
    const second = queue.append(entries(2_000))
    ;(await next()).go()
    await second
  })

  it('counts bytes too', async () => {
    const { queue, next } = held({ limitBytes: 3_000 })
    const first = queue.append([usage('a', { metadata: { note: 'x'.repeat(2_000) } })])
    await expect(queue.append([usage('b')])).rejects.toThrow(LedgerBusy)
    ;(await next()).go()
    await first
  })

  it('rejects every append of a failed commit and goes on with the next', async () => {
    const { queue, next } = held()
    const first = queue.append(entries(1))
    const outcome = expect(first).rejects.toThrow('disk full')
    ;(await next()).go(new LedgerUnavailable('disk full'))
    await outcome
    const second = queue.append(entries(1))
    ;(await next()).go()
    expect(await second).toBe(receipt)
  })

  it('runs other writes between two commits, never beside one', async () => {
    const { queue, next } = held()
    const order: string[] = []
    const append = queue.append(entries(1)).then(() => order.push('append'))
    const commit = await next()
    const job = queue.exclusive(async () => order.push('job'))
    await new Promise(setImmediate)
    expect(order).toEqual([])
    commit.go()
    await Promise.all([append, job])
    expect(order).toEqual(['append', 'job'])
    await expect(queue.exclusive(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
  })

  it('commits what waits when it is closed, then refuses', async () => {
    const { queue, next } = held({ delayMs: 1e9 })
    const append = queue.append(entries(1))
    const closed = queue.close()
    ;(await next()).go()
    await append
    await closed
    await expect(queue.append(entries(1))).rejects.toThrow('the ledger is closed')
  })
})
