import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createGzip } from 'node:zlib'
import { type Request, type Response, Router } from 'express'
import type { Logger } from 'pino'
import { type Captured, capture, captureAll } from './capture.ts'
import { createWriter, type Writer } from './exposition.ts'
import { type ScrapeHealth, scrapeHealth } from './health.ts'
import { CONTENT_TYPE, negotiateFormat, takesGzip } from './negotiate.ts'
import type { EarlyFamilies } from './process.ts'
import type { Collector } from './sample.ts'

export interface MetricsDeps {
  /** In the order of the page. Their names are values of the label `collector`. */
  readonly collectors: readonly Collector[]
  /** Read before the others, e.g. the process's own metrics; last on the page. */
  readonly early?: readonly EarlyFamilies[]
  readonly log: Logger
  /** Epoch milliseconds. */
  readonly now: () => number
  /** A clock that never goes back, in nanoseconds. */
  readonly ticks?: () => bigint
}

/**
 * `GET /metrics`. All collectors are read in one synchronous stretch, so a page belongs to one moment; its text is made in
 * slices while others have their turn. Who may read it is for the app to decide.
 */
export function metricsRouter(deps: MetricsDeps): Router {
  const { collectors, early = [] } = deps
  const names = [...collectors, ...early].map(({ name }) => name)
  const scraper: Scraper = {
    ...deps,
    early,
    ticks: deps.ticks ?? process.hrtime.bigint,
    writer: createWriter(),
    health: scrapeHealth(names, deps),
  }
  return Router().get('/metrics', (request, response) => scrape(scraper, request, response))
}

interface Scraper extends Required<MetricsDeps> {
  readonly writer: Writer
  readonly health: ScrapeHealth
}

async function scrape(scraper: Scraper, request: Request, response: Response): Promise<void> {
  const format = negotiateFormat(request.get('accept'))
  const gzip = takesGzip(request.get('accept-encoding'))
  response.set({ 'Content-Type': CONTENT_TYPE[format], Vary: 'Accept, Accept-Encoding', 'Cache-Control': 'no-store' })
  if (gzip) response.set('Content-Encoding', 'gzip')
  if (request.method === 'HEAD') {
    response.end()
    return
  }
  try {
    const page = Readable.from(renderPage(scraper, format), { objectMode: false })
    // Level 1 takes a third of the time of level 6 for a sixth more bytes, and both work outside the event loop.
    await (gzip ? pipeline(page, createGzip({ level: constants.Z_BEST_SPEED }), response) : pipeline(page, response))
  } catch (error) {
    if (isHangUp(error)) return
    // Part of the page is out; the connection was cut so that nobody takes it for a whole one.
    scraper.log.error({ err: error }, 'a scrape was cut short by an error of the writer')
  }
}

async function* renderPage(scraper: Scraper, format: 'text' | 'openmetrics'): AsyncGenerator<Buffer> {
  const started = scraper.ticks()
  const failing = new Set<string>()
  const fail = (name: string, error: Error) => {
    failing.add(name)
    scraper.health.failed(name, error)
  }
  const owners = await capturePage(scraper, fail)
  yield* scraper.writer.render(owners.keys(), {
    format,
    onFault: (family, error) => fail(owners.get(family) ?? '', error),
  })
  scraper.health.rendered(scraper.ticks() - started, failing)
}

/** Every family of the page with the name of the collector that it is from. */
async function capturePage(
  scraper: Scraper,
  fail: (name: string, error: Error) => void,
): Promise<Map<Captured, string>> {
  const early = await Promise.all(scraper.early.map(readEarly))
  const page = new Map<Captured, string>()
  const add = (name: string, families: readonly Captured[] | Error) => {
    if (families instanceof Error) fail(name, families)
    else for (const family of families) page.set(family, name)
  }
  for (const collector of scraper.collectors) add(collector.name, captureAll(collector))
  for (const { name, families } of early) add(name, families)
  add(scraper.health.collector.name, captureAll(scraper.health.collector))
  return page
}

async function readEarly(early: EarlyFamilies): Promise<{ name: string; families: readonly Captured[] | Error }> {
  const { name } = early
  try {
    return { name, families: (await early.read()).map(capture) }
  } catch (error) {
    return { name, families: error instanceof Error ? error : new Error(String(error)) }
  }
}

function isHangUp(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'
}
