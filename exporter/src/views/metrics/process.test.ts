import { describe, expect, it } from 'vitest'
import { expose } from '../../../test/support/expose.ts'
import { parseExposition, valuesOf } from '../../../test/support/exposition-parser.ts'
import { goldenFamilies } from '../../../test/support/golden.ts'
import { processMetrics } from './process.ts'

describe.each(['text', 'openmetrics'] as const)("the process's own metrics as %s", (format) => {
  it('join ours on one valid page', async () => {
    const page = await expose([...goldenFamilies(), ...(await processMetrics().read())], format)
    const families = parseExposition(page, format)
    const names = families.map(({ name }) => name)
    expect(names).toContain('process_resident_memory_bytes')
    expect(names).toContain('nodejs_eventloop_lag_p99_seconds')
    expect(names).toContain(format === 'text' ? 'process_cpu_seconds_total' : 'process_cpu_seconds')
    expect(names).toContain('llm_call_cost_usd')
    const values = valuesOf(families)
    expect(Number(values.get('process_resident_memory_bytes'))).toBeGreaterThan(10_000_000)
    expect(Number(values.get('process_start_time_seconds'))).toBeGreaterThan(1_700_000_000)
  })
})

describe("the process's own metrics", () => {
  it('leave out what was not measured yet, such as the least delay of none', async () => {
    const page = await expose(await processMetrics().read())
    expect(page).not.toMatch(/NaN|9223372036/)
  })

  it('move from scrape to scrape under the same names', async () => {
    const metrics = processMetrics()
    const first = await metrics.read()
    const second = await metrics.read()
    const metricOf = (families: typeof first) =>
      families.find(({ metric }) => metric.name === 'process_cpu_seconds_total')?.metric
    expect(metricOf(second)).toBe(metricOf(first))
  })
})
