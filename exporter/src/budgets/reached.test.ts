import { expect, it } from 'vitest'
import { LADDER, meterOf, USD } from '../../test/budgets/support.ts'
import type { Meter } from './ask.ts'
import { budgetOf } from './ladder.ts'
import { createCrossings, dollars, type Reached } from './reached.ts'

const HOUR = 3_600_000
const NOBODY = { customer: null, tier: null, session: null, agent: null, trace: 'abc', of: 'litellm:x' }
const meter = meterOf(budgetOf('customer', LADDER, 10n * USD))
const reached = (at: number, over: Partial<Reached> = {}, of: Meter = meter): Reached => {
  const rung = of.budget.rungs.find((one) => one.at === at)
  if (!rung) throw new RangeError(`no rung at ${at}`)
  return { meter: of, rung, spent: rung.amount, held: 0n, cause: NOBODY, closed: false, ...over }
}
const raised: Meter = { ...meter, budget: budgetOf('customer', LADDER, 20n * USD) }
const next: Meter = { ...meter, start: meter.end ?? 0, end: (meter.end ?? 0) + 30 * 24 * HOUR }

it('is noted once for a scope, threshold, period and limit; a raised limit and a new period open it again', () => {
  const crossings = createCrossings(0)
  const first = crossings.note(reached(8_000), 0)
  expect(first).toMatchObject({
    scope: 'customer',
    subject: 'acme',
    threshold: 8_000,
    limit: 10n * USD,
    trace: 'abc',
    notice: true,
  })
  expect(crossings.note(reached(8_000), HOUR)).toBeNull()
  expect(crossings.note(reached(9_500), HOUR)).not.toBeNull()
  expect(crossings.note(reached(8_000, {}, raised), HOUR)?.key).not.toBe(first?.key)
  expect(crossings.note(reached(8_000, {}, next), HOUR)).not.toBeNull()
})

it('is told of at most once in the cooldown, by what the ledger knows too', () => {
  const crossings = createCrossings(HOUR)
  const first = crossings.note(reached(8_000), 0)
  expect(crossings.note(reached(8_000, {}, raised), HOUR - 1)?.notice).toBe(false)
  const after = createCrossings(HOUR)
  if (first) after.known(first, 0)
  expect(after.note(reached(8_000), 0)).toBeNull()
  expect(after.note(reached(8_000, {}, raised), HOUR - 1)?.notice).toBe(false)
  const later = createCrossings(HOUR)
  if (first) later.known(first, 0)
  expect(later.note(reached(8_000, {}, raised), HOUR)?.notice).toBe(true)
})

it('of a period that is over, and one that is only to be logged, is written down and told to nobody', () => {
  const crossings = createCrossings(0)
  expect(crossings.note(reached(8_000, { closed: true }), 0)).toMatchObject({ notice: false, action: 'notify' })
  expect(crossings.note(reached(5_000), 0)).toMatchObject({ notice: false, action: 'log' })
})

it('says in a sentence what was spent of what', () => {
  const crossings = createCrossings(0)
  expect(crossings.note(reached(9_500), 0)?.message).toBe('Customer acme has spent $9.50 of $10.00 (95 %) this month.')
  expect([dollars(0n), dollars(1_500_000_000n), dollars(1n)]).toEqual(['$0.00', '$1.50', '$0.000000001'])
})
