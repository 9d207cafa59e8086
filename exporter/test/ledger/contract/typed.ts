import { describe, expect, it } from 'vitest'
import { hashKey, storedKey } from '../../../src/ledger/key.ts'
import type { Recorded } from '../../../src/ledger/ledger.ts'
import type { Entry, Observation } from '../../../src/usage.ts'
import { action, attempt, correction, DAY, metered, observation, score, T0, usage } from '../../support/entries.ts'
import { scratch } from '../../support/ledger.ts'
import { DAY0, holdLedger, type OpenLedger } from './fixture.ts'

const stored = (key: string): string => {
  const { high, low } = hashKey(key)
  return storedKey(high, low)
}
const KINDS = ['metered', 'observation', 'score'] as const

/** Entries with every field said, and with all that may be absent absent. */
const FULL: readonly Entry[] = [
  metered('m full', { service: 'ünï', meter: 'memory', amount: 9_000_000_000_000_000_000n, cost: -1n }),
  metered('m zero', { amount: 0n, cost: 0n }),
  metered('m none', { cost: null }),
  observation('full', {
    call: 'litellm:c1',
    what: 'tool',
    name: 'search',
    durationMs: 0,
    ttftMs: 80,
    status: 'failed',
    trace: 't1',
    session: 's1',
    customer: 'acme',
    environment: 'production',
    promptName: 'greet',
    promptVersion: '3',
    tokens: 0,
    cost: 0n,
  }),
  observation('none', { what: 'step', durationMs: null, model: null, tokens: null, cost: null }),
  score('full', { value: -0.1, trace: 't1', observation: 'full' }),
  score('zero', { value: 0 }),
  score('none', { value: null, category: 'good' }),
]

/** As it is read back: keys as their hashes. */
function asKept(entry: Entry): Entry {
  const kept = { ...entry, key: stored(entry.key) }
  if (kept.kind === 'observation' && kept.call !== null) return { ...kept, call: stored(kept.call) }
  return kept
}

