import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Ledger, LedgerBusy, type Recorded } from '../../src/ledger/ledger.ts'
import type { Entry, Usage } from '../../src/usage.ts'
import { attempt, correction, DAY, fallback, T0, usage } from '../support/entries.ts'
import { scratch } from '../support/ledger.ts'
import type { OpenLedger } from './contract/fixture.ts'
import { testMarginQueries } from './contract/margin.ts'
import { testObserved } from './contract/observed.ts'
import { testReconciliation } from './contract/reconciliation.ts'
import { testSessions } from './contract/sessions.ts'
import { testTyped } from './contract/typed.ts'

const many = (prefix: string, count: number): Usage[] => Array.from({ length: count }, (_, i) => usage(`${prefix}${i}`))
const keysOf = (batch: readonly Recorded[]): string[] =>
  batch.filter((record) => record.entry.kind === 'usage').map((record) => record.entry.key)

/** What every engine of the ledger promises. */
export function testLedger(engine: string, openEngine: OpenLedger): void {
  describe(`the ledger on ${engine}`, () => {
    let folder: Awaited<ReturnType<typeof scratch>>
    let ledger: Ledger
    let now = T0 + DAY
    const reopen = async () => {
      await ledger.close()
      ledger = await openEngine(folder.path, () => now)
    }
    const sum = async () => {
      const [row] = await ledger.query('sum')
      return { calls: Number(row?.calls ?? 0), cost: (row?.cost as bigint | null) ?? 0n }
    }
    beforeEach(async () => {
      now = T0 + DAY
      folder = await scratch()
      ledger = await openEngine(folder.path, () => now)
    })
    afterEach(async () => {
      await ledger.close()
      await folder.remove()
    })

    it('counts the same idempotency key once: in one append, in two at a time, later, and after a restart', async () => {
      const first = await ledger.append([usage('a'), usage('b'), usage('a')])
      expect(first).toMatchObject({ accepted: 2, duplicates: 1, conflicts: [], refused: [] })
      const together = await Promise.all([ledger.append([usage('c'), usage('a')]), ledger.append([usage('c')])])
      expect(together.map((receipt) => [receipt.accepted, receipt.duplicates])).toEqual([
        [1, 1],
        [0, 1],
      ])
      await reopen()
      expect(await ledger.append([usage('b'), usage('c')])).toMatchObject({ accepted: 0, duplicates: 2 })
      expect(await sum()).toEqual({ calls: 3, cost: 675_000n })
    })

    it('finds a second report of a call that names another start', async () => {
      await ledger.append([usage('a'), usage('b')])
      const moved = usage('a', { start: T0 - 20 * DAY })
      expect(await ledger.append([moved, usage('b'), usage('c')])).toMatchObject({ accepted: 1, duplicates: 2 })
    })

    it('finds a second report of a call that is older than the de-duplication window', async () => {
      const old = usage('old', { start: T0 - 300 * DAY })
      await ledger.append([old])
      await reopen()
      expect(await ledger.append([old, usage('new')])).toMatchObject({ accepted: 1, duplicates: 1 })
    })

    it('keeps the first report and tells what a second one says otherwise', async () => {
      await ledger.append([usage('a', { cost: 5n })])
      const receipt = await ledger.append([usage('a', { cost: 6n }), usage('b'), usage('b', { status: 'failed' })])
      expect(receipt.conflicts).toEqual([
        { key: 'a', field: 'cost', kept: '5', reported: '6' },
        { key: 'b', field: 'status', kept: 'success', reported: 'failed' },
      ])
      expect((await sum()).cost).toBe(225_005n)
    })

    it('takes a call without a price and shows no cost for it', async () => {
      await ledger.append([usage('a', { cost: null, basis: 'unpriced' })])
      const [record] = await ledger.read(1, 1, 'usage')
      expect(record?.entry).toMatchObject({ cost: null })
      const [model] = await ledger.query('models', { from: 0, to: 100_000, limit: 5 })
      expect(model).toMatchObject({ calls: 1n, unpriced: 1n, cost: 0n })
    })

    it('gives back what was recorded, but for the key, which comes back as its hash and still stands for the same event', async () => {
      const full = usage('full', {
        user: 'ann',
        session: 's1',
        agent: 'sorter',
        trace: 't1',
        queryType: 'action',
        project: 'p',
        keyAlias: 'k',
        promptName: 'greet',
        promptVersion: '3',
        tools: ['search', 'mail'],
        errorClass: 'RateLimitError',
        errorMessage: 'slow down',
        stream: true,
        cacheHit: true,
        basis: 'cached',
        cost: 0n,
        saved: 12n,
        temperature: 0.2,
        ttftMs: 80,
        bytes: 999,
        dimensions: 3072,
        metadata: { feature: 'ünï' },
        tokens: {
          input: 1,
          cache_read: 2,
          cache_write_5m: 3,
          cache_write_1h: 4,
          output: 5,
          reasoning: 6,
          output_image: 7,
        },
      })
      const plain = usage('plain')
      const changed = correction(plain)
      await ledger.append([full, plain, changed])
      const [one, two] = await ledger.read(1, 10, 'usage')
      expect({ ...one?.entry, key: 'full' }).toEqual(full)
      expect({ ...two?.entry, key: 'plain' }).toEqual(plain)
      const [three] = await ledger.read(1, 10, 'correction')
      expect({ ...three?.entry, key: changed.key }).toEqual(changed)
      expect(await ledger.append([one?.entry as Usage])).toMatchObject({ accepted: 0, duplicates: 1, conflicts: [] })
    })

    it('keeps entries of every kind in one sequence', async () => {
      const entries: Entry[] = [
        usage('a'),
        {
          kind: 'action',
          version: 1,
          key: 'act',
          subject: 'agent:x',
          action: 'pause',
          by: 'ann',
          reason: 'cost',
          at: T0,
          details: {},
        },
        {
          kind: 'crossing',
          version: 1,
          key: 'cross',
          scope: 'customer',
          subject: 'acme',
          period: 'month',
          name: '',
          periodStart: T0,
          threshold: 8000,
          limit: 8_000_000_000n,
          spent: 6_400_000_001n,
          held: 1n,
          action: 'notify',
          severity: 'warning',
          channels: ['slack'],
          notice: true,
          message: '',
          customer: 'acme',
          tier: null,
          session: null,
          agent: null,
          trace: null,
          of: 'a',
          policy: '9d1c04be',
        },
        {
          kind: 'roster_change',
          version: 1,
          key: 'roster',
          customer: 'acme',
          tier: 'tier_2',
          price: 99_000_000_000n,
          from: T0,
          to: null,
          origin: 'file',
          by: 'marginwatch.yaml',
          reason: 'the file says so',
        },
        correction(usage('a')),
      ]
      await ledger.append(entries)
      expect(await ledger.append(entries)).toMatchObject({ accepted: 0, duplicates: entries.length })
      const kept = (await ledger.read(1, 100)).filter(({ entry }) => entry.kind !== 'admission')
      expect(kept.map(({ entry }) => entry.kind)).toEqual(entries.map((entry) => entry.kind))
      expect(kept[1]?.entry).toEqual(entries[1])
      expect(kept[2]?.entry).toEqual(entries[2])
      expect(kept[3]?.entry).toEqual(entries[3])
      const numbers = (await ledger.read(1, 100)).map(({ seq }) => seq)
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
    })

    it('counts a correction in the day of the call that it corrects', async () => {
      const call = usage('a', { start: T0 - 3 * DAY })
      await ledger.append([call, correction(call, { cost: -25_000n })])
      const days = await ledger.query('days', { from: 0 })
      expect(days).toEqual([{ day: (T0 - 3 * DAY) / DAY, tier: 'tier_1', calls: 1n, cost: 200_000n }])
    })

    it('lists the calls without a price until a correction speaks of them', async () => {
      const none = { cost: null, basis: 'unpriced' } as const
      await ledger.append([usage('a', none), usage('b'), usage('c', none), usage('d', none)])
      const [a, c, d] = await ledger.unpriced(1, 10)
      expect([a, c, d].map((record) => record?.entry.cost)).toEqual([null, null, null])
      expect((await ledger.unpriced((a?.seq ?? 0) + 1, 1)).map(({ seq }) => seq)).toEqual([c?.seq])
      await ledger.append([correction(c?.entry as Usage, { basis: 'priced' })])
      expect((await ledger.unpriced(1, 10)).map(({ seq }) => seq)).toEqual([a?.seq, d?.seq])
    })

    it('moves a call from one customer to another by a pair of corrections', async () => {
      const call = usage('a')
      const away = correction(call, { key: 'a-', calls: -1, cost: -225_000n })
      await ledger.append([call, away, { ...away, key: 'a+', customer: 'beta', calls: 1, cost: 225_000n }])
      const customers = await ledger.query('customers', { from: 0, to: 100_000, limit: 5 })
      expect(customers.map((row) => [row.customer, row.calls, row.cost])).toEqual([
        ['beta', 1n, 225_000n],
        ['acme', 0n, 0n],
      ])
      expect(await sum()).toEqual({ calls: 1, cost: 225_000n })
    })

    it('delivers every entry once and in order to who follows from the start while others append', async () => {
      await ledger.append(many('before', 2500))
      const seen: Recorded[] = []
      const stop = ledger.follow(1, (batch) => seen.push(...batch))
      const appends = Array.from({ length: 20 }, (_, i) => ledger.append(many(`during${i}-`, 50)))
      const last = Math.max(...(await Promise.all(appends)).map((receipt) => receipt.seq))
      while ((seen.at(-1)?.seq ?? 0) < last) await new Promise(setImmediate)
      await stop()
      const numbers = seen.map(({ seq }) => seq)
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
      expect(keysOf(seen)).toHaveLength(3500)
      await ledger.append(many('after', 3))
      expect(keysOf(seen)).toHaveLength(3500)
    })

    it('shows every entry exactly once to who takes a snapshot and follows from there', async () => {
      const appends = Array.from({ length: 30 }, (_, i) => ledger.append(many(`x${i}-`, 40)))
      const views = Array.from({ length: 5 }, async () => {
        const { seq, state } = await ledger.snapshot(async (rows) => {
          const [row] = await rows('SELECT count(*) AS n FROM event')
          return Number(row?.n)
        })
        const view = { count: state, stop: () => Promise.resolve() }
        view.stop = ledger.follow(seq + 1, (batch) => {
          view.count += keysOf(batch).length
        })
        return view
      })
      const open = await Promise.all(views)
      await Promise.all(appends)
      while (open.some((view) => view.count < 1200)) await new Promise(setImmediate)
      await ledger.append([usage('last')])
      expect(open.map((view) => view.count)).toEqual([1201, 1201, 1201, 1201, 1201])
      for (const view of open) await view.stop()
    })

    it('refuses what is more than may wait, keeps nothing of it, and takes it later', async () => {
      const appends = Array.from({ length: 30 }, (_, i) => ledger.append(many(`load${i}-`, 4000)))
      const outcomes = await Promise.allSettled(appends)
      const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
      expect(refused.length).toBeGreaterThan(0)
      for (const cause of refused) expect(cause).toBeInstanceOf(LedgerBusy)
      expect((refused[0] as LedgerBusy).retryAfterMs).toBeGreaterThan(0)
      expect((await sum()).calls).toBe((30 - refused.length) * 4000)
      const last = outcomes.findIndex((outcome) => outcome.status === 'rejected')
      expect(await ledger.append(many(`load${last}-`, 4000))).toMatchObject({ accepted: 4000, duplicates: 0 })
    })

    it('remembers small values across a restart', async () => {
      expect(await ledger.recall('watermark')).toBeNull()
      await ledger.remember('watermark', '1')
      await ledger.remember('watermark', '2')
      await reopen()
      expect(await ledger.recall('watermark')).toBe('2')
    })

    it('answers only questions that it knows, with all their parameters', async () => {
      await expect(ledger.query('drop')).rejects.toThrow(/no query named drop; there are: .*\bdays, /)
      await expect(ledger.query('days')).rejects.toThrow('query days needs from')
    })

    it('copies itself, consistent, while it is being written; the copy is a ledger', async () => {
      await ledger.append(many('a', 500))
      const writing = Promise.all(Array.from({ length: 10 }, (_, i) => ledger.append(many(`b${i}-`, 100))))
      const other = await scratch()
      await ledger.backup(`${other.path}/ledger.duckdb`)
      await writing
      const copy = await openEngine(other.path, () => now)
      const [copied] = await copy.query('sum')
      const events = await copy.snapshot(async (rows) => (await rows('SELECT count(*) AS n FROM event'))[0]?.n)
      expect(copied?.calls).toBe(events.state)
      expect(Number(events.state)).toBeGreaterThanOrEqual(500)
      expect(await copy.append([usage('a1')])).toMatchObject({ duplicates: 1 })
      await copy.close()
      await other.remove()
    })

    it('keeps all sums when single events are folded away, and never takes a folded event again', async () => {
      const old = usage('old', { start: T0 - 100 * DAY })
      await ledger.append([old, usage('new')])
      const before = await sum()
      const { seq } = await ledger.append([usage('newest')])
      expect(await ledger.retire((T0 - 50 * DAY) / DAY)).toBe(1)
      await reopen()
      const receipt = await ledger.append([old, usage('more')])
      expect(receipt).toMatchObject({ accepted: 1, duplicates: 0 })
      expect(receipt.refused).toEqual([{ index: 0, reason: expect.stringContaining('folded away by retention') }])
      expect(receipt.seq).toBeGreaterThan(seq)
      expect((await sum()).calls).toBe(before.calls + 2)
    })

    it('goes on refusing days that were folded away when a shorter reach is asked for later, after a restart too', async () => {
      const old = usage('old', { start: T0 - 60 * DAY, cost: 0n })
      await ledger.append([old])
      expect(await ledger.retire((T0 - 50 * DAY) / DAY)).toBe(1)
      expect(await ledger.retire((T0 - 90 * DAY) / DAY)).toBe(0)
      await reopen()
      expect(await ledger.append([old])).toMatchObject({ accepted: 0, refused: [{ index: 0 }] })
    })

    it('counts an attempt and a fallback once, beside the call and never as one, and says so by kind', async () => {
      const told = [usage('a'), fallback('a'), attempt('a'), attempt('a', { key: 'a:attempt:2' })]
      expect(await ledger.append(told)).toMatchObject({
        accepted: 4,
        byKind: {
          usage: { accepted: 1, duplicates: 0 },
          fallback: { accepted: 1, duplicates: 0 },
          attempt: { accepted: 2, duplicates: 0 },
        },
      })
      await reopen()
      expect(await ledger.append([...told, attempt('b')])).toMatchObject({
        accepted: 1,
        duplicates: 4,
        byKind: { usage: { accepted: 0, duplicates: 1 }, attempt: { accepted: 1, duplicates: 2 } },
      })
      expect(await sum()).toEqual({ calls: 1, cost: 225_000n })
    })

    it('gives attempts and fallbacks back as they were recorded, with what of them had series of its own', async () => {
      const told = [attempt('a', { provider: null }), fallback('a', { from: "o'hara \u2028" })]
      const followed = new Promise<readonly Recorded[]>((resolve) => {
        ledger.follow(1, (batch) => batch.some(({ entry }) => entry.kind === 'fallback') && resolve(batch))
      })
      await ledger.append(told)
      const live = (await followed).filter(({ entry }) => entry.kind !== 'admission')
      await reopen()
      const kept = [...(await ledger.read(0, 10, 'attempt')), ...(await ledger.read(0, 10, 'fallback'))]
      expect(kept.map((record) => record.entry)).toEqual(told)
      expect(kept.map((record) => record.named)).toEqual(live.map((record) => record.named))
      expect(kept.every((record) => record.named !== 0)).toBe(true)
    })

    it('keeps attempts when the calls of their days are folded away, and refuses a fallback with its call', async () => {
      const at = { start: T0 - 100 * DAY }
      await ledger.append([usage('a', at), attempt('a', at), fallback('a', at)])
      await ledger.retire((T0 - 50 * DAY) / DAY)
      await reopen()
      const again = [usage('a', at), attempt('a', at), attempt('b', at), fallback('b', at)]
      expect(await ledger.append(again)).toMatchObject({
        byKind: { attempt: { accepted: 1, duplicates: 1 } },
        refused: [{ index: 0 }, { index: 3 }],
      })
      expect(await ledger.read(0, 10, 'fallback')).toHaveLength(1)
    })

    it('says that it is closed to who appends after closing', async () => {
      await ledger.close()
      await expect(ledger.append([usage('a')])).rejects.toThrow('the ledger cannot be written: it is closed')
      expect(ledger.health()).toMatchObject({ writable: false, reason: 'it is closed' })
    })

    it('writes what is waiting before it closes', async () => {
      const receipts = Array.from({ length: 5 }, (_, i) => ledger.append([usage(`k${i}`)]))
      await ledger.close()
      await Promise.all(receipts)
      ledger = await openEngine(folder.path, () => now)
      expect((await sum()).calls).toBe(5)
    })
  })
  testTyped(engine, openEngine)
  testMarginQueries(engine, openEngine)
  testSessions(engine, openEngine)
  testObserved(engine, openEngine)
  testReconciliation(engine, openEngine)
}
