import { request } from 'node:http'
import express from 'express'
import pino from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import { parseExposition, valuesOf } from '../../../test/support/exposition-parser.ts'
import { goldenFamilies } from '../../../test/support/golden.ts'
import { type Served, serve } from '../../../test/support/serve.ts'
import { processMetrics } from './process.ts'
import { type MetricsDeps, metricsRouter } from './routes.ts'
import type { Collector, Family, Sample } from './sample.ts'

const NOW = 1_795_305_600_000
const GAUGE = { name: 'g', type: 'gauge', help: 'A gauge.', labels: ['a'] } as const
const golden: Collector = { name: 'golden', collect: goldenFamilies }

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function start(deps: Partial<MetricsDeps>): Promise<Served & { log: { msg: string; level: number }[] }> {
  const log: { msg: string; level: number }[] = []
  const logger = pino({}, { write: (line: string) => log.push(JSON.parse(line)) })
  const app = express().use(metricsRouter({ collectors: [golden], log: logger, now: () => NOW, ...deps }))
  const served = await serve(app)
  closers.push(served.close)
  return { ...served, log }
}

const OPENMETRICS = { accept: 'application/openmetrics-text;version=1.0.0', 'accept-encoding': 'identity' }
const TEXT = { accept: 'text/plain', 'accept-encoding': 'identity' }

async function scrape(url: string, headers: Record<string, string> = TEXT) {
  const response = await fetch(`${url}/metrics`, { headers })
  return { response, page: await response.text() }
}

describe('GET /metrics', () => {
  it.each([
    ['text', TEXT, 'text/plain; version=0.0.4; charset=utf-8'],
    ['openmetrics', OPENMETRICS, 'application/openmetrics-text; version=1.0.0; charset=utf-8'],
  ] as const)('answers in %s to who asks for it, with ours and the process', async (format, headers, type) => {
    const { url } = await start({ early: [processMetrics()] })
    const { response, page } = await scrape(url, headers)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe(type)
    expect(response.headers.get('vary')).toBe('Accept, Accept-Encoding')
    const names = parseExposition(page, format).map(({ name }) => name)
    expect(names).toEqual(
      expect.arrayContaining(['llm_call_cost_usd', 'process_open_fds', 'marginwatch_scrape_render_seconds']),
    )
  })

  it('gives the same page compressed to who takes gzip', async () => {
    const { url } = await start({})
    const plain = await scrape(url)
    const packed = await scrape(url, { ...TEXT, 'accept-encoding': 'gzip' })
    expect(plain.response.headers.get('content-encoding')).toBe(null)
    expect(packed.response.headers.get('content-encoding')).toBe('gzip')
    const product = (page: string) => page.split('\n').filter((line) => line.startsWith('llm_'))
    expect(product(packed.page)).toEqual(product(plain.page))
  })

  it('answers HEAD with the headers of GET and does no work for it', async () => {
    let asked = 0
    const collect = () => {
      asked++
      return []
    }
    const { url } = await start({ collectors: [{ name: 'counting', collect }] })
    const response = await fetch(`${url}/metrics`, {
      method: 'HEAD',
      headers: { ...OPENMETRICS, 'accept-encoding': 'gzip' },
    })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toContain('application/openmetrics-text')
    expect(response.headers.get('content-encoding')).toBe('gzip')
    expect(await response.text()).toBe('')
    expect(asked).toBe(0)
  })

  it('reads all collectors in one stretch, so that a page is of one moment', async () => {
    let moment = 0
    const reader = (name: string): Collector => ({
      name,
      *collect(): Iterable<Family> {
        // Whoever gets a turn between two readings moves the moment on.
        setImmediate(() => moment++)
        queueMicrotask(() => moment++)
        yield { metric: { ...GAUGE, name }, samples: [{ labels: [''], value: String(moment) }] }
      },
    })
    const { url } = await start({ collectors: ['a', 'b', 'c'].map(reader) })
    for (let i = 0; i < 5; i++) {
      const values = valuesOf(parseExposition((await scrape(url)).page, 'text'))
      expect(new Set(['a', 'b', 'c'].map((name) => values.get(`${name}{a=""}`))).size).toBe(1)
    }
  })

  it('keeps scrapes at once apart, whole and equal', async () => {
    const samples = Array.from({ length: 3_000 }, (_, i): Sample => ({ labels: [String(i)], value: String(i) }))
    const { url } = await start({ collectors: [{ name: 'many', collect: () => [{ metric: GAUGE, samples }] }] })
    const pages = await Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        scrape(url, { ...(i % 2 ? OPENMETRICS : TEXT), 'accept-encoding': i % 3 ? 'gzip' : 'identity' }),
      ),
    )
    for (const [i, { page }] of pages.entries()) {
      const [family] = parseExposition(page, i % 2 ? 'openmetrics' : 'text')
      expect(family?.samples.map(({ value }) => value)).toEqual(samples.map(({ value }) => value))
    }
  })
})

