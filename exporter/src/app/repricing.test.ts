import { openPriceBook } from '@marginwatch/pricing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { DAY, T0, usage } from '../../test/support/entries.ts'
import { openLedger, scratch } from '../../test/support/ledger.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { reprice } from './repricing.ts'

const NONE = { cost: null, basis: 'unpriced' } as const
const ours = { model: 'our-own-7b', provider: null, from: null, to: null }
const book = openPriceBook({ overrides: [{ ...ours, perMillion: { input: 1_000_000_000n, output: 2_000_000_000n } }] })
const signal = new AbortController().signal

let ledger: Ledger
let folder: Awaited<ReturnType<typeof scratch>>
beforeEach(async () => {
  folder = await scratch()
  ledger = await openLedger(folder.path, () => T0 + DAY)
})
afterEach(async () => {
  await ledger.close()
  await folder.remove()
})

const model = async (name: string) => {
  const rows = await ledger.query('models', { from: 0, to: 100_000, limit: 10 })
  return rows.find((row) => row.model === name)
}

it('prices calls whose model became known, once, with a row that says why', async () => {
  await ledger.append([
    usage('a', { ...NONE, model: 'our-own-7b', tokens: { input: 1_000, output: 500 } }),
    usage('b', { ...NONE, model: 'nobody-knows' }),
    usage('c', { model: 'our-own-7b', cost: 7n }),
  ])
  expect(await model('our-own-7b')).toMatchObject({ calls: 2n, unpriced: 1n, cost: 7n })
  expect(await reprice(ledger, openPriceBook(), signal)).toBe(0)
  expect(await reprice(ledger, book, signal)).toBe(1)
  expect(await reprice(ledger, book, signal)).toBe(0)
  expect(await model('our-own-7b')).toMatchObject({ calls: 2n, unpriced: 0n, cost: 2_000_007n })
  expect(await model('nobody-knows')).toMatchObject({ calls: 1n, unpriced: 1n, cost: 0n })
  const rows = await ledger.read(1, 10, 'correction')
  expect(rows.map(({ entry }) => entry)).toMatchObject([
    { by: 'repricing', reason: 'the price of our-own-7b became known (override)', calls: -1, cost: 0n },
    { by: 'repricing', basis: 'priced', calls: 1, cost: 2_000_000n },
  ])
})

it('calls a model free when its price is zero', async () => {
  await ledger.append([usage('a', { ...NONE, model: 'our-own-7b' })])
  const free = openPriceBook({ overrides: [{ ...ours, perMillion: { input: 0n, output: 0n } }] })
  expect(await reprice(ledger, free, signal)).toBe(1)
  expect(await model('our-own-7b')).toMatchObject({ calls: 1n, unpriced: 0n, cost: 0n })
})

it('works through more calls than it holds at a time, and gives the same when it is cut short and starts again', async () => {
  const calls = Array.from({ length: 4_500 }, (_, i) =>
    usage(`k${i}`, { ...NONE, model: 'our-own-7b', tokens: { input: 1 } }),
  )
  await ledger.append(calls)
  const stopped = new AbortController()
  stopped.abort()
  expect(await reprice(ledger, book, stopped.signal)).toBe(0)
  expect(await reprice(ledger, book, signal)).toBe(4_500)
  expect(await model('our-own-7b')).toMatchObject({ calls: 4_500n, unpriced: 0n, cost: 4_500_000n })
})
