import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createCalendar } from '../../src/calendar.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import {
  type Attempt,
  type Correction,
  type Crossing,
  type Entry,
  type Fallback,
  SCOPES,
  type Usage,
} from '../../src/usage.ts'
import { type LedgerView, openLedgerView } from '../../src/views/metrics/ledger-view.ts'
import type { Family } from '../../src/views/metrics/sample.ts'
import { attempt, crossing, DAY, fallback, T0, usage } from '../support/entries.ts'
import { openLedger, scratch, SMALL_BOUNDS } from '../support/ledger.ts'

const calendar = createCalendar('Europe/Berlin')

type Step =
  | { do: 'append'; entries: Entry[][] }
  | { do: 'restart' }
  | { do: 'retire'; age: number }
  | { do: 'wait'; days: number }

const name = (prefix: string, most: number) => fc.nat({ max: most }).map((i) => `${prefix}${i}`)
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })

const anyUsage: fc.Arbitrary<Usage> = fc
  .record({
    id: fc.nat({ max: 60 }),
    customer: fc.oneof(name('customer', 4), fc.constantFrom('other', 'unattributed', "o'hara", 'ünïcode \u001f')),
    tier: maybe(name('tier', 3)),
    session: maybe(name('session', 5)),
    agent: maybe(name('agent', 3)),
    trace: maybe(name('trace', 9)),
    operation: maybe(name('operation', 3)),
    queryType: maybe(name('query', 3)),
    model: maybe(name('model', 5)),
    provider: maybe(name('provider', 3)),
    environment: maybe(name('environment', 3)),
    errorClass: maybe(name('Error', 3)),
    status: fc.constantFrom('success', 'success', 'failed', 'rejected', 'blocked', 'cancelled'),
    outcome: fc.constantFrom('gateway', 'gateway', 'priced', 'estimated', 'free', 'unpriced', 'cached'),
    tokens: fc.record({ input: fc.nat(3000), output: fc.nat(400), cache_read: fc.nat(2), reasoning: fc.nat(1) }),
    nanos: fc.bigInt({ min: 0n, max: 3_000_000_000_000n }),
    durationMs: maybe(fc.nat(400_000)),
    ttftMs: maybe(fc.nat(9_000)),
    contextWindow: maybe(fc.constantFrom(1000, 128_000)),
  })
  .map(({ id, outcome, nanos, ...over }) =>
    usage(`key${id}`, {
      ...over,
      // The same call started when it started, whoever reports it.
      start: T0 - id * 1.4 * DAY,
      basis: outcome as Usage['basis'],
      status: over.status as Usage['status'],
      cacheHit: outcome === 'cached',
      cost: outcome === 'unpriced' ? null : outcome === 'free' || outcome === 'cached' ? 0n : nanos,
      saved: outcome === 'cached' ? nanos : null,
    }),
  )

const anyCorrection: fc.Arbitrary<Correction> = fc
  .tuple(anyUsage, fc.bigInt({ min: -1_000_000n, max: 1_000_000n }), fc.constantFrom(-1, 0, 1))
  .map(([event, cost, calls]) => ({
    kind: 'correction',
    version: 1,
    key: `repricing of ${event.key}`,
    of: event.key,
    reason: 'price changed',
    by: 'test',
    source: event.source,
    start: event.start,
    customer: event.customer,
    tier: event.tier,
    user: null,
    session: event.session,
    agent: event.agent,
    operation: event.operation,
    queryType: event.queryType,
    model: event.model,
    provider: event.provider,
    environment: event.environment,
    status: event.status,
    basis: event.basis === 'unpriced' ? 'priced' : event.basis,
    calls,
    tokens: {},
    cost,
  }))

const oddName = fc.constantFrom('other', "o'hara", 'ünïcode \u001f', '')

const anyAttempt: fc.Arbitrary<Attempt> = fc
  .record({
    id: fc.nat({ max: 60 }),
    n: fc.integer({ min: 1, max: 3 }),
    provider: maybe(fc.oneof(name('provider', 3), oddName)),
    model: maybe(name('model', 5)),
    errorClass: maybe(fc.oneof(name('Error', 3), oddName)),
  })
  .map(({ id, n, ...over }) =>
    attempt(`key${id}`, { ...over, key: `key${id}:attempt:${n}`, start: T0 - id * 1.4 * DAY - 900 }),
  )

const anyFallback: fc.Arbitrary<Fallback> = fc
  .record({ id: fc.nat({ max: 60 }), from: fc.oneof(name('model', 5), oddName), to: name('model', 5) })
  .map(({ id, ...names }) => fallback(`key${id}`, { ...names, start: T0 - id * 1.4 * DAY }))

const anyCrossing: fc.Arbitrary<Crossing> = fc
  .record({
    id: fc.nat({ max: 60 }),
    scope: fc.constantFrom(...SCOPES),
    name: fc.constantFrom('', '', 'high_daily_cost', 'ünïcode \u001f'),
    threshold: fc.constantFrom(5_000, 8_050, 10_000, 11_000),
  })
  .map(({ id, ...over }) => crossing(`crossing ${id}`, over))

