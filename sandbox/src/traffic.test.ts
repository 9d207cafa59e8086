import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Call, FAILURES, successKey } from './call.ts'
import { allTokens, inputTokens, outputTokens } from './tokens.ts'
import { readDataset } from './dataset.ts'
import { floatCost, MODELS } from './models.ts'
import { createTraffic } from './traffic.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** A Monday. */
const MONDAY = Date.UTC(2026, 8, 7)

const traffic = createTraffic({ seed: 7 })
const month = [...traffic.calls(MONDAY, MONDAY + 28 * DAY)]

function fingerprint(calls: Iterable<Call>): string[] {
  return Array.from(calls, (call) => `${call.start} ${call.end} ${call.callId} ${call.responseId} ${call.cost}`)
}

function sessionsOf(calls: readonly Call[]): Map<string, Call[]> {
  return groupBy(
    calls.filter((call) => call.session !== null),
    (call) => call.session ?? '',
  )
}

function groupBy(calls: readonly Call[], nameOf: (call: Call) => string): Map<string, Call[]> {
  const groups = new Map<string, Call[]>()
  for (const call of calls) {
    const group = groups.get(nameOf(call))
    if (group) group.push(call)
    else groups.set(nameOf(call), [call])
  }
  return groups
}

function count(matches: (call: Call) => boolean): number {
  return month.reduce((sum, call) => (matches(call) ? sum + 1 : sum), 0)
}

describe('time', () => {
  test('the same seed gives the same calls, another seed others', () => {
    const again = createTraffic({ seed: 7 }).calls(MONDAY, MONDAY + HOUR)
    const other = createTraffic({ seed: 8 }).calls(MONDAY, MONDAY + HOUR)
    const first = fingerprint(traffic.calls(MONDAY, MONDAY + HOUR))
    expect(first.length).toBeGreaterThan(50)
    expect(fingerprint(again)).toEqual(first)
    expect(fingerprint(other)).not.toEqual(first)
  })

  test('however a span is cut into pieces, the pieces together are the span', () => {
    const whole = fingerprint(month.filter((call) => call.start < MONDAY + 6 * HOUR))
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 6 * HOUR - 1 }), { maxLength: 6 }), (cuts) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), 6 * HOUR].map((offset) => MONDAY + offset)
        const pieces = edges.slice(1).flatMap((to, index) => fingerprint(traffic.calls(edges[index] ?? to, to)))
        expect(pieces).toEqual(whole)
      }),
      { numRuns: 15 },
    )
  })

  test('calls come in order of their start, inside the span, and end after they start', () => {
    const wrong = month.filter(
      (call, index) => call.start < (month[index - 1]?.start ?? MONDAY) || call.end <= call.start,
    )
    expect(wrong).toEqual([])
    expect(month.at(-1)?.start).toBeLessThan(MONDAY + 28 * DAY)
  })

  test('thirty days at density 1 hold about 300,000 calls; density multiplies', () => {
    expect(Math.abs((month.length * 30) / 28 - 300_000)).toBeLessThan(20_000)
    const half = [...traffic.calls(MONDAY, MONDAY + 7 * DAY, { density: 0.5 })].length
    const week = month.filter((call) => call.start < MONDAY + 7 * DAY).length
    expect(half / week).toBeGreaterThan(0.4)
    expect(half / week).toBeLessThan(0.6)
    expect([...traffic.calls(MONDAY, MONDAY + DAY, { density: 0 })]).toEqual([])
  })

  test('working hours are busier than nights, working days than Sundays', () => {
    const hour = (of: number) => count((call) => Math.floor((call.start - MONDAY) / HOUR) % 24 === of)
    const day = (of: number) => count((call) => Math.floor((call.start - MONDAY) / DAY) % 7 === of)
    expect(hour(14)).toBeGreaterThan(4 * hour(3))
    expect(day(1)).toBeGreaterThan(2 * day(6))
  })
})

