import { describe, expect, it } from 'vitest'
import { correction, DAY, metered, T0, usage } from '../../support/entries.ts'
import { DAY0, holdLedger, type OpenLedger } from './fixture.ts'

const HOUR = 3_600_000

/** What every engine answers about margin and forecast, compared with rows made by hand. */
export function testMarginQueries(engine: string, openEngine: OpenLedger): void {
  describe(`the queries of the margin on ${engine}`, () => {
    const held = holdLedger(openEngine)

    it('margin_days adds up calls, tokens and cost by day, customer and tier, net and within the days', async () => {
      const moved = usage('d', { customer: 'beta', tier: 'tier_2', cost: 40n, tokens: { input: 1 } })
      await held.append(
        usage('a', { cost: 100n, tokens: { input: 1, cache_read: 2, output: 4 } }),
        usage('b', { cost: 20n, tokens: { reasoning: 8 } }),
        usage('c', { tier: null, cost: null, basis: 'unpriced', tokens: { input: 16 } }),
        moved,
        correction(moved, { key: 'd-', calls: -1, tokens: { input: -1 }, cost: -40n }),
        correction(moved, { key: 'd+', customer: 'gamma', tier: null, calls: 1, tokens: { input: 1 }, cost: 40n }),
        usage('before', { start: T0 - 1 }),
        usage('next', { start: T0 + DAY, cost: 3n, tokens: {} }),
        usage('after', { start: T0 + 2 * DAY }),
      )
      const expected = [
        { day: DAY0, customer: 'acme', tier: '', calls: 1n, tokens: 16n, cost: 0n, unpriced: 1n },
        { day: DAY0, customer: 'acme', tier: 'tier_1', calls: 2n, tokens: 15n, cost: 120n, unpriced: 0n },
        { day: DAY0, customer: 'beta', tier: 'tier_2', calls: 0n, tokens: 0n, cost: 0n, unpriced: 0n },
        { day: DAY0, customer: 'gamma', tier: '', calls: 1n, tokens: 1n, cost: 40n, unpriced: 0n },
        { day: DAY0 + 1, customer: 'acme', tier: 'tier_1', calls: 1n, tokens: 0n, cost: 3n, unpriced: 0n },
      ]
      expect(await held.ask('margin_days', { from: DAY0, to: DAY0 + 2 })).toEqual(expected)
      await held.ledger.retire(DAY0 + 1)
      expect(await held.ask('margin_days', { from: DAY0, to: DAY0 + 2 })).toEqual(expected)
    })

    it('metered_days adds up amounts and known costs, counts what has none, and keeps them when they are folded away', async () => {
      await held.append(
        metered('a1', { amount: 7n, cost: 10n }),
        metered('a2', { amount: 9_223_372_036_854_775_807n, cost: null, source: 'other' }),
        metered('a3', { amount: 1n, cost: 5n, start: T0 + DAY - 1, end: T0 + DAY }),
        metered('b', { meter: 'memory', amount: 2n, cost: null }),
        metered('c', { service: 'db', amount: 3n, cost: 0n }),
        metered('d', { resource: 'volume', amount: 4n, cost: 1n }),
        metered('next', { start: T0 + DAY, end: T0 + DAY + 1, amount: 5n, cost: 2n }),
        metered('before', { start: T0 - 1, end: T0 }),
      )
      const one = { day: DAY0, resource: 'container', service: 'api', meter: 'cpu' }
      const expected = [
        { ...one, amount: 9_223_372_036_854_775_815n, cost: 15n, unknown: 1n },
        { ...one, meter: 'memory', amount: 2n, cost: 0n, unknown: 1n },
        { ...one, service: 'db', amount: 3n, cost: 0n, unknown: 0n },
        { ...one, resource: 'volume', amount: 4n, cost: 1n, unknown: 0n },
      ]
      expect(await held.ask('metered_days', { from: DAY0, to: DAY0 + 1 })).toEqual(expected)
      expect(await held.ask('metered_days', { from: DAY0 + 1, to: DAY0 + 2 })).toEqual([
        { ...one, day: DAY0 + 1, amount: 5n, cost: 2n, unknown: 0n },
      ])
      await held.ledger.retire(DAY0 + 1)
      expect(await held.ask('metered_days', { from: DAY0, to: DAY0 + 1 })).toEqual(expected)
    })

    it('last_metered tells the end of the last span of each thing and meter, folded ones included', async () => {
      await held.append(
        metered('a1', { end: T0 + 5 }),
        metered('a2', { end: T0 + 9 }),
        metered('b', { meter: 'network', end: T0 + 3 }),
        metered('c', { service: 'db', start: T0 + DAY, end: T0 + DAY + 2 }),
      )
      const one = { source: 'docker', resource: 'container', service: 'api', meter: 'cpu' }
      const expected = [
        { ...one, end: BigInt(T0 + 9) },
        { ...one, meter: 'network', end: BigInt(T0 + 3) },
        { ...one, service: 'db', end: BigInt(T0 + DAY + 2) },
      ]
      expect(await held.ask('last_metered')).toEqual(expected)
      await held.ledger.retire(DAY0 + 1)
      expect(await held.ask('last_metered')).toEqual(expected)
    })

    it('spend_hours adds up calls and cost by hour, net, of all customers', async () => {
      const call = usage('a', { start: T0 + HOUR - 1, cost: 100n })
      await held.append(
        call,
        correction(call, { cost: -30n }),
        usage('b', { start: T0, customer: 'beta', tier: null, cost: 7n }),
        usage('c', { start: T0 + 2 * HOUR, cost: null, basis: 'unpriced' }),
        usage('before', { start: T0 - 1 }),
        usage('after', { start: T0 + 3 * HOUR }),
      )
      expect(await held.ask('spend_hours', { from: T0, to: T0 + 3 * HOUR })).toEqual([
        { hour: BigInt(T0), cost: 77n, calls: 2n },
        { hour: BigInt(T0 + 2 * HOUR), cost: 0n, calls: 1n },
      ])
    })
  })
}
