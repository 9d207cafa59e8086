import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createCalendar } from '../../src/calendar.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { METERS, type Metered } from '../../src/usage.ts'
import { DAY, metered, T0 } from '../support/entries.ts'
import { openLedger, scratch } from '../support/ledger.ts'

const calendar = createCalendar('Europe/Berlin')
const now = () => T0
const MOST = (1n << 63n) - 1n

type Step = { do: 'append'; entries: Metered[] } | { do: 'restart' } | { do: 'retire'; age: number }

const anyMetered: fc.Arbitrary<Metered> = fc
  .record({
    id: fc.nat({ max: 60 }),
    service: fc.constantFrom('api', 'db', "o'hara", ''),
    resource: fc.constantFrom('container', 'volume'),
    meter: fc.constantFrom(...METERS),
    amount: fc.oneof(fc.bigInt({ min: 0n, max: 9_000n }), fc.constant(MOST)),
    cost: fc.option(fc.bigInt({ min: -5n, max: 1_000_000_000_000n }), { nil: null }),
  })
  .map(({ id, ...over }) => {
    const start = T0 - Math.round(id * 0.13 * DAY)
    return metered(`m${id}`, { ...over, start, end: start + 300_000 })
  })

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.array(anyMetered, { maxLength: 15 }).map((entries): Step => ({ do: 'append', entries })) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'restart' }) },
  { weight: 2, arbitrary: fc.integer({ min: -1, max: 8 }).map((age): Step => ({ do: 'retire', age })) },
)

/** By day and name: amount, known cost, how many have none. */
type Sums = Record<string, readonly [bigint, bigint, bigint]>

async function asked(ledger: Ledger): Promise<Sums> {
  const rows = await ledger.query('metered_days', { from: 0, to: 100_000 })
  const of = (row: (typeof rows)[number]) => [row.amount, row.cost, row.unknown] as [bigint, bigint, bigint]
  return Object.fromEntries(
    rows.map((row) => [[row.day, row.resource, row.service, row.meter].map(String).join('/'), of(row)]),
  )
}

it('adds up what was metered by day, once each, whatever was folded away in between, for any order and restarts', async () => {
  let folded = 0
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 12 }), async (steps) => {
      const { path, remove } = await scratch()
      const open = () => openLedger(path, now, { calendar })
      let ledger = await open()
      const truth: Sums = {}
      const seen = new Set<string>()
      let retiredBefore = Number.NEGATIVE_INFINITY
      const count = (entry: Metered) => {
        const day = calendar.day(entry.start)
        if (seen.has(entry.key) || day < retiredBefore) return
        seen.add(entry.key)
        const name = [day, entry.resource, entry.service, entry.meter].join('/')
        const [amount, cost, unknown] = truth[name] ?? [0n, 0n, 0n]
        truth[name] = [amount + entry.amount, cost + (entry.cost ?? 0n), unknown + (entry.cost === null ? 1n : 0n)]
      }
      try {
        for (const step of steps) {
          if (step.do === 'append') {
            await ledger.append(step.entries)
            step.entries.forEach(count)
          } else if (step.do === 'retire') {
            const day = calendar.day(T0) - step.age
            await ledger.retire(day)
            retiredBefore = Math.max(retiredBefore, day)
          } else {
            await ledger.close()
            ledger = await open()
          }
          expect(await asked(ledger)).toEqual(truth)
        }
        folded += seen.size - (await ledger.read(0, 1_000, 'metered')).length
      } finally {
        await ledger.close()
        await remove()
      }
    }),
    { numRuns: 40 },
  )
  // Else it would have shown nothing about retention.
  expect(folded).toBeGreaterThan(0)
})
