import { afterEach, describe, expect, test } from 'vitest'
import { type Json, REFUSAL, type Script, type Scripted, startScripted } from '../../test/scripted.ts'
import type { Question } from '../decisions/wire.ts'
import { MODELS, type Prices } from '../models.ts'
import { type CallersOptions, runCallers } from './run.ts'
import type { CallersSummary } from './summary.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

const BLOCK = { action: 'block', reason: 'customer', refusal: REFUSAL } as const
const LIMITS = [500_000_000n, 8_000_000_000n]
const MINUTE = 60_000

interface Ran {
  readonly server: Scripted
  readonly summary: CallersSummary
  /** Records of calls that were answered. */
  readonly made: readonly Json[]
}

async function run(script: Script, over: Partial<CallersOptions> = {}): Promise<Ran> {
  const server = await startScripted(script)
  closers.push(server.close)
  const summary = await runCallers({
    url: server.url,
    ingestUrl: server.ingestUrl,
    key: 'gateway-key',
    customers: 4,
    nameOf: (customer) => `customer-${customer}`,
    limitOf: (customer) => LIMITS[customer % LIMITS.length] as bigint,
    callersPerCustomer: 5,
    settle: { minMs: 0, maxMs: MINUTE },
    pause: { minMs: 0, maxMs: 2_000 },
    pauseRefused: { minMs: 1_000, maxMs: 5_000 },
    patience: 3,
    forMs: 5 * MINUTE,
    speed: 500,
    deadlineMs: 60_000,
    unreachable: 'allow',
    seed: 1,
    signal: new AbortController().signal,
    ...over,
  })
  const records = server.posts.flatMap((post) => post.records)
  return { server, summary, made: records.filter(({ status }) => status === 'success') }
}

const nano = (record: Json) => BigInt(Math.round(Number(record.response_cost) * 1e9))
const sum = (values: readonly bigint[]) => values.reduce((all, value) => all + value, 0n)

describe('a server that lets everything go', () => {
  test('is told by how much the worst customer was let over its limit, and of no refusal', async () => {
    const { summary } = await run(() => ({}))
    expect(summary.worstOverspendRatio).toBeGreaterThan(1)
    expect(summary.worstCustomer).toMatch(/^customer-[02]$/)
    expect(summary).toMatchObject({ refused: 0, falseBlocks: 0, clamped: 0, undecided: 0, worstFreeAtRefusal: null })
    expect(summary.askP99Ms).toBeGreaterThanOrEqual(summary.askP50Ms ?? Number.POSITIVE_INFINITY)
  })

  test('gets a record of each call, whose costs are together what was truly spent', async () => {
    const { summary, made, server } = await run(() => ({}))
    expect(made.length).toBe(summary.answered)
    for (const { customer, spent, posted, answered } of summary.customers) {
      const own = made.filter(({ end_user }) => end_user === customer)
      expect([own.length, sum(own.map(nano))]).toEqual([answered, spent])
      expect(posted).toBe(spent)
    }
    const asked = new Set(server.questions.map(({ call_id }) => call_id))
    const stamps = made.map(({ metadata }) => (metadata as { spend_logs_metadata: Json }).spend_logs_metadata)
    expect(stamps.filter(({ marginwatch_call_id: id }) => !asked.has(String(id)))).toEqual([])
    expect(new Set(stamps.map(({ marginwatch_call_id: id }) => id)).size).toBe(made.length)
  })

  test('is told first what was spent before, which counts as spent', async () => {
    const before = 400_000_000n
    const { summary, server, made } = await run(() => ({}), { spentBefore: (customer) => (customer < 2 ? before : 0n) })
    const [first, second, ...own] = made
    expect([first, second].map((record) => [record?.end_user, nano(record as Json)])).toEqual([
      ['customer-0', before],
      ['customer-1', before],
    ])
    expect(server.posts[0]?.records.length).toBe(2)
    expect(sum(summary.customers.map(({ spent }) => spent))).toBe(sum(own.map(nano)) + 2n * before)
    expect(own.length).toBe(summary.answered)
  })

  test('is told with each post what still waits', async () => {
    const { server } = await run(() => ({}))
    const largest = Math.max(...server.posts.map(({ state }) => Number(state.events)))
    expect(largest).toBeGreaterThan(server.posts.length > 0 ? 5 : Number.POSITIVE_INFINITY)
    expect(server.posts[0]?.state).toMatchObject({ version: 1, process: 'callers-1-1', undecided: 0 })
    expect(server.posts[0]?.headers).toMatchObject({
      authorization: 'Bearer gateway-key',
      'content-type': 'application/x-ndjson',
    })
  })
})

