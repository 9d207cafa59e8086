import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, it } from 'vitest'
import { createCalendar } from '../../src/calendar.ts'
import { migrations } from '../../src/ledger/duckdb/migrate.ts'
import { hashKey, storedKey } from '../../src/ledger/key.ts'
import { correction, DAY, metered, T0, usage } from '../support/entries.ts'
import { openLedger, scratch } from '../support/ledger.ts'
import { leaveOlderLedger } from '../support/older-ledger.ts'
import { testLedger } from './contract.ts'

testLedger('DuckDB', (folder, now, zone) => openLedger(folder, now, zone ? { calendar: createCalendar(zone) } : {}))

const now = () => T0 + DAY

it('tells a second process, in a sentence, who has the ledger and what to do', async () => {
  const { path, remove } = await scratch()
  const ledger = await openLedger(path, now)
  const script = fileURLToPath(new URL('../support/open-ledger.mjs', import.meta.url))
  const second = promisify(execFile)(process.execPath, [script, `${path}/ledger.duckdb`])
  await expect(second).rejects.toMatchObject({
    code: 1,
    stderr: `the ledger ${path}/ledger.duckdb is in use by another process (PID ${process.pid}); one process writes a ledger: stop the other one, or give this one a directory of its own with --data\n`,
  })
  expect(await ledger.append([usage('still works')])).toMatchObject({ accepted: 1 })
  await ledger.close()
  await remove()
})

it('backs the ledger up before it changes its schema', async () => {
  const { path, remove } = await scratch()
  let ledger = await openLedger(path, now)
  await ledger.append([usage('a')])
  await ledger.close()
  const next = { number: 1_000, name: '001000_more.sql', sql: 'CREATE TABLE more (n INTEGER)' }
  ledger = await openLedger(path, now, { migrations: [...(await migrations()), next] })
  expect(await ledger.append([usage('a'), usage('b')])).toMatchObject({ accepted: 1, duplicates: 1 })
  await ledger.close()
  expect(await readdir(path)).toContain('ledger.duckdb.schema-4.backup')
  const backup = await DuckDBInstance.create(`${path}/ledger.duckdb.schema-4.backup`)
  const connection = await backup.connect()
  const rows = await connection.runAndReadAll('SELECT count(*) AS n FROM event')
  expect(rows.getRowObjects()).toEqual([{ n: 1n }])
  backup.closeSync()
  await remove()
})

it('keeps the sums of days whose events are gone when it splits them by customer and by model', async () => {
  const { path, remove } = await scratch()
  await leaveOlderLedger(path, 1, {
    entries: [usage('a')],
    now,
    sql: [
      `INSERT INTO day_total VALUES (7, 'acme', 'tier_1', 'm1', 'p', 2, 1, 30, 500), (7, 'acme', 'tier_1', 'm2', 'p', 1, 0, 10, 200)`,
    ],
  })
  const ledger = await openLedger(path, now)
  expect(await ledger.query('days', { from: 0 })).toMatchObject([
    { day: 7, tier: 'tier_1', calls: 3n, cost: 700n },
    { day: T0 / DAY, tier: 'tier_1', calls: 1n, cost: 225_000n },
  ])
  expect(await ledger.query('tiers', { from: 0, to: 8 })).toMatchObject([
    { tier: 'tier_1', calls: 3n, unpriced: 1n, tokens: 40n, cost: 700n, customers: 1n },
  ])
  expect(await ledger.query('models', { from: 0, to: 8, limit: 9 })).toMatchObject([
    { model: 'm1', calls: 2n, unpriced: 1n, tokens: 30n, cost: 500n },
    { model: 'm2', calls: 1n, unpriced: 0n, tokens: 10n, cost: 200n },
  ])
  await ledger.close()
  await remove()
})

it('opens a ledger of the version before, keeps a copy of it, and knows which calls were corrected', async () => {
  const { path, remove } = await scratch()
  const unpriced = (key: string) => usage(key, { cost: null, basis: 'unpriced' })
  const { high, low } = hashKey('b')
  await leaveOlderLedger(path, 2, {
    entries: [
      unpriced('a'),
      unpriced('b'),
      unpriced('c'),
      correction(unpriced('a'), { basis: 'priced' }),
      correction(unpriced('b'), { basis: 'priced', of: storedKey(high, low) }),
    ],
    now,
  })
  const ledger = await openLedger(path, now)
  expect(await readdir(path)).toContain('ledger.duckdb.schema-2.backup')
  const open = await ledger.unpriced(0, 10)
  expect(open.map(({ entry }) => entry.key)).toEqual([storedKey(hashKey('c').high, hashKey('c').low)])
  expect(await ledger.append([unpriced('a'), metered('m')])).toMatchObject({ accepted: 1, duplicates: 1 })
  expect(await ledger.query('sum')).toEqual([{ calls: 3n, tokens: 90n, cost: 2_000n }])
  await ledger.close()
  await remove()
})

