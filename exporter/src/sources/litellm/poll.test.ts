import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NOW } from '../../../test/support/litellm.ts'
import { SpendLog } from '../../../test/support/spend-log.ts'
import { policyWith, World } from '../../../test/support/world.ts'
import { LedgerBusy, LedgerUnavailable } from '../../ledger/ledger.ts'
import type { LitellmPoll } from '../../policy/policy.ts'
import { openQuarantine, type Quarantine } from '../quarantine.ts'
import type { Close } from '../source.ts'
import { Poll, WATERMARK } from './poll.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

let spendLog: SpendLog
let world: World
let quarantine: Quarantine
let pushing = false
let close: Close = async () => {}

const settings = (change: Partial<LitellmPoll> = {}): LitellmPoll => ({
  url: spendLog.url,
  key: 'sk-viewer-key',
  everyMs: 30 * SECOND,
  lagMs: 15 * MINUTE,
  backfillMs: 24 * HOUR,
  directoryMs: 300_000,
  pageSize: 100,
  timeoutMs: 5000,
  ...change,
})

function start(change: Partial<LitellmPoll> = {}): void {
  world.policy = policyWith({ sources: { litellm: { push: true, poll: settings(change) } } })
  close = new Poll(
    { recorder: world.recorder, deps: world.deps, quarantine, source: 'litellm_poll' },
    () => pushing,
  ).open()
}

beforeEach(async () => {
  spendLog = new SpendLog()
  await spendLog.open()
  world = new World()
  quarantine = openQuarantine(world.directory, world.deps.now, () => {})
  pushing = false
})

afterEach(async () => {
  await close()
  await spendLog.close()
  await quarantine.flush()
  world.remove()
})

describe('the first start', () => {
  it('reads everything back, and says so until it is done', async () => {
    for (let i = 0; i < 250; i++) spendLog.add(`c${i}`, NOW - 23 * HOUR + i * 5 * MINUTE)
    start()
    await world.idle()
    expect(world.ledger.size).toBe(250)
    expect(world.told).toEqual(['catching up', 'caught up', 'ok'])
    expect(world.memory.get(WATERMARK)).toBe(String(NOW - 15 * MINUTE))
  })

  it('reads nothing from before', async () => {
    spendLog.add('old', NOW - 25 * HOUR)
    spendLog.add('new', NOW - 23 * HOUR)
    start()
    await world.idle()
    expect([...world.ledger.keys()]).toEqual(['litellm:new:chatcmpl-new'])
  })
})

describe('a restart', () => {
  it('goes on where the last run stopped', async () => {
    world.memory.set(WATERMARK, String(NOW - 2 * HOUR))
    start()
    await world.idle()
    expect(Math.min(...spendLog.asked.map((asked) => asked.from))).toBe(NOW - 2 * HOUR)
  })

  it('is not misled by a watermark that a wrong clock left in the future', async () => {
    world.memory.set(WATERMARK, String(NOW + 24 * HOUR))
    spendLog.add('now', NOW - MINUTE)
    start()
    await world.idle()
    expect(world.ledger.size).toBe(1)
  })
})

