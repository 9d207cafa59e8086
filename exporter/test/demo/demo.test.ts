import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { TIERS } from '@marginwatch/sandbox'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { THROUGH } from '../../src/demo.ts'
import { eventually } from '../support/eventually.ts'
import { openLedger, scratch } from '../support/ledger.ts'
import { launchProgram, type Program, startProgram } from '../support/program.ts'
import { fallen, type Page, scrape, sumOf } from '../support/scrape.ts'
import { readLedger } from '../support/sql-truth.ts'

/** What is brought in at the start: so much as was missed since the last run, for a whole month takes its time. */
const MISSED = 8 * 3_600_000

let folder: Awaited<ReturnType<typeof scratch>>
let program: Program | null = null

const data = () => join(folder.path, 'data')

beforeAll(async () => {
  folder = await scratch()
  await mkdir(join(data(), 'demo'), { recursive: true })
  const ledger = await openLedger(join(data(), 'demo'), Date.now)
  await ledger.remember(THROUGH, String(Date.now() - MISSED))
  await ledger.close()
})

afterAll(async () => {
  await program?.kill()
  await folder.remove()
})

/** Without a source, as somebody starts it who tries it out; live traffic is as dense as it can be. */
async function start(): Promise<Program> {
  program = await startProgram({ args: ['serve', '--port', '0', '--data', data(), '--demo-speed', '1000'] })
  return program
}

const costOf = (page: Page, tier: string) => sumOf(page, 'llm_cost_usd_total', (labels) => labels.tier === tier)
const ONE = 1_000_000_000n
const hasMargin = (page: Page) =>
  TIERS.every((tier) => {
    const of = (name: string) => sumOf(page, name, (labels) => labels.tier === tier)
    // The densest traffic costs more than a young month has earned.
    return of('llm_tier_infra_cost_usd') > 0n && of('llm_tier_margin_usd') !== 0n && of('llm_tier_margin_ratio') !== 0n
  })
const isDemo = (page: Page) => sumOf(page, 'marginwatch_demo') === 1_000_000_000n

/** Scrapes until the page fits. */
function until({ url }: Program, what: string, fits: (page: Page) => boolean): Promise<Page> {
  return eventually(what, async () => {
    const page = await scrape(url)
    return fits(page) ? page : null
  })
}

it('without a source the program demonstrates itself: cost grows in every tier, marked as a demo, and survives SIGINT', async () => {
  const first = await start()
  expect(first.output()).toMatch(/^No source is set, so this is a demonstration:/)
  const early = await until(first, 'cost in every tier', (page) => TIERS.every((tier) => costOf(page, tier) > 0n))
  const late = await until(first, 'growth in every tier', (page) =>
    TIERS.every((tier) => costOf(page, tier) > costOf(early, tier)),
  )
  expect(isDemo(early)).toBe(true)
  const rich = await until(first, 'margin in every tier, infrastructure included', hasMargin)
  expect(sumOf(rich, 'llm_infra_unknown')).toBe(0n)
  expect(sumOf(rich, 'llm_tier_customers', ({ state }) => state === 'trial')).toBe(ONE)
  const page = await (await fetch(first.url)).text()
  expect(page).toContain('<strong>Demo.</strong>')
  for (const tier of TIERS) expect(page).toContain(tier)
  await until(first, 'who is known from traffic', (page) => sumOf(page, 'llm_tier_customers_assumed') === 3n * ONE)
  expect(await (await fetch(first.url)).text()).toMatch(/3 of \d+ customers assumed from traffic/)
  await until(first, 'containers as they run', (page) => sumOf(page, 'container_memory_working_set_bytes') > 0n)

  first.signal('SIGINT')
  const asked = performance.now()
  expect(await first.ended).toBe(0)
  console.info(`SIGINT to the end: ${Math.round(performance.now() - asked)} ms`)
  expect(first.output()).toContain('Stopping.\n')

  const second = await start()
  // Nothing is shown before the poll has caught up.
  const again = await until(second, 'calls', (page) => sumOf(page, 'llm_requests_total') > 0n)
  expect(fallen(late, again)).toEqual([])
  expect(isDemo(again)).toBe(true)
  await until(second, 'margin in every tier', hasMargin)
  await until(second, 'growth in every tier', (page) => TIERS.every((tier) => costOf(page, tier) > costOf(again, tier)))
  expect(await second.stop()).toBe(0)
  await expectMeteredOnce()
})

/** Of each container each moment from the first to the last is metered once: no span is there twice, and none is missing. */
async function expectMeteredOnce(): Promise<void> {
  const rows = await readLedger(join(data(), 'demo'), (ask) =>
    ask(
      `SELECT service, sum(until - start)::BIGINT AS lasted,
         (max(until) - min(start))::BIGINT AS whole, count(*) FILTER (WHERE costed = 0) AS uncosted
       FROM metered WHERE meter = 'cpu' GROUP BY service ORDER BY service`,
    ),
  )
  expect(rows).toHaveLength(11)
  for (const { service, lasted, whole, uncosted } of rows) {
    const replicas = service === 'app' || service === 'litellm' ? 2n : 1n
    expect({ service, lasted, uncosted }).toEqual({ service, lasted: replicas * BigInt(whole as bigint), uncosted: 0n })
  }
}

it('a month of history that is being brought in can be stopped, and the next start goes on where it was', async () => {
  const directory = join(folder.path, 'new')
  const args = ['serve', '--port', '0', '--data', directory]
  const first = launchProgram({ args })
  await first.until('Bringing in a month of history')
  first.signal('SIGINT')
  expect(await first.ended).toBe(0)
  const [row] = await readLedger(join(directory, 'demo'), (rows) =>
    rows(
      `SELECT value::BIGINT AS through, (SELECT max(start) FROM event) AS last FROM memory WHERE name = '${THROUGH}'`,
    ),
  )
  // It stopped long before the end, behind the last call that it brought in.
  expect(Number(row?.through)).toBeLessThan(Date.now() - 86_400_000)
  expect(Number(row?.last ?? 0)).toBeLessThanOrEqual(Number(row?.through))
})

it('a ledger of one’s own is not touched by a demonstration', async () => {
  const args = ['serve', '--no-demo', '--port', '0', '--data', data()]
  program = await startProgram({ args })
  const page = await scrape(program.url)
  expect(isDemo(page)).toBe(false)
  expect(sumOf(page, 'marginwatch_demo')).toBe(0n)
  expect(sumOf(page, 'llm_requests_total')).toBe(0n)
  expect(await (await fetch(program.url)).text()).not.toContain('<strong>Demo.</strong>')
  expect(await program.stop()).toBe(0)
})
