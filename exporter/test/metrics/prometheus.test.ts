import express from 'express'
import fc from 'fast-check'
import pino from 'pino'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { metricsRouter } from '../../src/views/metrics/routes.ts'
import type { Collector, Sample } from '../../src/views/metrics/sample.ts'
import { goldenFamilies } from '../support/golden.ts'
import { describeWith } from '../support/installed.ts'
import { type Prometheus, startPrometheus } from '../support/prometheus.ts'
import { type Served, serve } from '../support/serve.ts'

const TEXT = { accept: 'text/plain' }
const PLAIN = { 'accept-encoding': 'identity' }
const OPENMETRICS_TYPE = 'application/openmetrics-text'

/** What Prometheus is made to ask for (its own headers where nothing is said), what it then gets, and how many samples. */
const WAYS = [
  { way: 'OpenMetrics, compressed', headers: {}, answer: [OPENMETRICS_TYPE, 'gzip'], samples: 178 },
  { way: 'OpenMetrics, plain', headers: PLAIN, answer: [OPENMETRICS_TYPE, null], samples: 178 },
  { way: 'text, compressed', headers: TEXT, answer: ['text/plain', 'gzip'], samples: 158 },
  { way: 'text, plain', headers: { ...TEXT, ...PLAIN }, answer: ['text/plain', null], samples: 158 },
] as const

const GAUGE = { name: 'wild', type: 'gauge', help: 'A gauge.', labels: ['place', 'value'] } as const
const ODD = [
  '"',
  '\\',
  '\n',
  '\\n',
  '\\"',
  '{a="b"} 1 # EOF',
  ' ',
  '\r\n',
  '\u2028',
  '\u0000',
  '\ufeff',
  ',',
  'é',
  '🙂',
]
const VALUES = [...fc.sample(fc.string({ unit: 'binary', minLength: 1 }), { numRuns: 300, seed: 42 }), ...ODD]

const golden: Collector = { name: 'golden', collect: goldenFamilies }
const wild: Collector = {
  name: 'wild',
  collect: () => [{ metric: GAUGE, samples: VALUES.map((value, i) => ({ labels: [String(i), value], value: '1' })) }],
}

/** Ten thousand series that all show the number of the scrape. */
function moving(): Collector {
  let scrape = 0
  const samples = Array.from({ length: 10_000 }, (_, i): Sample => ({ labels: [String(i), 'x'], value: '0' }))
  const collect = () => {
    scrape++
    for (const sample of samples) sample.value = String(scrape)
    return [{ metric: GAUGE, samples }]
  }
  return { name: 'moving', collect }
}

interface Target extends Served {
  /** Type and encoding of the last answer. */
  last(): readonly [string | undefined, unknown]
}

/** Serves a collector; requests come in with these headers in place of Prometheus's own. */
async function serveMetrics(collector: Collector, headers: Readonly<Record<string, string>> = {}): Promise<Target> {
  let last: readonly [string | undefined, unknown] = [undefined, null]
  const app = express()
  app.use((request, response, next) => {
    Object.assign(request.headers, headers)
    response.once('finish', () => {
      last = [response.get('content-type')?.split(';')[0], response.get('content-encoding') ?? null]
    })
    next()
  })
  app.use(metricsRouter({ collectors: [collector], log: pino({ level: 'silent' }), now: () => 1_795_305_600_000 }))
  return { ...(await serve(app)), last: () => last }
}

describeWith(['prometheus'], 'a real Prometheus', ([program]) => {
  const targets = new Map<string, Target>()
  let prometheus: Prometheus

  beforeAll(async () => {
    for (const { way, headers } of WAYS) targets.set(way, await serveMetrics(golden, headers))
    targets.set('wild as text', await serveMetrics(wild, TEXT))
    targets.set('wild as openmetrics', await serveMetrics(wild))
    targets.set('moving', await serveMetrics(moving()))
    const target = [...targets.values()].map(({ address }) => address)
    prometheus = await startPrometheus({ program, target, scrapeInterval: '1s', features: ['exemplar-storage'] })
    await prometheus.until('sum(up)', (series) => series[0]?.value[1] === String(target.length))
  })

  afterAll(async () => {
    await prometheus?.close()
    for (const { close } of targets.values()) await close()
  })

  const target = (name: string): Target => {
    const found = targets.get(name)
    if (found === undefined) throw new Error(`no target ${name}`)
    return found
  }

  it.each(WAYS)('reads our page as $way, to the last sample', async ({ way, answer, samples }) => {
    const { address, last } = target(way)
    expect(last()).toEqual(answer)
    const numbers = async (name: string, labels = '') => {
      const series = await prometheus.query(`${name}{instance="${address}"${labels}}`)
      return series.map(({ value }) => Number(value[1]))
    }
    expect(await numbers('llm_requests_total', ',status="success",model="gpt-4o"')).toEqual([128])
    expect(await numbers('llm_requests_total', ',model="a \\"quoted\\"\\\\back\\nnew line, ünïcödé 模型 🙂"')).toEqual([
      1,
    ])
    expect(await numbers('llm_cost_usd_total', ',tier="free"')).toEqual([1e-9])
    expect(await numbers('llm_spend_usd', ',period="month"')).toEqual([-0.25])
    expect(await numbers('marginwatch_gateway_dropped_total', ',reason="full"')).toEqual([3])
    expect(await numbers('marginwatch_clock_skew_seconds')).toEqual([-1.25])
    expect(await numbers('llm_call_cost_usd_sum')).toEqual([7.000250001])
    expect(await numbers('llm_call_cost_usd_bucket', ',le=~"1|1.0"')).toEqual([4])
    expect(
      await numbers('', ',__name__=~"(llm|infra|marginwatch_(source|gateway|clock|budgets|decision|holds))_.+"'),
    ).toHaveLength(samples)
  })

  it.each(['text', 'openmetrics'])('gives back any label value as it was, by %s', async (format) => {
    const series = await prometheus.query(`wild{instance="${target(`wild as ${format}`).address}"}`)
    const found = new Map(series.map(({ metric }) => [Number(metric.place), metric.value]))
    expect(VALUES.map((_, i) => found.get(i))).toEqual(VALUES)
  })

  it('takes 10,000 series whole, scrape after scrape, each page of one moment', async () => {
    const { address } = target('moving')
    await prometheus.until(`count(wild{instance="${address}"} > 2)`, (series) => series[0]?.value[1] === '10000')
    const spread = `max(wild{instance="${address}"}) - min(wild{instance="${address}"})`
    expect((await prometheus.query(spread)).map(({ value }) => value[1])).toEqual(['0'])
  })

  it('keeps the exemplars of counters and buckets', async () => {
    const exemplarsOf = async (name: string) => {
      const promql = encodeURIComponent(`${name}{instance="${target('OpenMetrics, compressed').address}"}`)
      const found = await prometheus.api(`query_exemplars?query=${promql}&start=1795305600&end=1795309200`)
      return (found as { exemplars: object[] }[]).flatMap(({ exemplars }) => exemplars)
    }
    const expected = { labels: { trace_id: '0af7651916cd43dd8448eb211c80319c' }, timestamp: 1795305661.007 }
    expect(await exemplarsOf('llm_cost_usd_total')).toEqual([{ ...expected, value: '0.000225' }])
    expect(await exemplarsOf('llm_request_duration_seconds_bucket')).toEqual([{ ...expected, value: '1.234' }])
    expect(await exemplarsOf('llm_call_cost_usd_bucket')).toEqual([{ ...expected, value: '1' }])
  })
})