describe('live', () => {
  it('reads each window once while the push is healthy, when its rows are there', async () => {
    pushing = true
    start({ backfillMs: 0 })
    await world.idle()
    const before = spendLog.asked.length
    spendLog.add('late', NOW + MINUTE + 1)
    await world.advance(10 * MINUTE)
    expect(world.ledger.size).toBe(0)
    await world.advance(10 * MINUTE)
    expect(world.ledger.size).toBe(1)
    const windows = spendLog.asked.slice(before)
    expect(windows.length).toBeLessThanOrEqual(20)
    for (const [i, window] of windows.entries()) if (i > 0) expect(window.from).toBe(windows[i - 1]?.to)
    expect(world.counts.duplicate).toBe(0)
  })

  it('sees a call within a round when nothing is pushed, and counts it once', async () => {
    start({ backfillMs: 0 })
    await world.idle()
    spendLog.add('fresh', world.now)
    await world.advance(30 * SECOND)
    expect(world.ledger.size).toBe(1)
    await world.advance(30 * MINUTE)
    expect(world.ledger.size).toBe(1)
    expect(world.counts.accepted).toBe(1)
  })

  it('sees in its first round a call that began while the back-fill was read', async () => {
    spendLog.add('old', NOW - 20 * MINUTE)
    spendLog.add('fresh', NOW + 5 * SECOND)
    spendLog.instead = () => {
      // It takes its time.
      world.now += 20 * SECOND
      return false
    }
    start({ backfillMs: 30 * MINUTE, lagMs: 5 * SECOND })
    await world.idle()
    expect(world.ledger.size).toBe(2)
  })

  it('finds a row that appears hours after its call began', async () => {
    pushing = true
    start()
    await world.idle()
    spendLog.add('very-late', NOW - HOUR)
    await world.advance(50 * MINUTE)
    expect(world.ledger.size).toBe(0)
    await world.advance(15 * MINUTE)
    expect(world.ledger.size).toBe(1)
  })

  it('starts when the policy names a LiteLLM, and waits meanwhile', async () => {
    close = new Poll(
      { recorder: world.recorder, deps: world.deps, quarantine, source: 'litellm_poll' },
      () => false,
    ).open()
    await world.idle()
    expect(world.told).toEqual(['caught up'])
    spendLog.add('a', NOW - MINUTE)
    world.policy = policyWith({ sources: { litellm: { push: true, poll: settings() } } })
    await world.advance(5 * SECOND)
    expect(world.ledger.size).toBe(1)
  })
})

describe('a window', () => {
  it('is read page by page', async () => {
    for (let i = 0; i < 250; i++) spendLog.add(`c${i}`, NOW - HOUR + i)
    start()
    await world.idle()
    expect(world.ledger.size).toBe(250)
    expect(Math.max(...spendLog.asked.map((asked) => asked.page))).toBe(3)
  })

  it('is cut until LiteLLM counts all of its rows', async () => {
    spendLog.countCap = 300
    for (let i = 0; i < 1000; i++) spendLog.add(`c${i}`, NOW - HOUR + i * SECOND)
    start()
    await world.idle()
    expect(world.ledger.size).toBe(1000)
  })

  it('is read again when rows moved between its pages', async () => {
    for (let i = 0; i < 150; i++) spendLog.add(`c${i}`, NOW - HOUR + 10 + i)
    spendLog.instead = (_, asked) => {
      // A row that belongs onto the first page appears while the second is asked for.
      if (asked.page === 2 && spendLog.rows.length === 150) spendLog.add('before', NOW - HOUR)
      return false
    }
    start()
    await world.idle()
    expect(world.ledger.size).toBe(151)
  })

  it('keeps the good rows beside a bad one, which is quarantined once however often it is read', async () => {
    start({ backfillMs: 0 })
    await world.idle()
    spendLog.add('good', world.now)
    spendLog.add('bad', world.now, { prompt_tokens: -5 })
    await world.advance(10 * MINUTE)
    expect([...world.ledger.keys()]).toEqual(['litellm:good:chatcmpl-good'])
    expect(world.counts.refused).toBe(1)
    expect(quarantine.list(10)).toMatchObject([
      {
        source: 'litellm_poll',
        reason: expect.stringContaining('prompt_tokens is -5'),
        outline: { request_id: 'chatcmpl-bad' },
      },
    ])
  })
})

