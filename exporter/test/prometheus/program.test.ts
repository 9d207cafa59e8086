import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LABEL_BOUNDS, METRICS } from '../../src/catalogue.ts'
import { type Batch, post } from '../support/clients.ts'
import { DAY, usage } from '../support/entries.ts'
import { describeWith } from '../support/installed.ts'
import { openLedger, scratch } from '../support/ledger.ts'
import { type Program, startProgram } from '../support/program.ts'
import { type Prometheus, startPrometheus } from '../support/prometheus.ts'
import { run } from '../support/run.ts'
import { type Page, scrape, sumOf } from '../support/scrape.ts'
import { readLedger } from '../support/sql-truth.ts'
import { varied } from '../support/varied.ts'

/** Fewer slots than customers, so that some are `other`, and all taken by customers that were idle for too long. */
const SLOTS = 5
const OLD_CUSTOMERS = Array.from({ length: SLOTS }, (_, i) => `old-${i}`)
const POLICY = `version: 1\nmetrics: { customers: ${SLOTS}, customer_idle: 35d }\n`
const calls = varied(31, Date.now())
const COUNTERS = Object.values(METRICS).flatMap(({ name, type }) =>
  type === 'counter' && name.startsWith('llm_') ? [name] : [],
)

interface Sums {
  readonly cost: bigint
  readonly calls: bigint
}

/** Calls of customers that then fell silent, in a ledger whose clock was 40 days behind. */
async function seed(folder: string): Promise<void> {
  const then = Date.now() - 40 * DAY
  const ledger = await openLedger(folder, () => then, { bounds: { ...LABEL_BOUNDS, customer: SLOTS } })
  await ledger.append(
    OLD_CUSTOMERS.map((customer, i) => usage(`seed-${i}`, { customer, start: then, cost: 1_000_000_007n })),
  )
  await ledger.close()
}

async function bySql(folder: string): Promise<Sums> {
  const [row] = await readLedger(folder, (rows) =>
    rows('SELECT sum(cost)::HUGEINT AS cost, count(*) AS calls FROM usage_event'),
  )
  return { cost: row?.cost as bigint, calls: row?.calls as bigint }
}

/** What is in a ledger whose process is gone, as nobody has opened it since. */
async function bySqlOfCopy(folder: string, copy: string): Promise<Sums> {
  await cp(folder, copy, { recursive: true })
  return bySql(copy)
}

/** The same sums, counted in two ways each, from the decimals of one page. */
function byPage(page: Page) {
  const sum = (...names: string[]) => names.reduce((total, name) => total + sumOf(page, name), 0n)
  return {
    byCustomer: sum('llm_customer_cost_usd_total', 'llm_customer_cost_retired_usd_total'),
    byTierAndModel: sum('llm_cost_usd_total'),
    byOperation: sum('llm_operation_cost_usd_total'),
    byCall: sumOf({ ...page, families: histogramSums(page) }, 'llm_call_cost_usd'),
    callsByCustomer: sum('llm_customer_requests_total', 'llm_customer_requests_retired_total') / 1_000_000_000n,
    callsByTierAndModel: sum('llm_requests_total') / 1_000_000_000n,
  }
}

function histogramSums({ families }: Page): Page['families'] {
  return families.map((family) => ({ ...family, samples: family.samples.filter(({ name }) => name.endsWith('_sum')) }))
}

const all = ({ cost, calls }: Sums): ReturnType<typeof byPage> => ({
  byCustomer: cost,
  byTierAndModel: cost,
  byOperation: cost,
  byCall: cost,
  callsByCustomer: calls,
  callsByTierAndModel: calls,
})

