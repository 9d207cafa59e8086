import fc from 'fast-check'
import { expect, it } from 'vitest'
import { METRICS, type Metric } from '../../src/catalogue.ts'
import { processMetrics } from '../../src/views/metrics/process.ts'
import type { Family } from '../../src/views/metrics/sample.ts'
import { expose } from '../support/expose.ts'
import { goldenFamilies } from '../support/golden.ts'
import { describeWith } from '../support/installed.ts'
import { run } from '../support/run.ts'

/** Every metric of the catalogue with one series. */
function catalogue(): Family[] {
  return Object.values<Metric>(METRICS).map((metric) => {
    const labels = metric.labels.map((name) => `some ${name}`)
    const counts = new Array<number>((metric.buckets?.length ?? 0) + 1).fill(1)
    const sample = metric.type === 'histogram' ? { labels, counts, sum: '1' } : { labels, value: '1' }
    return { metric, samples: [sample] } as Family
  })
}

describeWith(['promtool'], 'promtool check metrics', ([promtool]) => {
  const check = (input: string) => run(promtool, ['check', 'metrics'], { input })
  const CLEAN = { code: 0, stdout: '', stderr: '' }

  it('has no word against the golden page', async () => {
    expect(await check(await expose(goldenFamilies()))).toEqual(CLEAN)
  })

  it('has no word against any name and help of the catalogue', async () => {
    expect(await check(await expose(catalogue()))).toEqual(CLEAN)
  })

  it("reads the process's own metrics and finds fault only with usual names that are not ours to change", async () => {
    const { code, stdout, stderr } = await check(await expose(await processMetrics().read()))
    const findings = `${stdout}${stderr}`.trim().split('\n')
    expect({ code, others: findings.filter((line) => !line.startsWith('nodejs_active_')) }).toEqual({
      code: 3,
      others: [],
    })
  })

  it('reads any label value', async () => {
    const metric = { name: 'g_usd', type: 'gauge', help: 'A gauge.', labels: ['a'] } as const
    const values = fc.uniqueArray(fc.string({ unit: 'binary' }), { minLength: 50, maxLength: 200 })
    await fc.assert(
      fc.asyncProperty(values, async (values) => {
        const samples = values.map((value) => ({ labels: [value], value: '1' }))
        expect(await check(await expose([{ metric, samples }]))).toEqual(CLEAN)
      }),
      { numRuns: 20 },
    )
  })
})
