import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createCalendar } from '../../src/calendar.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { type MarginDeps, type OpenMargin, openMargin, readMonth } from '../../src/margin/fold.ts'
import type { MonthMargin } from '../../src/margin/month.ts'
import { type MarginLedger, marginLedger } from '../../src/margin/rows.ts'
import { type Correction, type Entry, METERS, type Usage } from '../../src/usage.ts'
import { DAY, T0, usage } from '../support/entries.ts'
import { openLedger, scratch, SMALL_BOUNDS } from '../support/ledger.ts'
import { metered, plainLedger, plainTimeline } from './support.ts'

const calendar = createCalendar('Europe/Berlin')
/** 1 December 2026, 06:00 in Berlin: a month has just turned. */
const NOW = T0 + 29 * DAY + 5 * 3_600_000
const maybe = (...names: string[]) => fc.constantFrom(null, ...names)
/** The same id is always the same moment: of the last hours, of November and of October. */
const startOf = (id: number) => NOW - Math.round((id % 20) ** 2 * 0.11 * DAY)

const anyUsage: fc.Arbitrary<Usage> = fc
  .record({
    id: fc.nat(199),
    customer: fc.constantFrom('acme', 'globex', "o'hara", 'unattributed'),
    tier: maybe('tier_1', 'tier_2', 'ünïcode'),
    tokens: fc.record({ input: fc.nat(3000), reasoning: fc.nat(3) }),
    nanos: fc.option(fc.bigInt({ min: 0n, max: 3_000_000_000_000n }), { nil: null }),
  })
  .map(({ id, nanos, ...over }) =>
    usage(`key ${id}`, { ...over, start: startOf(id), cost: nanos, basis: nanos === null ? 'unpriced' : 'priced' }),
  )

const anyCorrection: fc.Arbitrary<Correction> = fc
  .tuple(anyUsage, fc.bigInt({ min: -1_000_000n, max: 1_000_000n }), fc.constantFrom(-1, 0, 1), fc.nat(99))
  .map(([{ kind: _, ...event }, cost, calls, n]) => ({
    ...event,
    ...{
      kind: 'correction',
      key: `correction ${n} of ${event.key}`,
      of: event.key,
      reason: 'price changed',
      by: 'test',
    },
    ...{ calls, tokens: { input: -calls }, cost },
  }))

const anyMetered = fc
  .record({
    id: fc.nat(199),
    service: fc.constantFrom('exporter', 'grafana'),
    meter: fc.constantFrom(...METERS),
    cost: fc.option(fc.bigInt({ min: 0n, max: 900_000_007n }), { nil: null, freq: 9 }),
    amount: fc.bigInt({ min: 0n, max: 10n ** 18n }),
  })
  .map(({ id, ...over }) => metered(`metered ${id}`, { ...over, start: startOf(id) }))

const anyEntry: fc.Arbitrary<Entry> = fc.oneof(
  { weight: 6, arbitrary: anyUsage },
  { weight: 2, arbitrary: anyCorrection },
  { weight: 2, arbitrary: anyMetered },
)

type Step =
  | { do: 'append'; entries: Entry[][] }
  | { do: 'restart' | 'reload' | 'retire' }
  | { do: 'wait'; days: number }
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .array(fc.array(anyEntry, { maxLength: 15 }), { minLength: 1, maxLength: 3 })
      .map((entries): Step => ({ do: 'append', entries })),
  },
  { weight: 2, arbitrary: fc.constantFrom<Step[]>({ do: 'restart' }, { do: 'reload' }) },
  // What is folded away lies before the month that runs.
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'retire' }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 20 }).map((days): Step => ({ do: 'wait', days })) },
)

const timeline = plainTimeline(
  { acme: [{ tier: 'tier_1' }], globex: [{ tier: 'tier_2', from: NOW - 9 * DAY, origin: 'traffic' }] },
  { tier_1: [{ price: 49_000_000_000n }], tier_2: [{ price: 99_000_000_000n }] },
)
const RULES = {
  margin: { allocate: 'tokens', keep: ['grafana'] },
  tiers: { tier_1: { target: 8_000 }, tier_2: { target: null } },
} as const

function sorted(month: MonthMargin | null) {
  const by = (one: { customer: string; tier: string }) => `${one.customer} ${one.tier}`
  return month && { ...month, customers: [...month.customers].sort((a, b) => (by(a) < by(b) ? -1 : 1)) }
}

it('is the same followed, after a restart, and asked of the ledger for this month and those before, for any order of events, duplicates, corrections, late ones, retention and restarts', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 12 }), async (steps) => {
      const { path, remove } = await scratch()
      let now = NOW
      const open = () => openLedger(path, () => now, { bounds: SMALL_BOUNDS, calendar, rollUpAfter: 7 })
      const deps: MarginDeps = {
        calendar,
        now: () => now,
        timeline: () => timeline,
        policy: () => RULES,
        missing: () => null,
      }
      let ledger: Ledger = await open()
      let margin: OpenMargin = await openMargin(marginLedger(ledger), deps)
      const truth = plainLedger(calendar)
      let retiredBefore = Number.NEGATIVE_INFINITY
      const count = (entries: readonly Entry[]) =>
        truth.append(entries.filter((entry) => 'start' in entry && calendar.day(entry.start) >= retiredBefore))
      try {
        for (const step of steps) {
          if (step.do === 'wait') now += step.days * DAY
          else if (step.do === 'retire') {
            const day = calendar.monthOf(calendar.day(now))
            await ledger.retire(day)
            retiredBefore = Math.max(retiredBefore, day)
          } else if (step.do === 'append') {
            await Promise.all(step.entries.map((entries) => ledger.append(entries)))
            count(step.entries.flat())
          } else {
            await margin.close()
            if (step.do === 'restart') {
              await ledger.close()
              ledger = await open()
            }
            margin = await openMargin(marginLedger(ledger), deps)
          }
        }
        await agree(margin, marginLedger(ledger), truth, deps)
      } finally {
        await margin.close()
        await ledger.close()
        await remove()
      }
    }),
    { numRuns: 30 },
  )
})

/** What was followed, what a fresh start shows and what queries say, against plain sums of the entries. */
async function agree(margin: OpenMargin, ledger: MarginLedger, truth: MarginLedger, deps: MarginDeps): Promise<void> {
  const today = calendar.day(deps.now())
  const expected = sorted(await readMonth(truth, deps, today))
  const fresh = await openMargin(ledger, deps)
  expect(sorted(margin.month())).toEqual(expected)
  expect(sorted(fresh.month())).toEqual(expected)
  expect(margin.infraTotals()).toEqual(fresh.infraTotals())
  expect(margin.infraTotals()).toEqual((await openMargin(truth, deps)).infraTotals())
  await fresh.close()
  for (const back of [0, 40])
    expect(sorted(await readMonth(ledger, deps, today - back))).toEqual(
      sorted(await readMonth(truth, deps, today - back)),
    )
}
