import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { THROUGH } from '../../src/demo.ts'
import { eventually } from '../support/eventually.ts'
import { openLedger, scratch } from '../support/ledger.ts'
import { type Program, startProgram } from '../support/program.ts'
import { type Page, scrape, sumOf } from '../support/scrape.ts'

/** What is brought in at the start: a whole month takes its time. */
const MISSED = 8 * 3_600_000

let folder: Awaited<ReturnType<typeof scratch>>
let program: Program

beforeAll(async () => {
  folder = await scratch()
  await mkdir(join(folder.path, 'demo'), { recursive: true })
  const ledger = await openLedger(join(folder.path, 'demo'), Date.now)
  await ledger.remember(THROUGH, String(Date.now() - MISSED))
  await ledger.close()
  program = await startProgram({ args: ['serve', '--port', '0', '--data', folder.path] })
})

afterAll(async () => {
  await program?.kill()
  await folder.remove()
})

it('shows a customer warned, one moved to a cheaper model, one refused, an agent paused and a session stopped', async () => {
  const until = (what: string, fits: (page: Page) => boolean) =>
    eventually(what, async () => (fits(await scrape(program.url)) ? true : null))
  const acted = (page: Page, action: string, reason: string) =>
    sumOf(page, 'llm_decisions_total', (labels) => labels.action === action && labels.reason === reason) > 0n
  await until(
    'a customer warned at 80 %',
    (page) =>
      sumOf(page, 'llm_budget_crossings_total', ({ scope, threshold }) => scope === 'customer' && threshold === '0.8') >
      0n,
  )
  await until('a customer moved to the cheaper model', (page) => acted(page, 'degrade', 'customer'))
  await until('a customer refused', (page) => acted(page, 'block', 'customer'))
  await until('an agent paused', (page) => sumOf(page, 'llm_agent_paused') > 0n)
  await until('a session stopped at its cap', (page) => acted(page, 'block', 'session'))
  await eventually('the page to show all of it', async () => {
    const text = await (await fetch(program.url)).text()
    return ['Budgets near their limit', 'Crossings', 'Sessions stopped', 'research-scout'].every((word) =>
      text.includes(word),
    )
      ? true
      : null
  })
  expect(program.output()).toMatch(/"event":"agent_paused"/)
  expect(program.output()).toMatch(/"event":"call_blocked"/)
})