describe('a collector that fails', () => {
  const failing = (state: { broken: boolean }): Collector => ({
    name: 'shaky',
    *collect() {
      yield { metric: GAUGE, samples: [{ labels: ['x'], value: '1' }] }
      if (state.broken) throw new Error('no such row')
    },
  })

  it('costs its own families only, is counted, and is logged once when it starts and once when it ends', async () => {
    const state = { broken: true }
    const { url, log } = await start({ collectors: [failing(state), golden] })
    const pages: Map<string, string>[] = []
    for (const broken of [true, true, false, false]) {
      state.broken = broken
      pages.push(valuesOf(parseExposition((await scrape(url)).page, 'text')))
    }
    expect(pages.map((page) => page.get('g{a="x"}'))).toEqual([undefined, undefined, '1', '1'])
    expect(pages.every((page) => page.get('llm_spend_usd{period="day",tier="pro"}') === '12.5')).toBe(true)
    const errors = (name: string) =>
      pages.map((page) => page.get(`marginwatch_collector_errors_total{collector="${name}"}`))
    expect(errors('shaky')).toEqual(['1', '2', '2', '2'])
    expect(errors('golden')).toEqual(['0', '0', '0', '0'])
    expect(log.map(({ msg }) => msg)).toEqual([
      'metrics of shaky are left out of the scrape: no such row',
      'metrics of shaky are complete again',
    ])
  })

  it('is found out as well when it hands in a family twice or what must be waited for does not come', async () => {
    const twice: Collector = {
      name: 'twice',
      collect: () => [...goldenFamilies().slice(0, 1), ...goldenFamilies().slice(0, 1)],
    }
    const early = { name: 'early', read: async () => Promise.reject(new Error('gone')) }
    const { url, log } = await start({ collectors: [twice], early: [early] })
    await scrape(url)
    const values = valuesOf(parseExposition((await scrape(url)).page, 'text'))
    // A family's fault shows while the page is being written: the page after it counts it.
    expect(values.get('marginwatch_collector_errors_total{collector="twice"}')).toBe('1')
    expect(values.get('marginwatch_collector_errors_total{collector="early"}')).toBe('2')
    expect(log.map(({ msg }) => msg)).toEqual([
      'metrics of early are left out of the scrape: gone',
      'metrics of twice are left out of the scrape: llm_requests_total: two families have this name; a collector must hand it in once',
    ])
  })
})

describe('the time of a scrape', () => {
  it('is observed when the page was rendered to its end', async () => {
    let tick = 0n
    const { url } = await start({ ticks: () => (tick += 6_000_001n) })
    await scrape(url)
    const values = valuesOf(parseExposition((await scrape(url)).page, 'text'))
    expect(values.get('marginwatch_scrape_render_seconds_sum')).toBe('0.006000001')
    expect(values.get('marginwatch_scrape_render_seconds_bucket{le="0.005"}')).toBe('0')
    expect(values.get('marginwatch_scrape_render_seconds_bucket{le="0.01"}')).toBe('1')
  })

  it('ends early when the client hangs up, and the next scrape is whole', async () => {
    const samples = Array.from({ length: 200_000 }, (_, i): Sample => ({ labels: [`series-${i}`], value: '1' }))
    const { address, url, log } = await start({
      collectors: [{ name: 'many', collect: () => [{ metric: GAUGE, samples }] }],
    })
    await hangUpAfterFirstBytes(`http://${address}/metrics`)
    samples.length = 3
    const { page } = await scrape(url)
    expect(page).toContain('g{a="series-2"} 1\n')
    // The page that nobody waited for was not rendered to its end.
    expect(page).toContain('marginwatch_scrape_render_seconds_count 0\n')
    expect(log).toEqual([])
  })
})

/** Resolves when the connection is gone. */
function hangUpAfterFirstBytes(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request(url, (response) => {
      response.once('data', () => response.destroy())
      response.once('close', resolve)
    })
    asked.once('error', reject)
    asked.end()
  })
}