describe('who', () => {
  test('some sixty customers on three plans, one without a plan, a few calls of nobody', () => {
    const customers = new Map(month.map((call) => [call.customer, call.tier]))
    expect(customers.size).toBeGreaterThan(55)
    expect(new Set(customers.values())).toEqual(new Set(['tier_1', 'tier_2', 'tier_3', null]))
    const untiered = [...customers].filter(([customer, tier]) => customer !== null && tier === null)
    expect(untiered).toHaveLength(1)
    const unattributed = count((call) => call.customer === null) / month.length
    expect(unattributed).toBeGreaterThan(0.005)
    expect(unattributed).toBeLessThan(0.03)
  })

  test('named sessions belong to one customer and have up to forty calls, unless an agent ran away', () => {
    const sessions = sessionsOf(month)
    const sizes = [...sessions.values()].map((calls) => calls.length)
    const shared = [...sessions.values()].filter((calls) => new Set(calls.map((call) => call.customer)).size > 1)
    expect(shared).toEqual([])
    const usual = sizes.filter((size) => size >= 5 && size <= 40).length / sizes.length
    expect(usual).toBeGreaterThan(0.97)
    const runaways = [...sessions.values()].filter((calls) => calls.length > 40)
    expect(runaways.length).toBeGreaterThan(0)
    for (const calls of runaways) {
      const cost = calls.reduce((sum, call) => sum + (call.cost ?? 0n), 0n)
      expect(calls[0]?.tier).toBe('tier_1')
      expect(cost).toBeGreaterThan(3_000_000_000n)
    }
  })

  test('a month costs some hundreds of dollars, and some small customers cost more than their plan allows', () => {
    const spent = new Map<string, bigint>()
    for (const call of month) spent.set(call.customer ?? '', (spent.get(call.customer ?? '') ?? 0n) + (call.cost ?? 0n))
    const total = [...spent.values()].reduce((sum, cost) => sum + cost, 0n)
    expect(total).toBeGreaterThan(400_000_000_000n)
    expect(total).toBeLessThan(1_000_000_000_000n)
    const tierOf = new Map(traffic.company.customers.map(({ id, tier }) => [id, tier]))
    const over = [...spent].filter(([id, cost]) => tierOf.get(id) === 'tier_1' && cost > 8_000_000_000n)
    expect(over.length).toBeGreaterThan(0)
    expect(over.length).toBeLessThan(14)
  })
})

describe('what', () => {
  test('token sizes are those of the data set', () => {
    const data = readDataset()
    const runaway = new Set([...sessionsOf(month)].filter(([, calls]) => calls.length > 40).map(([name]) => name))
    const pairs = new Set<string>(Array.from(data.input, (input, row) => `${input} ${data.output[row]}`))
    const invented = month.filter((call) => {
      if (call.outcome !== 'success' || call.aborted || call.callType !== 'acompletion') return false
      if (runaway.has(call.session ?? '')) return false
      return !pairs.has(`${inputTokens(call.tokens)} ${outputTokens(call.tokens)}`)
    })
    expect(invented).toEqual([])
  })

  test('every model, every way to fail and every oddity occurs', () => {
    for (const model of MODELS) expect(count((call) => call.model === model)).toBeGreaterThan(0)
    for (const failure of FAILURES) expect(count((call) => call.failure === failure)).toBeGreaterThan(0)
    const oddities: Record<string, (call: Call) => boolean> = {
      streamed: (call) => call.stream && (call.firstTokenMs ?? 0) > 0,
      aborted: (call) => call.aborted,
      cacheHit: (call) => call.cacheHit && (call.saved ?? 0n) > 0n,
      promptRead: (call) => call.tokens.cacheRead > 0,
      promptWritten: (call) => call.tokens.cacheWrite5m > 0,
      promptWrittenForAnHour: (call) => call.tokens.cacheWrite1h > 0,
      reasoning: (call) => call.tokens.reasoning > 0,
      unpriced: (call) => call.cost === null,
      free: (call) => call.cost === 0n && call.outcome === 'success' && !call.cacheHit,
      retried: (call) => call.attempts.length > 0 && call.outcome === 'success',
      retriedInVain: (call) => call.attempts.length > 0 && call.outcome === 'failed',
      fellBack: (call) => call.attempts.length > 0 && call.model?.group !== call.asked,
      unnamed: (call) => call.session === null,
      untagged: (call) => call.queryType === null,
      staging: (call) => call.environment === 'staging',
      noisy: (call) => call.model !== null && String(floatCost(call.model, call.tokens).total).length > 18,
    }
    for (const [name, matches] of Object.entries(oddities)) expect([name, count(matches) > 0]).toEqual([name, true])
  })

  test('call ids repeat only where the client chose them, and even then no two events look the same', () => {
    const repeated = [...groupBy(month, (call) => call.callId).values()].filter((calls) => calls.length > 1)
    expect(repeated.length).toBeGreaterThan(0)
    for (const calls of repeated) {
      expect(calls[0]?.callId).toMatch(/^nightly-export-/)
      expect(new Set(calls.map(successKey)).size).toBe(calls.filter(({ outcome }) => outcome === 'success').length)
    }
    expect(new Set(month.map((call) => call.hookId)).size).toBe(month.length)
  })

  test('only successes have tokens; a cache hit repeats an earlier answer and costs nothing', () => {
    const paid = new Map(month.filter((call) => !call.cacheHit).map((call) => [call.responseId, call]))
    const charged = month.filter(
      (call) => call.outcome !== 'success' && (allTokens(call.tokens) > 0 || call.cost !== 0n),
    )
    expect(charged).toEqual([])
    const hits = month.filter((call) => call.cacheHit)
    const wrong = hits.filter((call) => {
      const original = paid.get(call.responseId)
      if (!original) return call.start > MONDAY + 2 * HOUR
      return call.cost !== 0n || call.saved !== original.cost || call.tokens !== original.tokens
    })
    expect(hits.length).toBeGreaterThan(1000)
    expect(wrong).toEqual([])
  })
})
