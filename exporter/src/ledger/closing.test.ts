import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DAY, T0, usage } from '../../test/support/entries.ts'
import { openLedger, scratch } from '../../test/support/ledger.ts'
import { createSessionCloser } from './closing.ts'
import type { Ledger } from './ledger.ts'

const MINUTE = 60_000
const IDLE = 30 * MINUTE
const now = () => T0 + DAY

describe('an idle session', () => {
  let folder: Awaited<ReturnType<typeof scratch>>
  let ledger: Ledger
  const closed = async () => (await ledger.read(0, 100, 'session_closed')).map(({ entry }) => entry)
  const call = (session: string, minute: number, customer = 'acme') =>
    usage(`${customer}/${session}/${minute}`, { session, customer, start: T0 + minute * MINUTE, cost: 1_000n })

  beforeEach(async () => {
    folder = await scratch()
    ledger = await openLedger(folder.path, now)
  })
  afterEach(async () => {
    await ledger.close()
    await folder.remove()
  })

  it('is closed once, with its calls, cost and times, and one that still has calls is not', async () => {
    await ledger.append([call('a', 0), call('a', 10), call('b', 30)])
    const close = createSessionCloser(ledger, IDLE)
    expect(await close(T0 + 45 * MINUTE)).toBe(1)
    expect(await close(T0 + 46 * MINUTE)).toBe(0)
    expect(await closed()).toMatchObject([
      { session: 'a', customer: 'acme', tier: 'tier_1', calls: 2, cost: 2_000n, first: T0, last: T0 + 10 * MINUTE },
    ])
  })

  it('of two customers who use the same name is two', async () => {
    await ledger.append([call('a', 0), call('a', 0, 'globex')])
    expect(await createSessionCloser(ledger, IDLE)(T0 + DAY)).toBe(2)
  })

  it('is not closed again by a call that comes later, nor after a restart', async () => {
    await ledger.append([call('a', 0)])
    const close = createSessionCloser(ledger, IDLE)
    expect(await close(T0 + 40 * MINUTE)).toBe(1)
    await ledger.append([call('a', 60)])
    expect(await close(T0 + DAY)).toBe(0)
    await ledger.close()
    ledger = await openLedger(folder.path, now)
    expect(await createSessionCloser(ledger, IDLE)(T0 + DAY)).toBe(0)
    expect(await closed()).toHaveLength(1)
  })

  it('that ended while the program was away for weeks is found by its first look', async () => {
    await ledger.append([call('a', 0)])
    expect(await createSessionCloser(ledger, IDLE)(T0 + 60 * DAY)).toBe(1)
  })
})