describe('a failure', () => {
  it.each([
    [429, { 'retry-after': '7' }, '{}', 'LiteLLM asks for patience', 7000],
    [503, {}, 'busy', 'LiteLLM is not well', 1500],
    [
      401,
      {},
      '{"error":{"message":"bad key sk-1234567890"}}',
      'LiteLLM refused the key of sources.litellm.poll',
      225_000,
    ],
    [401, {}, '{"error":{"message":"Prisma Client is not initialized"}}', 'LiteLLM runs without a database', 225_000],
    [404, {}, '{"detail":"Not Found"}', 'This LiteLLM does not know the question', 225_000],
    [307, { location: 'http://elsewhere/' }, '', 'LiteLLM points elsewhere', 225_000],
  ])('with status %i is waited out and says what to do', async (status, headers, body, reason, delay) => {
    spendLog.instead = (res) => {
      res.writeHead(status, headers).end(body)
      return true
    }
    start()
    await world.idle()
    expect(world.told.at(-1)).toContain(reason)
    expect(world.told.at(-1)).not.toMatch(/sk-/)
    const before = spendLog.asked.length
    await world.advance(delay - 1)
    expect(spendLog.asked.length).toBe(before)
    await world.advance(1)
    expect(spendLog.asked.length).toBeGreaterThan(before)
  })

  it('that will not heal by itself does not hide what is pushed behind a back-fill that never ends', async () => {
    start({ key: 'wrong' })
    await world.idle()
    expect(world.told.slice(0, 2)).toEqual(['catching up', 'caught up'])
  })

  it('that repeats is asked about ever more seldom', async () => {
    spendLog.instead = (res) => {
      res.writeHead(500).end()
      return true
    }
    start()
    await world.advance(HOUR)
    expect(spendLog.asked.length).toBeLessThan(60)
    expect(spendLog.asked.length).toBeGreaterThan(30)
  })

  it('leaves the watermark where it was, and loses nothing', async () => {
    spendLog.add('a', NOW - HOUR)
    world.memory.set(WATERMARK, String(NOW - 2 * HOUR))
    world.refuse = new LedgerUnavailable('the disk is full')
    start()
    await world.idle()
    expect(world.memory.get(WATERMARK)).toBe(String(NOW - 2 * HOUR))
    expect(world.told.at(-1)).toBe('The ledger cannot be written: the disk is full')
    expect(world.counts.accepted).toBe(0)
    world.refuse = null
    await world.advance(MINUTE)
    expect(world.ledger.size).toBe(1)
  })

  it('of a ledger with too much waiting makes the poll wait too', async () => {
    spendLog.add('a', NOW - HOUR)
    world.refuse = new LedgerBusy('too much is waiting', 250)
    start()
    await world.idle()
    expect(world.slept).toEqual([250])
    world.refuse = null
    await world.advance(250)
    expect(world.ledger.size).toBe(1)
  })

  it('in the middle of an answer is told with its place, and read again', async () => {
    spendLog.add('a', NOW - HOUR)
    let broken = false
    spendLog.instead = (res) => {
      if (broken) return false
      broken = true
      res.end('{"data":[{"request_id":"x"')
      return true
    }
    start()
    await world.idle()
    expect(world.told.at(-1)).toMatch(/broke off at byte 26.*version is 1\.106\.2/)
    await world.advance(MINUTE)
    expect(world.ledger.size).toBe(1)
  })

  it('heals at once when the policy is mended', async () => {
    spendLog.add('a', NOW - HOUR)
    start({ key: 'wrong' })
    await world.idle()
    expect(world.told.at(-1)).toContain('refused the key')
    world.policy = policyWith({ sources: { litellm: { push: true, poll: settings() } } })
    await world.advance(5 * SECOND)
    expect(world.ledger.size).toBe(1)
  })

  it('of an answer that never comes ends at the deadline', async () => {
    spendLog.instead = () => true
    start({ timeoutMs: 50 })
    await world.idle()
    expect(world.told.at(-1)).toContain('took longer than 50 ms')
  })
})

it('closes in the middle of a call that gets no answer', async () => {
  const asked = new Promise<void>((resolve) => {
    spendLog.instead = () => {
      resolve()
      return true
    }
  })
  start({ timeoutMs: 600_000 })
  await asked
  await close()
  expect(world.told).toEqual(['catching up'])
})
