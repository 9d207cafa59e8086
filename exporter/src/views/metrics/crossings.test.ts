import { afterEach, beforeEach, expect, it } from 'vitest'
import { crossing, DAY, T0, usage } from '../../../test/support/entries.ts'
import { expose } from '../../../test/support/expose.ts'
import { openLedger, scratch } from '../../../test/support/ledger.ts'
import { createCalendar } from '../../calendar.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { openLedgerView } from './ledger-view.ts'

let ledger: Ledger
let folder: Awaited<ReturnType<typeof scratch>>
const now = () => T0 + DAY

beforeEach(async () => {
  folder = await scratch()
  ledger = await openLedger(folder.path, now)
})
afterEach(async () => {
  await ledger.close()
  await folder.remove()
})

const CROSSED = [
  usage('a'),
  crossing('acme at 80', { threshold: 8_000 }),
  crossing('acme at 80, again', { threshold: 8_000 }),
  crossing('globex at 80', { subject: 'globex', threshold: 8_000 }),
  crossing('nightly at 110', { scope: 'agent', subject: 'nightly', threshold: 11_000 }),
  crossing('a dear day', { scope: 'global', subject: '', name: 'high_daily_cost', threshold: 10_000 }),
]

/** The counter's lines on a page of a view that is opened now, without comments. */
async function shown(): Promise<string[]> {
  const view = await openLedgerView(ledger, createCalendar('UTC'), now, () => false)
  const page = await expose(view.collect())
  await view.close()
  return page.split('\n').filter((line) => line.startsWith('llm_budget_crossings_total'))
}

const EXPECTED = [
  'llm_budget_crossings_total{scope="agent",threshold="1.1"} 1',
  'llm_budget_crossings_total{scope="customer",threshold="0.8"} 3',
  'llm_budget_crossings_total{scope="global",threshold="high_daily_cost"} 1',
]

it('counts crossings by scope and share of the limit, and spend thresholds by their name', async () => {
  const view = await openLedgerView(ledger, createCalendar('UTC'), now, () => false)
  await ledger.append(CROSSED)
  const page = await expose(view.collect())
  expect(
    page
      .split('\n')
      .filter((line) => line.startsWith('llm_budget_crossings_total'))
      .sort(),
  ).toEqual(EXPECTED)
  await view.close()
})

it('goes on after a restart where it was', async () => {
  await ledger.append(CROSSED)
  await ledger.close()
  ledger = await openLedger(folder.path, now)
  expect((await shown()).sort()).toEqual(EXPECTED)
})

it('counts a crossing once, however often it is reported', async () => {
  await ledger.append([crossing('acme at 80')])
  await ledger.append([crossing('acme at 80')])
  expect(await shown()).toEqual(['llm_budget_crossings_total{scope="customer",threshold="0.8"} 1'])
})

it('is absent while nothing was crossed', async () => {
  await ledger.append([usage('a')])
  expect(await shown()).toEqual([])
})