const anyEntry: fc.Arbitrary<Entry> = fc.oneof(
  { weight: 8, arbitrary: anyUsage },
  { weight: 1, arbitrary: anyCorrection },
  { weight: 2, arbitrary: anyAttempt },
  { weight: 2, arbitrary: anyFallback },
  { weight: 2, arbitrary: anyCrossing },
)
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .array(fc.array(anyEntry, { maxLength: 12 }), { minLength: 1, maxLength: 3 })
      .map((entries): Step => ({ do: 'append', entries })),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'restart' }) },
  { weight: 1, arbitrary: fc.integer({ min: 41, max: 90 }).map((age): Step => ({ do: 'retire', age })) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 40 }).map((days): Step => ({ do: 'wait', days })) },
)

/** Series → value, for comparing; births and examples aside. */
function shown(families: Iterable<Family>): Record<string, string> {
  const values: Record<string, string> = {}
  for (const family of families) {
    for (const sample of family.samples) {
      const series = `${family.metric.name}{${sample.labels.join('|')}}`
      const value = 'value' in sample ? sample.value : `${sample.counts.join(',')} ${sample.sum}`
      if (value !== '0') values[series] = value
    }
  }
  return values
}

/** The sums of the families that show what happened inside the gateway. */
function triesShown(families: Iterable<Family>): { attempts: bigint; fallbacks: bigint } {
  const sum = { llm_provider_errors_total: 0n, llm_fallbacks_total: 0n }
  for (const { metric, samples } of families)
    for (const sample of samples)
      if (metric.name in sum && 'value' in sample) sum[metric.name as keyof typeof sum] += BigInt(sample.value)
  return { attempts: sum.llm_provider_errors_total, fallbacks: sum.llm_fallbacks_total }
}

/** How many crossings are counted. */
function crossingsShown(families: Iterable<Family>): bigint {
  let sum = 0n
  for (const { metric, samples } of families)
    for (const sample of samples)
      if (metric.name === 'llm_budget_crossings_total' && 'value' in sample) sum += BigInt(sample.value)
  return sum
}

/** Failed calls, those that were folded away included; they are shown beside the attempts. */
async function failedCalls(ledger: Ledger): Promise<bigint> {
  const { state } = await ledger.snapshot((rows) =>
    rows(`SELECT coalesce(sum(e.calls), 0)::BIGINT AS n FROM (
        SELECT names, calls FROM baseline WHERE kind = 0 UNION ALL SELECT names, calls FROM event WHERE kind = 0) e
      JOIN name_set n ON n.id = e.names WHERE n.status = 'failed'`),
  )
  return state[0]?.n as bigint
}

it('shows the same numbers whether it followed every entry or starts from what the ledger says, for any order of events, duplicates, corrections, retention and restarts', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 14 }), async (steps) => {
      const { path, remove } = await scratch()
      let now = T0 + 3 * DAY
      const open = () => openLedger(path, () => now, { bounds: SMALL_BOUNDS, calendar, rollUpAfter: 7 })
      let ledger: Ledger = await open()
      let view: LedgerView = await openLedgerView(
        ledger,
        calendar,
        () => now,
        () => false,
      )
      const truth = { calls: 0n, cost: 0n }
      const tries = { attempts: 0n, fallbacks: 0n }
      let crossings = 0n
      const seen = new Set<string>()
      let retiredBefore = Number.NEGATIVE_INFINITY
      try {
        for (const step of steps) {
          if (step.do === 'wait') now += step.days * DAY
          else if (step.do === 'retire') {
            const day = calendar.day(now) - step.age
            await ledger.retire(day)
            retiredBefore = Math.max(retiredBefore, day)
          } else if (step.do === 'restart') {
            await view.close()
            await ledger.close()
            ledger = await open()
            view = await openLedgerView(
              ledger,
              calendar,
              () => now,
              () => false,
            )
          } else {
            await Promise.all(step.entries.map((entries) => ledger.append(entries)))
            for (const entry of step.entries.flat()) count(entry)
          }
        }
        const fresh = await openLedgerView(
          ledger,
          calendar,
          () => now,
          () => false,
        )
        expect(shown(view.collect())).toEqual(shown(fresh.collect()))
        expect(triesShown(view.collect())).toEqual({
          ...tries,
          attempts: tries.attempts + (await failedCalls(ledger)),
        })
        expect(crossingsShown(view.collect())).toBe(crossings)
        const [sum] = await ledger.query('sum')
        expect({ calls: sum?.calls ?? 0n, cost: sum?.cost ?? 0n }).toEqual(truth)
        await fresh.close()
      } finally {
        await view.close()
        await ledger.close()
        await remove()
      }
      function count(entry: Entry) {
        if (seen.has(entry.key)) return
        // Only attempts stand by themselves: what belongs to a folded day is refused.
        if (entry.kind !== 'attempt' && 'start' in entry && calendar.day(entry.start) < retiredBefore) return
        seen.add(entry.key)
        if (entry.kind === 'attempt') tries.attempts += 1n
        if (entry.kind === 'crossing') crossings += 1n
        if (entry.kind === 'fallback') tries.fallbacks += 1n
        if (entry.kind !== 'usage' && entry.kind !== 'correction') return
        truth.calls += entry.kind === 'usage' ? 1n : BigInt(entry.calls)
        truth.cost += entry.cost ?? 0n
      }
    }),
    { numRuns: 60 },
  )
})
