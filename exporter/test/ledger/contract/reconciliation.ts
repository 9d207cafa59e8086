import { describe, expect, it } from 'vitest'
import type { Observation, Usage } from '../../../src/usage.ts'
import { correction, DAY, observation, T0, usage } from '../../support/entries.ts'
import { DAY0, holdLedger, type OpenLedger } from './fixture.ts'

/** A row in which only what is named is not zero. */
const row = (over: Record<string, bigint | number | string> = {}) => ({
  day: DAY0,
  model: 'openai/gpt-4o',
  provider: 'openai',
  events: 0n,
  observations: 0n,
  here_tokens: 0n,
  there_tokens: 0n,
  here_cost: 0n,
  there_cost: 0n,
  missing_here: 0n,
  missing_there: 0n,
  price: 0n,
  tokens: 0n,
  day_boundary: 0n,
  ...over,
})

/** A call and what was seen of it. */
const pair = (id: string, over: Partial<Usage>, seen: Partial<Observation>) => [
  usage(id, { start: T0 + 5, ...over }),
  observation(`o ${id}`, { call: id, start: T0 + 5, ...seen }),
]

/** How every engine compares the gateway's calls with a trace store's observations. */
export function testReconciliation(engine: string, openEngine: OpenLedger): void {
  describe(`the reconciliation on ${engine}`, () => {
    const held = holdLedger(openEngine)
    const ask = (over: Record<string, number> = {}) =>
      held.ask('reconciliation', { from: DAY0, to: DAY0 + 1, grace: T0 + DAY, ...over })

    it('finds nothing where both say the same', async () => {
      await held.append(
        ...pair('a', {}, {}),
        ...pair(
          'b',
          { model: 'm2', cost: 7n, tokens: { input: 1, cache_read: 2, output: 4 } },
          { tokens: 7, cost: 7n },
        ),
      )
      const same = { events: 1n, observations: 1n }
      expect(await ask()).toEqual([
        row({ ...same, model: 'm2', here_tokens: 7n, there_tokens: 7n, here_cost: 7n, there_cost: 7n }),
        row({ ...same, here_tokens: 30n, there_tokens: 30n, here_cost: 225_000n, there_cost: 225_000n }),
      ])
      expect(await ask({ from: DAY0 + 1, to: DAY0 + 2 })).toEqual([])
    })

    it('counts a price that differs by more than a part in 10,000 and more than 1,000 nano-dollars, and no other', async () => {
      const price = async (here: bigint | null, there: bigint | null, id: string) => {
        const basis = here === null ? 'unpriced' : 'gateway'
        await held.append(...pair(id, { model: id, cost: here, basis }, { cost: there }))
        return (await ask()).find(({ model }) => model === id)?.price
      }
      expect(await price(100_000_000n, 100_010_001n, 'a')).toBe(1n)
      expect(await price(100_000_000n, 99_989_999n, 'b')).toBe(1n)
      expect(await price(100_000_000n, 100_010_000n, 'c')).toBe(0n)
      expect(await price(100n, 1_101n, 'd')).toBe(1n)
      expect(await price(100n, 1_100n, 'e')).toBe(0n)
      expect(await price(0n, 1_001n, 'f')).toBe(1n)
      expect(await price(null, 5_000n, 'g')).toBe(0n)
      expect(await price(5_000n, null, 'h')).toBe(0n)
      expect(await price(9_000_000_000_000_000_000n, 8_000_000_000_000_000_000n, 'i')).toBe(1n)
    })

    it('counts tokens that differ, and a day that does', async () => {
      await held.append(
        ...pair('a', {}, { tokens: 31 }),
        ...pair('b', {}, { tokens: null }),
        ...pair('c', { start: T0 + DAY - 1 }, { start: T0 + DAY }),
        ...pair('d', { start: T0 }, { start: T0 - 1 }),
        ...pair('next', { start: T0 + DAY }, { start: T0 + DAY - 1 }),
      )
      expect(await ask()).toEqual([
        row({
          events: 4n,
          observations: 4n,
          here_tokens: 120n,
          there_tokens: 91n,
          here_cost: 900_000n,
          there_cost: 900_000n,
          tokens: 1n,
          day_boundary: 2n,
        }),
      ])
      expect((await ask({ from: DAY0 + 1, to: DAY0 + 2 })).map(({ day, day_boundary }) => [day, day_boundary])).toEqual(
        [[DAY0 + 1, 1n]],
      )
    })

    it('misses observations of calls that began since the first observation and before the grace', async () => {
      await held.append(
        usage('before any', { start: T0 + 9 }),
        observation('first', { start: T0 + 10, what: 'step' }),
        usage('at the first', { start: T0 + 10 }),
        usage('old enough', { start: T0 + 19 }),
        usage('young', { start: T0 + 20 }),
      )
      const [only, ...others] = await ask({ grace: T0 + 20 })
      expect(others).toEqual([])
      expect(only).toMatchObject({ events: 4n, observations: 0n, missing_there: 2n, missing_here: 0n })
    })

    it('misses events of calls that were observed before the grace, under the observed model and no provider', async () => {
      const seen = { model: 'm', tokens: 3, cost: 5n }
      await held.append(
        observation('a', { ...seen, start: T0, call: 'nowhere' }),
        observation('b', { ...seen, start: T0 + 19 }),
        observation('young', { ...seen, start: T0 + 20 }),
        observation('failed', { ...seen, status: 'failed' }),
        observation('tool', { ...seen, what: 'tool' }),
        observation('nothing', { ...seen, tokens: null, cost: null }),
        observation('none', { ...seen, tokens: 0, cost: 0n }),
        observation('other day', { ...seen, start: T0 - 1 }),
      )
      expect(await ask({ grace: T0 + 20 })).toEqual([
        row({ model: 'm', provider: '', observations: 3n, there_tokens: 9n, there_cost: 15n, missing_here: 2n }),
      ])
    })

    it('leaves out calls that failed, came from a cache, used nothing or were not the gateway’s, on both sides', async () => {
      await held.append(
        ...pair('failed', { status: 'failed' }, {}),
        ...pair('cached', { cacheHit: true, basis: 'cached', cost: 0n }, {}),
        ...pair('nothing', { cost: 0n, tokens: {} }, {}),
        ...pair('langfuse:prod:x', { source: 'langfuse' }, {}),
      )
      expect(await ask()).toEqual([])
    })

    it('takes the latest version of an observation, and one observation of a call', async () => {
      const [call, seen] = pair('a', {}, { tokens: 1, cost: 1n }) as [Usage, Observation]
      await held.append(call, seen, { ...seen, key: 'edited', tokens: 30, cost: 225_000n })
      const same = row({
        events: 1n,
        observations: 1n,
        here_tokens: 30n,
        there_tokens: 30n,
        here_cost: 225_000n,
        there_cost: 225_000n,
      })
      expect(await ask()).toEqual([same])
      await held.append(observation('empty span', { call: 'a', tokens: null, cost: null }))
      await held.append(observation('twice', { call: 'a', project: 'other', key: 'other project' }))
      expect(await ask()).toEqual([same])
      await held.append({ ...seen, key: 'no call any more', what: 'step' })
      await held.append(observation('twice', { project: 'other', key: 'nor that', what: 'step', call: 'a' }))
      expect((await ask())[0]).toMatchObject({ observations: 1n, there_tokens: 0n, there_cost: 0n })
    })

    it('compares what a call costs after its corrections', async () => {
      const [call, seen] = pair('a', { cost: null, basis: 'unpriced', tokens: { input: 29 } }, {}) as [
        Usage,
        Observation,
      ]
      await held.append(call, seen)
      expect((await ask())[0]).toMatchObject({ here_cost: 0n, price: 0n, tokens: 1n })
      await held.append(correction(call, { basis: 'priced', cost: 100_000n, tokens: { input: 1 } }))
      expect((await ask())[0]).toMatchObject({
        events: 1n,
        here_cost: 100_000n,
        price: 1n,
        here_tokens: 30n,
        tokens: 0n,
      })
    })

    it('joins a call and its observation over the edge of the days that are asked for, days apart', async () => {
      await held.append(
        ...pair('a', { start: T0 - 1 }, { start: T0 + 6 * DAY - 1 }),
        ...pair('b', { start: T0 + 6 * DAY - 1 }, { start: T0 }),
      )
      for (let day = DAY0 - 1; day < DAY0 + 7; day++) {
        for (const found of await ask({ from: day, to: day + 1, grace: T0 + 30 * DAY })) {
          expect(found).toMatchObject({
            events: 1n,
            observations: 1n,
            missing_here: 0n,
            missing_there: 0n,
            day_boundary: 1n,
          })
        }
      }
    })
  })
}
