import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Call } from './call.ts'
import { allTokens } from './tokens.ts'
import { pushRecords } from './litellm/push.ts'
import { createTraffic } from './traffic.ts'
import { type Sum, truthOf, writeTruth } from './truth.ts'

const FROM = Date.UTC(2026, 10, 4)
const calls = [...createTraffic({ seed: 11 }).calls(FROM, FROM + 40 * 3_600_000)]
const truth = truthOf(calls)

function find(matches: (call: Call) => boolean): Call {
  const call = calls.find(matches)
  if (!call) throw new Error('no such call in the traffic of this test')
  return call
}

function added(sums: Readonly<Record<string, Sum>>): Sum {
  const total: Sum = { calls: 0, cost: 0n, tokens: 0 }
  for (const { calls: n, cost, tokens } of Object.values(sums)) {
    total.calls += n
    total.cost += cost
    total.tokens += tokens
  }
  return total
}

describe('sums', () => {
  test('each way of dividing adds up to the whole, in both views', () => {
    for (const view of [truth, truth.events]) {
      const whole = { calls: view.calls, cost: view.cost, tokens: view.tokens }
      for (const [name, sums] of Object.entries(view)) {
        if (name.startsWith('by')) expect([name, added(sums as Record<string, Sum>)]).toEqual([name, whole])
      }
      expect(Object.values(view.tokensByClass).reduce((sum, tokens) => sum + tokens, 0)).toBe(view.tokens)
    }
    expect(truth.calls).toBe(calls.length)
    expect(truth.cost).toBe(calls.reduce((sum, call) => sum + (call.cost ?? 0n), 0n))
  })

  test('the order of calls does not matter to the client’s view', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(calls.slice(0, 300), { minLength: 300 }), (shuffled) => {
        expect(truthOf(shuffled)).toEqual(truthOf(calls.slice(0, 300)))
      }),
      { numRuns: 5 },
    )
  })

  test('a day is that of the call’s start, in UTC', () => {
    expect(Object.keys(truth.byDay)).toEqual(['2026-11-04', '2026-11-05'])
    expect(truth.byDay['2026-11-04']?.calls).toBe(calls.filter((call) => call.start < FROM + 86_400_000).length)
  })
})

describe('oddities', () => {
  test('events are exactly the different keys of all pushed records, and repeats add nothing', () => {
    const keys = new Set(
      calls.flatMap((call) =>
        pushRecords(call, { slim: true }).map(({ status, id, litellm_call_id }) =>
          status === 'failure' ? `${litellm_call_id} failed` : `${litellm_call_id} ${id.split('_cache_hit')[0]}`,
        ),
      ),
    )
    expect(truth.events.calls).toBe(keys.size)
    expect(truth.events.calls).toBeGreaterThan(truth.calls)
    expect(truthOf([...calls, ...calls]).events).toEqual(truth.events)
  })

  test('tries before a success are one failed event without cost beside one successful call', () => {
    const call = find((one) => one.attempts.length === 2 && one.outcome === 'success')
    const { events, ...client } = truthOf([call])
    expect([client.calls, events.calls]).toEqual([1, 2])
    expect(events.byStatus).toEqual({
      failed: { calls: 1, cost: 0n, tokens: 0 },
      success: { calls: 1, cost: call.cost, tokens: allTokens(call.tokens) },
    })
  })

  test('tries before a final failure are the same event as the failure', () => {
    const call = find((one) => one.attempts.length > 0 && one.outcome === 'failed')
    expect(truthOf([call]).events.calls).toBe(1)
  })

  test('a cache hit is a call without cost that saved something', () => {
    const hit = find((call) => call.cacheHit && (call.saved ?? 0n) > 0n)
    const one = truthOf([hit])
    expect([one.calls, one.cost, one.cacheHits, one.saved]).toEqual([1, 0n, 1, hit.saved])
  })

  test('a call without a known price is unpriced, its tokens count', () => {
    const call = find((one) => one.cost === null)
    const one = truthOf([call])
    expect([one.cost, one.unpriced, one.tokens]).toEqual([0n, 1, allTokens(call.tokens)])
    expect(one.tokens).toBeGreaterThan(0)
  })

  test('two calls under one client-chosen id are two events', () => {
    const first = find((call) => (call.cost ?? 0n) > 0n && call.attempts.length === 0)
    const second = { ...first, responseId: 'chatcmpl-another' }
    expect(truthOf([first, second]).events).toMatchObject({ calls: 2, cost: 2n * (first.cost ?? 0n) })
  })
})

test('a written truth keeps every digit of its amounts', () => {
  const directory = mkdtempSync(join(tmpdir(), 'truth-'))
  const file = join(directory, 'truth.json')
  writeTruth(file, truth)
  const read = JSON.parse(readFileSync(file, 'utf8')) as {
    cost: string
    events: { byTier: { tier_1: { cost: string } } }
  }
  rmSync(directory, { recursive: true })
  expect(BigInt(read.cost)).toBe(truth.cost)
  expect(BigInt(read.events.byTier.tier_1.cost)).toBe(truth.events.byTier.tier_1?.cost)
})