/** What every engine promises of metered amounts, observations and scores. */
export function testTyped(engine: string, openEngine: OpenLedger): void {
  describe(`metered amounts, observations and scores on ${engine}`, () => {
    const held = holdLedger(openEngine)

    it('come back as they were recorded, but for keys, which come back as their hashes', async () => {
      const live: Recorded[] = []
      held.ledger.follow(1, (batch) => live.push(...batch))
      await held.append(...FULL)
      while (live.length < FULL.length) await new Promise(setImmediate)
      expect(live.map(({ entry }) => entry)).toEqual(FULL)
      await held.reopen()
      for (const kind of KINDS) {
        const kept = (await held.kept(kind)).map(({ entry }) => entry)
        expect(kept).toEqual(FULL.filter((entry) => entry.kind === kind).map(asKept))
      }
      expect((await held.kept()).map(({ seq, entry }) => [seq, entry.kind])).toEqual(
        FULL.map(({ kind }, index) => [index + 1, kind]),
      )
    })

    it('that were read back stand for the same when they are handed in again', async () => {
      await held.append(...FULL)
      const again = (await held.kept()).map(({ entry }) => entry)
      expect(await held.ledger.append(again)).toMatchObject({ accepted: 0, duplicates: FULL.length })
      const other = await scratch()
      const copy = await openEngine(other.path, () => T0 + DAY)
      await copy.append(again)
      expect((await copy.read(0, 100)).map(({ entry }) => entry)).toEqual(again)
      await copy.close()
      await other.remove()
    })

    it('lie with all other entries in one sequence, which is read in pages of any size', async () => {
      const calls = Array.from({ length: 4 }, (_, i) => usage(`u${i}`))
      const rest = [FULL[0], FULL[3], action('act'), FULL[5]] as Entry[]
      await held.append(...calls.flatMap((call, i) => [call, rest[i] as Entry]), ...FULL.slice(6))
      const all = await held.ledger.read(0, 1_000)
      expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1))
      for (const size of [1, 2, 3, 5]) {
        const pages: Recorded[] = []
        for (let page = all.slice(0, 1); page.length > 0; ) {
          page = await held.ledger.read((pages.at(-1)?.seq ?? 0) + 1, size)
          pages.push(...page)
        }
        expect(pages).toEqual(all)
      }
    })

    it('count once: in one append, later, after a restart, and when they are older than what is kept in memory', async () => {
      const old = { start: T0 - 60 * DAY }
      const told: Entry[] = [
        metered('m', old),
        observation('o', old),
        score('s', { at: old.start }),
        metered('m2'),
        observation('o2'),
        score('s2'),
      ]
      expect(await held.ledger.append([...told, ...told])).toMatchObject({
        accepted: 6,
        duplicates: 6,
        byKind: { metered: { accepted: 2, duplicates: 2 }, score: { accepted: 2, duplicates: 2 } },
      })
      expect(await held.ledger.append(told)).toMatchObject({ accepted: 0, duplicates: 6, conflicts: [] })
      await held.reopen()
      expect(await held.ledger.append([...told, metered('m3')])).toMatchObject({ accepted: 1, duplicates: 6 })
      const moved = [metered('m2', { start: T0 - 10 * DAY }), observation('o2', { start: T0 - 10 * DAY })]
      expect(await held.ledger.append(moved)).toMatchObject({ accepted: 0, duplicates: 2 })
    })

    it('give no number twice after a restart', async () => {
      for (const entry of [metered('m'), observation('o'), score('s')]) {
        const { seq } = await held.ledger.append([entry])
        await held.reopen()
        expect((await held.ledger.append([action(`after ${entry.key}`)])).seq).toBe(seq + 1)
      }
    })

    it('are refused with a reason where they would not come back as they are, and take nothing good with them', async () => {
      const bad: Entry[] = [
        metered('m1', { start: Number.NaN }),
        metered('m2', { end: 0.5 }),
        metered('m3', { amount: 1n << 63n }),
        metered('m4', { cost: -(1n << 63n) - 1n }),
        observation('o1', { start: 1e300 }),
        observation('o2', { durationMs: 12.5 }),
        observation('o3', { ttftMs: -1 }),
        observation('o4', { tokens: -1 }),
        observation('o5', { cost: 1n << 64n }),
        score('s1', { at: Number.POSITIVE_INFINITY }),
        score('s2', { value: Number.NaN }),
      ]
      const receipt = await held.ledger.append([metered('good'), ...bad, usage('good too')])
      expect(receipt.accepted).toBe(2)
      expect(receipt.refused.map(({ index }) => index)).toEqual(bad.map((_, index) => index + 1))
      expect(receipt.refused.map(({ reason }) => reason)).toEqual([
        'start is NaN; expected a whole number of milliseconds since 1970',
        'end is 0.5; expected a whole number of milliseconds since 1970',
        'amount is 9223372036854775808; expected a number of at most 64 bits',
        'cost is -9223372036854775809; expected a number of at most 64 bits',
        'start is 1e+300; expected a whole number of milliseconds since 1970',
        'durationMs is 12.5; expected a whole number from 0 on, or null where it is not known',
        'ttftMs is -1; expected a whole number from 0 on, or null where it is not known',
        'tokens is -1; expected a whole number from 0 on, or null where it is not known',
        'cost is 18446744073709551616; expected a number of at most 64 bits',
        'at is Infinity; expected a whole number of milliseconds since 1970',
        'value is NaN; expected a number, or null for a category',
      ])
    })

    it('are in a copy of the ledger', async () => {
      await held.append(...FULL)
      const other = await scratch()
      await held.ledger.backup(`${other.path}/ledger.duckdb`)
      const copy = await openEngine(other.path, () => T0 + DAY)
      expect(await copy.read(0, 100)).toEqual(await held.ledger.read(0, 100))
      await copy.close()
      await other.remove()
    })

    it('leave with their day: amounts keep their sums by day, and nothing of the day is taken again', async () => {
      const old = T0 - 100 * DAY
      const gone: Entry[] = [
        usage('u', { start: old }),
        metered('m1', { start: old, end: old + 1 }),
        metered('m2', { start: old + 1, end: old + 2, cost: null }),
        observation('o', { start: old }),
        score('s', { at: old }),
      ]
      const stays: Entry[] = [metered('m'), observation('o2'), score('s2'), attempt('u', { start: old })]
      await held.append(...gone, ...stays)
      const days = () => held.ask('metered_days', { from: 0, to: 100_000 })
      const last = () => held.ask('last_metered')
      const before = [await days(), await last()]
      const { seq } = await held.ledger.append([])
      expect(await held.ledger.retire(DAY0 - 50)).toBe(1)
      expect([await days(), await last()]).toEqual(before)
      await held.reopen()
      expect([await days(), await last()]).toEqual(before)
      expect((await held.kept()).map(({ entry }) => entry.key)).toEqual([
        ...stays.slice(0, 3).map(({ key }) => stored(key)),
        'u:attempt:1',
      ])
      const again = await held.ledger.append(gone)
      expect(again).toMatchObject({ accepted: 0, refused: gone.map((_, index) => ({ index })) })
      expect(again.seq).toBe(seq)
      expect([await days(), await last()]).toEqual(before)
    })

    it('count in the days of the new zone after a change of it', async () => {
      // 23:30 UTC on Sunday is Monday in Kolkata, whose offset is five and a half hours.
      const late = T0 - 1_800_000
      await held.append(
        metered('m', { start: late, end: late + 1 }),
        usage('u', { start: T0 }),
        observation('o', { start: late, call: 'u' }),
        score('s', { at: late }),
      )
      const boundary = async () => {
        const [row] = await held.ask('reconciliation', { from: 0, to: 100_000, grace: T0 + DAY })
        return row?.day_boundary
      }
      const day = async () => (await held.ask('metered_days', { from: 0, to: 100_000 })).map((row) => row.day)
      expect([await day(), await boundary()]).toEqual([[DAY0 - 1], 1n])
      await held.reopen('Asia/Kolkata')
      expect([await day(), await boundary()]).toEqual([[DAY0], 0n])
      await held.ledger.retire(DAY0)
      expect(await held.kept('score')).toHaveLength(1)
      await held.ledger.retire(DAY0 + 1)
      expect(await held.kept('score')).toHaveLength(0)
    })

    it('are known by their keys, as entries of every kind and age are, and folded ones are not', async () => {
      const old = { start: T0 - 100 * DAY }
      const older = { start: T0 - 200 * DAY }
      const call = usage('u', old)
      const there: Entry[] = [
        call,
        correction(call, { key: 'c' }),
        usage('u2'),
        metered('m', old),
        metered('m2'),
        observation('o', { ...old, key: 'o' }),
        score('s', { at: old.start, key: 's' }),
        action('a'),
        attempt('u', { key: 't' }),
      ]
      await held.append(...there, usage('folded', older), metered('folded too', older))
      await held.ledger.retire(DAY0 - 150)
      const absent = ['folded', 'folded too', 'never', 'langfuse:prod:o']
      const keys = there.map(({ key }) => key)
      const asked = [...keys, ...absent, stored('m'), stored('never')]
      expect(await held.ledger.has(asked)).toEqual(new Set([...keys, stored('m')]))
      await held.reopen()
      expect(await held.ledger.has(asked)).toEqual(new Set([...keys, stored('m')]))
      expect(await held.ledger.has([])).toEqual(new Set())
    })

    it('of an observation that was edited both versions are kept', async () => {
      const first = observation('o', { cost: 1n })
      await held.append(first, { ...first, key: `${first.key}, edited`, cost: 2n })
      expect((await held.kept('observation')).map(({ entry }) => (entry as Observation).cost)).toEqual([1n, 2n])
    })
  })
}
