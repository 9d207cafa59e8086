import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { LABEL_BOUNDS, METRICS, type Metric } from '../../src/catalogue.ts'
import { STATUSES, BASES, TOKEN_CLASSES } from '../../src/usage.ts'
import { parseExposition } from '../support/exposition-parser.ts'
import { scratch } from '../support/ledger.ts'
import { run } from '../support/run.ts'
import { type Page, sumOf } from '../support/scrape.ts'

const CUSTOMERS = 100_000
const FLOOD = fileURLToPath(new URL('./flood.mjs', import.meta.url))
const MB = 1 << 20

interface Memory {
  readonly calls: number
  readonly heap: number
  readonly external: number
  readonly rss: number
}

interface Report {
  readonly calls: number
  readonly cost: string
  readonly sql: { readonly calls: number; readonly cost: string; readonly customers: number }
  readonly memories: readonly Memory[]
  readonly sameFromSnapshot: boolean
}

/** A bounded label has its values, and beside them `other` and one for what a call does not say. */
const values = (label: keyof typeof LABEL_BOUNDS) => LABEL_BOUNDS[label] + 2
/** Combinations of tier, model, provider and environment, and the one for all that are beyond the bound. */
const SERIES = LABEL_BOUNDS.series + 1

/** How many series a family can have at most, whatever is sent. */
const MOST: Readonly<Record<string, number>> = {
  llm_requests_total: SERIES * STATUSES.length,
  llm_tokens_total: SERIES * TOKEN_CLASSES.length,
  llm_cost_usd_total: SERIES * BASES.length,
  llm_cost_correction_usd_total: 2 * values('tier'),
  llm_operation_cost_usd_total: values('operation'),
  llm_query_type_cost_usd_total: values('query_type'),
  llm_query_type_requests_total: values('query_type'),
  llm_spend_usd: 3 * values('tier'),
  llm_call_cost_usd: 1,
  llm_context_used_ratio: values('model'),
  llm_request_duration_seconds: SERIES,
  llm_time_to_first_token_seconds: SERIES,
  llm_cache_hits_total: values('model'),
  llm_cache_saved_usd_total: values('model'),
  llm_provider_errors_total: values('provider') * values('error_class'),
  llm_fallbacks_total: LABEL_BOUNDS.fallback + 1,
  llm_customer_cost_usd_total: values('customer') * values('tier'),
  llm_customer_requests_total: values('customer') * values('tier'),
  llm_customer_cost_retired_usd_total: values('tier'),
  llm_customer_requests_retired_total: values('tier'),
  llm_agent_cost_usd_total: values('agent'),
  llm_unpriced_requests_total: values('model'),
  llm_unpriced_tokens_total: values('model'),
  llm_session_cost_usd: 1,
  llm_session_calls: 1,
}

const NANOS = 1_000_000_000n

describe(`${CUSTOMERS} customers, 5,000 models and junk in every name`, () => {
  let report: Report
  let page: Page

  beforeAll(async () => {
    const folder = await scratch()
    const { code, stdout, stderr } = await run(process.execPath, ['--expose-gc', FLOOD, folder.path, String(CUSTOMERS)])
    if (code !== 0) throw new Error(`the flood ended with ${code}: ${stderr}`)
    report = JSON.parse(stdout) as Report
    const text = await readFile(join(folder.path, 'page'), 'utf8')
    page = { text, families: parseExposition(text, 'text') }
    await folder.remove()
  })

  it('leave the number of series within its bounds, on a page that a strict reader takes', () => {
    expect(report.sql.customers).toBeGreaterThan(0.9 * CUSTOMERS)
    const counts = page.families.map(({ name, type, samples }) => {
      const series = type === 'histogram' ? samples.filter((sample) => sample.name === `${name}_count`) : samples
      return [name, series.length] as const
    })
    for (const [name, count] of counts) expect(count, name).toBeLessThanOrEqual(MOST[name] ?? 0)
    const known = Object.values<Metric>(METRICS).map(({ name }) => name)
    expect(known).toEqual(expect.arrayContaining(Object.keys(MOST)))
    expect(counts).toContainEqual(['llm_fallbacks_total', MOST.llm_fallbacks_total])
    const customers = page.families.find(({ name }) => name === 'llm_customer_cost_usd_total')?.samples ?? []
    expect(new Set(customers.map(({ labels }) => labels.customer)).size).toBe(values('customer'))
    console.info(`${counts.reduce((sum, [, count]) => sum + count, 0)} series, ${page.text.length} bytes`)
  })

  it('leave every sum exact, and the same for whoever starts from a snapshot', () => {
    const { calls, cost, sql } = report
    expect(calls).toBe(CUSTOMERS)
    expect(sql).toMatchObject({ calls, cost })
    for (const family of ['llm_cost_usd_total', 'llm_customer_cost_usd_total', 'llm_operation_cost_usd_total'])
      expect(String(sumOf(page, family)), family).toBe(cost)
    for (const family of ['llm_requests_total', 'llm_customer_requests_total', 'llm_query_type_requests_total'])
      expect(sumOf(page, family) / NANOS, family).toBe(BigInt(calls))
    expect(report.sameFromSnapshot).toBe(true)
  })

  it('leave memory as it is once what is bounded is full', () => {
    const most = (of: keyof Memory, from: number, to: number) =>
      Math.max(...report.memories.flatMap((one) => (one.calls > from && one.calls <= to ? [one[of]] : []))) / MB
    const grown = (of: keyof Memory) =>
      most(of, 0.7 * CUSTOMERS, CUSTOMERS) - most(of, 0.4 * CUSTOMERS, 0.7 * CUSTOMERS)
    console.info(
      report.memories
        .map((one) => `${one.calls}: heap ${Math.round(one.heap / MB)} MB, RSS ${Math.round(one.rss / MB)} MB`)
        .join('\n'),
    )
    expect(grown('heap')).toBeLessThan(16)
    expect(grown('external')).toBeLessThan(8)
    // What the engine and the collector hold back for later goes up and down by a hundred megabytes.
    expect(grown('rss')).toBeLessThan(200)
  })
})