it('leaves the ledger as it was when a migration fails', async () => {
  const { path, remove } = await scratch()
  let ledger = await openLedger(path, now)
  await ledger.append([usage('a')])
  await ledger.close()
  const bad = {
    number: 1_000,
    name: '001000_bad.sql',
    sql: 'CREATE TABLE half (n INTEGER); ALTER TABLE nothing ADD n INTEGER',
  }
  await expect(openLedger(path, now, { migrations: [...(await migrations()), bad] })).rejects.toThrow('nothing')
  ledger = await openLedger(path, now)
  expect(await ledger.append([usage('a')])).toMatchObject({ duplicates: 1 })
  await ledger.close()
  await remove()
})

it('refuses a ledger that a newer version wrote', async () => {
  const { path, remove } = await scratch()
  const newer = { number: 1_000, name: '001000_future.sql', sql: 'CREATE TABLE future (n INTEGER)' }
  const ledger = await openLedger(path, now, { migrations: [...(await migrations()), newer] })
  await ledger.close()
  await expect(openLedger(path, now)).rejects.toThrow(
    'the ledger has schema 1000, this version knows schemas up to 4: it was written by a newer version; start that version, or restore the backup that was made before its migration',
  )
  await remove()
})

it('cuts days again when the zone changes, and loses nothing', async () => {
  const { path, remove } = await scratch()
  // 23:30 UTC on Sunday is Monday in Kolkata, whose offset is five and a half hours.
  const late = usage('late', { start: T0 - 1_800_000 })
  let ledger = await openLedger(path, now)
  await ledger.append([late, usage('a')])
  expect(await ledger.query('days', { from: 0 })).toHaveLength(2)
  await ledger.close()
  ledger = await openLedger(path, now, { calendar: createCalendar('Asia/Kolkata') })
  expect(await ledger.query('days', { from: 0 })).toEqual([
    { day: T0 / DAY, tier: 'tier_1', calls: 2n, cost: 450_000n },
  ])
  await ledger.append([usage('b')])
  expect(await ledger.query('days', { from: 0 })).toEqual([
    { day: T0 / DAY, tier: 'tier_1', calls: 3n, cost: 675_000n },
  ])
  await ledger.close()
  await remove()
})

it('rolls the sums of days up without changing them, before, between and after', async () => {
  const { path, remove } = await scratch()
  let ledger = await openLedger(path, now)
  const names = ['acme', 'beta', 'gamma']
  const batch = (name: string, count: number) =>
    Array.from({ length: count }, (_, i) =>
      usage(`${name}${i}`, { start: T0 - (i % 3) * DAY, customer: names[i % 3] as string }),
    )
  const sums = async () => [await ledger.query('sum'), (await ledger.query('days', { from: 0 })).length]
  await ledger.append(batch('a', 15_000))
  expect(await sums()).toEqual([[{ calls: 15_000n, tokens: 450_000n, cost: 3_375_000_000n }], 3])
  await ledger.append(batch('b', 15_000))
  await ledger.append(batch('c', 1_000))
  const stored = await ledger.snapshot(async (run) => (await run('SELECT sum(calls) AS n FROM day_model'))[0]?.n)
  expect(stored.state).toBe(30_000n)
  const all = [[{ calls: 31_000n, tokens: 930_000n, cost: 6_975_000_000n }], 3]
  expect(await sums()).toEqual(all)
  await ledger.close()
  ledger = await openLedger(path, now)
  expect(await sums()).toEqual(all)
  await ledger.append(batch('d', 25_000))
  expect(await sums()).toEqual([[{ calls: 56_000n, tokens: 1_680_000n, cost: 12_600_000_000n }], 3])
  for (let i = 0; i < 7; i++) await ledger.append(batch(`e${i}-`, 20_000))
  const rows = await ledger.snapshot(async (run) => (await run('SELECT count(*) AS n FROM day_model'))[0]?.n)
  expect(rows.state).toBe(3n)
  expect(await sums()).toEqual([[{ calls: 196_000n, tokens: 5_880_000n, cost: 44_100_000_000n }], 3])
  await ledger.close()
  await remove()
})