describe('a server that refuses everything', () => {
  test('is told that each refusal was false, with the whole limit free', async () => {
    const { summary, server } = await run(() => BLOCK)
    expect(summary.refused).toBe(4 * 5 * 3)
    // Of a limit of half a dollar a usual deep call takes the most part: that is no false block of one who asks for it.
    expect(summary.falseBlocks).toBeGreaterThan(summary.refused * 0.9)
    const counted = summary.falseBlocksOf.reduce((all, { count }) => all + count, 0)
    expect(counted).toBe(summary.falseBlocksUnsettled)
    expect(summary.worstFreeAtRefusal?.freeRatio).toBe(1)
    expect(summary).toMatchObject({ answered: 0, clampedShare: 0 })
    expect(summary.worstOverspendRatio).toBe(-1)
    expect(server.posts.flatMap(({ records }) => records)).toEqual(
      Array.from({ length: summary.refused }, () =>
        expect.objectContaining({
          status: 'failure',
          metadata: expect.objectContaining({
            spend_logs_metadata: expect.objectContaining({ marginwatch_action: 'block' }),
          }),
        }),
      ),
    )
  })

  test('is asked the same questions for the same seed', async () => {
    const questions = async (seed: number) => {
      const { server } = await run(() => BLOCK, { seed, patience: 2 })
      return server.questions.map((question) => JSON.stringify(question)).sort()
    }
    const first = await questions(7)
    expect(await questions(7)).toEqual(first)
    expect(await questions(8)).not.toEqual(first)
  })
})

/** What the worst case of a question costs, with `output` tokens at most, nano-dollars. */
function worst({ model, input }: Question, output: number): number {
  const prices = MODELS.find(({ group }) => group === model)?.prices as Prices
  return Math.ceil((input.tokens ?? 0) * 1.04) * prices.input + output * prices.output
}

/** Has the tokens counted, bounds each answer, and keeps the worst case of all that it let go. */
function accountant(): Script {
  const kept = new Map<string, number>()
  return (question) => {
    if (question.input.tokens === undefined) return { action: 'count' }
    const customer = String(question.record.end_user)
    const limit = Number(LIMITS[Number(customer.at(-1)) % LIMITS.length])
    const output = Math.min(question.max_tokens ?? 400, 400)
    const sum = (kept.get(customer) ?? 0) + worst(question, output)
    if (sum > limit) return BLOCK
    kept.set(customer, sum)
    return { max_tokens: output }
  }
}

describe('a server that keeps the worst case', () => {
  test('lets nobody over the limit, and is told how many answers it cut for that', async () => {
    const { summary, made } = await run(accountant(), { forMs: 20 * MINUTE })
    expect(summary.refused).toBeGreaterThan(0)
    expect(summary.worstOverspendRatio).toBeLessThanOrEqual(0)
    expect(summary.worstOverspendRatio).toBeGreaterThan(-0.9)
    expect(Math.max(...made.map(({ completion_tokens: tokens }) => Number(tokens)))).toBe(400)
    expect(summary.clamped).toBeGreaterThan(summary.answered / 4)
    expect(summary.clamped).toBeLessThan(summary.answered)
    expect(summary.clampedShare).toBe(summary.clamped / summary.answered)
  })
})

test('a cheaper model answers at its own price', async () => {
  const { summary, made } = await run(() => ({ action: 'degrade', reason: 'customer', model: 'gpt-4o-mini' }))
  expect(summary.degraded).toBe(summary.answered)
  expect(new Set(made.map(({ model_group }) => model_group))).toEqual(new Set(['gpt-4o-mini']))
  expect(Math.max(...made.map((record) => Number(record.response_cost)))).toBeLessThan(0.03)
})

describe('faults', () => {
  test('of a gateway that is killed: what was under way is paid for and never heard of, and another process goes on', async () => {
    const { summary, server, made } = await run(() => ({}), { faults: { gatewayKills: [MINUTE, 2 * MINUTE] } })
    expect(summary.lost).toBeGreaterThan(0)
    expect(made.length).toBe(summary.answered - summary.lost)
    const missing = sum(summary.customers.map(({ spent, posted }) => spent - posted))
    expect(missing).toBeGreaterThan(0n)
    expect(sum(made.map(nano))).toBe(sum(summary.customers.map(({ posted }) => posted)))
    expect(server.posts.at(-1)?.state.process).toBe('callers-1-3')
  })

  const cuts = [{ fromMs: MINUTE, forMs: MINUTE }]

  test('of the way between: calls go on undecided, and their records arrive when it is open again', async () => {
    const { summary, server, made } = await run(() => ({}), { faults: { cuts } })
    expect(summary.undecided).toBeGreaterThan(0)
    expect(made.length).toBe(summary.answered)
    expect(server.posts.at(-1)?.state.undecided).toBe(summary.undecided)
  })

  test('of the way between: a strict gateway refuses, which is no false block', async () => {
    const { summary } = await run(() => ({}), { faults: { cuts }, unreachable: 'block' })
    expect(summary.refusedUnreachable).toBeGreaterThan(0)
    expect(summary).toMatchObject({ undecided: 0, refused: 0, falseBlocks: 0 })
  })

  test('of a ledger that takes nothing: the records wait until the run is given up', async () => {
    const stop = new AbortController()
    const server = await startScripted()
    closers.push(server.close)
    server.takes = false
    server.script = ({ call_id }) => {
      if (call_id) stop.abort()
      return {}
    }
    const options = { url: server.url, ingestUrl: server.ingestUrl, signal: stop.signal }
    const { summary } = await run(() => ({}), options)
    expect(summary.answered).toBeGreaterThan(0)
    expect(summary.customers.every(({ posted }) => posted === 0n)).toBe(true)
  })
})
