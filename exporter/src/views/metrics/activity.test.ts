import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DAY, T0, usage } from '../../../test/support/entries.ts'
import { openLedger, scratch } from '../../../test/support/ledger.ts'
import { createCalendar } from '../../calendar.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { type Activity, createActivity } from './activity.ts'

const MINUTE = 60_000
const NOW = T0 + DAY / 2

describe('activity', () => {
  let folder: Awaited<ReturnType<typeof scratch>>
  let ledger: Ledger
  let activity: Activity
  let count = 0
  const call = (minutesAgo: number, customer: string, session: string | null, cost = 1_000_000n) =>
    usage(`call ${count++}`, { start: NOW - minutesAgo * MINUTE, customer, session, cost })
  const shown = () =>
    Object.fromEntries(
      [...activity.collect()].map(({ metric, samples }) => [
        metric.name,
        [...samples].map((sample) => [...sample.labels, 'value' in sample ? sample.value : '']),
      ]),
    )

  beforeEach(async () => {
    folder = await scratch()
    ledger = await openLedger(folder.path, () => NOW)
    activity = createActivity(ledger, createCalendar('UTC'), () => NOW)
  })
  afterEach(async () => {
    await ledger.close()
    await folder.remove()
  })

  it('counts customers and sessions with a call in each window', async () => {
    await ledger.append([
      call(1, 'acme', 'a'),
      call(2, 'acme', 'a'),
      call(30, 'globex', 'a'),
      call(31, 'globex', null),
      call(600, 'initech', 'b'),
      call(3000, 'hooli', 'c'),
    ])
    await activity.refresh()
    expect(shown()).toMatchObject({
      llm_active_customers: [
        ['5m', '1'],
        ['1h', '2'],
        ['24h', '3'],
      ],
      llm_active_sessions: [
        ['5m', '1'],
        ['1h', '2'],
        ['24h', '3'],
      ],
    })
  })

  it('names the ten dearest sessions of the running day, dearest first, and none of yesterday', async () => {
    const sessions = Array.from({ length: 12 }, (_, i) => call(i, 'acme', `s${i}`, BigInt(i + 1) * 1_000_000_000n))
    await ledger.append([...sessions, call(24 * 60, 'acme', 'yesterday', 99_000_000_000n)])
    await activity.refresh()
    expect(shown().llm_top_session_cost_usd).toEqual(
      Array.from({ length: 10 }, (_, i) => [`s${11 - i}`, 'acme', String(12 - i)]),
    )
  })

  it('shows nothing before it has asked, and the last answer while the ledger cannot be asked', async () => {
    expect(shown()).toEqual({})
    await ledger.append([call(1, 'acme', 'a')])
    await activity.refresh()
    const before = shown()
    await ledger.close()
    await expect(activity.refresh()).rejects.toThrow('the ledger cannot be written: it is closed')
    expect(shown()).toEqual(before)
  })
})