describeWith(['prometheus', 'promtool'], 'the program, scraped by a real Prometheus', ([prometheusPath, promtool]) => {
  let folder: Awaited<ReturnType<typeof scratch>>
  let data: string
  let program: Program
  let prometheus: Prometheus
  let sent = 0

  const start = (port: number) => {
    const config = join(folder.path, 'policy.yaml')
    return startProgram({ args: ['serve', '--no-demo', '--config', config, '--data', data, '--port', String(port)] })
  }

  beforeAll(async () => {
    folder = await scratch()
    data = join(folder.path, 'data')
    await writeFile(join(folder.path, 'policy.yaml'), POLICY)
    await seed(data)
    program = await start(0)
    const target = `127.0.0.1:${program.port}`
    prometheus = await startPrometheus({ program: prometheusPath, target, scrapeInterval: '1s' })
  })

  afterAll(async () => {
    await prometheus?.close()
    await program?.kill()
    await folder.remove()
  })

  async function send(count: number): Promise<void> {
    const batch: Batch = Array.from({ length: count }, () => sent++)
    expect(await post(program.url, calls, batch)).toMatchObject({ accepted: count, refusedCount: 0 })
  }

  /** One number of Prometheus in thousand-millionths, once it has scraped all that was sent. */
  async function byPrometheus(...terms: string[]): Promise<bigint> {
    const seq = sumOf(await scrape(program.url), 'marginwatch_ledger_sequence') / 1_000_000_000n
    await prometheus.until('marginwatch_ledger_sequence', ([one]) => Number(one?.value[1]) >= Number(seq))
    const [found] = await prometheus.query(terms.map((term) => `sum(${term})`).join(' + '))
    return BigInt(Math.round(Number(found?.value[1]) * 1e9))
  }

  async function bothWays(sums: Sums): Promise<void> {
    expect(byPage(await scrape(program.url))).toEqual(all(sums))
    expect(await byPrometheus('llm_customer_cost_usd_total', 'llm_customer_cost_retired_usd_total')).toBe(sums.cost)
    expect(await byPrometheus('llm_cost_usd_total')).toBe(sums.cost)
    expect(await byPrometheus('llm_requests_total')).toBe(sums.calls * 1_000_000_000n)
  }

  it('shows the same sum over customers, over tiers and models, and in SQL, to the nano-dollar, before and after kill -9', async () => {
    await send(900)
    const page = await scrape(program.url)
    const customers = new Set(
      page.families
        .find(({ name }) => name === 'llm_customer_cost_usd_total')
        ?.samples.map(({ labels }) => labels.customer),
    )
    expect(customers).toContain('other')
    for (const old of OLD_CUSTOMERS) expect(customers).not.toContain(old)
    expect(sumOf(page, 'llm_customer_cost_retired_usd_total')).toBe(1_000_000_007n * BigInt(SLOTS))
    const before = byPage(page)
    await bothWays({ cost: before.byTierAndModel, calls: BigInt(sent + SLOTS) })
    const { port } = program
    await program.kill()
    const kept = await bySqlOfCopy(data, join(folder.path, 'copy'))
    expect(before).toEqual(all(kept))

    program = await start(port)
    expect(byPage(await scrape(program.url))).toEqual(before)
    await bothWays(kept)
    await send(600)
    const after = byPage(await scrape(program.url))
    await bothWays({ cost: after.byTierAndModel, calls: BigInt(sent + SLOTS) })
    for (const name of COUNTERS) expect(await prometheus.query(`resets(${name}[1h]) > 0`), name).toEqual([])
    expect(await program.stop()).toBe(0)
    expect(after).toEqual(all(await bySql(data)))
    program = await start(port)
  })

  it('gives promtool no cause for complaint but by usual names of the process that are not ours', async () => {
    const { text } = await scrape(program.url)
    const { stdout, stderr } = await run(promtool, ['check', 'metrics'], { input: text })
    const findings = `${stdout}${stderr}`.trim().split('\n')
    expect(findings.filter((line) => !/^nodejs_active_/.test(line))).toEqual([])
    expect(text).toContain('llm_cost_usd_total{')
  })
})
