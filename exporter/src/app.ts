import { join } from 'node:path'
import express from 'express'
import type { Logger } from 'pino'
import { keepPrices, type PriceKeeper } from './app/prices.ts'
import { isUsed, metricHealth, sourceState } from './app/source-state.ts'
import { startUpkeep } from './app/upkeep.ts'
import { createCalendar } from './calendar.ts'
import { LABEL_BOUNDS, METRICS } from './catalogue.ts'
import { errorHandler } from './http/errors.ts'
import { securityHeaders } from './http/headers.ts'
import { hostCheck } from './http/host.ts'
import { admittance, bearerKey } from './http/keys.ts'
import { notFound } from './http/problem.ts'
import { createServer, type Listening } from './http/server.ts'
import { openDuckdbLedger } from './ledger/duckdb/open.ts'
import type { Ledger } from './ledger/ledger.ts'
import { isLoopback } from './loopback.ts'
import type { Policy } from './policy/policy.ts'
import { sources } from './sources/index.ts'
import { runSources } from './sources/runner.ts'
import { createActivity } from './views/metrics/activity.ts'
import { HISTOGRAM_SPECS } from './views/metrics/distributions.ts'
import { createHistogram } from './views/metrics/histogram.ts'
import { houseCollector } from './views/metrics/house.ts'
import { openLedgerView } from './views/metrics/ledger-view.ts'
import { processMetrics } from './views/metrics/process.ts'
import { metricsRouter } from './views/metrics/routes.ts'
import { sourcesCollector } from './views/metrics/sources.ts'
import { healthRouter } from './views/health/router.ts'
import { createPageReader } from './views/page/reader.ts'
import { pageRouter } from './views/page/router.ts'

/** The policy that the program follows; `current` is asked again for each decision. */
export interface PolicyInForce {
  current(): Policy
  lastReload(): { readonly ok: boolean; readonly problems: readonly string[] }
  /** Calls back when a new policy is in force. */
  onChange(listener: () => void): void
}

export interface AppOptions {
  readonly policy: PolicyInForce
  /** Folder of the ledger and of what lies beside it. */
  readonly directory: string
  /** Whether the numbers are those of the demonstration. */
  readonly demo: boolean
  readonly log: Logger
  readonly now: () => number
  readonly random: () => number
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  /** Runs when the ledger is open and nothing is shown yet. */
  readonly prepare?: (tools: Prepare) => Promise<void>
}

export interface Prepare {
  readonly ledger: Ledger
  readonly policy: () => Policy
  readonly prices: PriceKeeper
}

export interface App {
  /** Where people reach it. */
  readonly url: string
  readonly ledger: Ledger
  /** Finishes what runs, writes what waits, and ends everything, last opened first. Rejects with the first error. */
  close(): Promise<void>
}

/** Builds everything in order and listens. What was opened is closed again when a later step fails. */
export async function startApp(options: AppOptions): Promise<App> {
  const closers: (() => Promise<unknown>)[] = []
  const close = async () => {
    const failures: unknown[] = []
    for (const closer of closers.splice(0).reverse()) await closer().catch((cause: unknown) => failures.push(cause))
    if (failures.length > 0) throw failures[0]
  }
  try {
    return { ...(await build(options, (closer) => closers.push(closer))), close }
  } catch (cause) {
    await close().catch(() => undefined)
    throw cause
  }
}

async function build(
  options: AppOptions,
  onClose: (closer: () => Promise<unknown>) => void,
): Promise<Omit<App, 'close'>> {
  const { log, now, demo } = options
  const policy = options.policy.current
  const startedAt = now()
  const calendar = createCalendar(policy().timezone)
  const commits = createHistogram(METRICS.ledgerCommit, { places: 6, created: startedAt })
  const ledger = await openDuckdbLedger({
    file: join(options.directory, 'ledger.duckdb'),
    calendar,
    bounds: { ...LABEL_BOUNDS, customer: policy().metrics.customers },
    customerIdleMs: policy().metrics.customerIdleMs,
    dedupeWindowMs: policy().ledger.dedupeWindowMs,
    histograms: HISTOGRAM_SPECS,
    now,
    onCommit: (ms) => commits.observe(Math.round(ms * 1000)),
    onHealth: ({ writable, reason }) => {
      if (writable) log.info('the ledger can be written again')
      else log.error({ reason }, 'the ledger cannot be written; what is sent is answered with 503 until it can')
    },
  })
  onClose(() => ledger.close())
  const prices = keepPrices({ policy, log, now })
  options.policy.onChange(prices.rebuild)
  await options.prepare?.({ ledger, policy, prices })

  const running = runSources(sources(), ledger.append, {
    policy,
    log,
    now,
    random: options.random,
    sleep: options.sleep,
    memory: { get: ledger.recall, set: ledger.remember },
    directory: options.directory,
    prices: prices.current,
  })
  const used = () => running.health().filter(({ name }) => isUsed(name, policy()))
  const catchingUp = () => used().some((source) => source.catchingUp)
  const states = () => used().map((source) => sourceState(source, policy(), now(), startedAt))
  const view = await openLedgerView(ledger, calendar, now, catchingUp)
  onClose(view.close)
  const activity = createActivity(ledger, calendar, now)
  const { host, port } = policy().server
  const loopback = isLoopback(host)
  const keys = () => policy().server.keys
  const page = createPageReader(ledger, calendar, now, {
    demo,
    sources: states,
    ledger: ledger.health,
    intake: () => ({ url: `${server.url}/v1/sources/litellm`, keyed: keys().ingest !== null }),
    tiers: () => new Map(Object.entries(policy().tiers).map(([name, tier]) => [name, tier.price])),
  })

  const app = express().disable('x-powered-by').disable('etag')
  const reader = bearerKey({ keys, role: 'reader', loopback })
  app.use(securityHeaders, hostCheck({ keys, loopback }))
  app.use(
    healthRouter({
      now,
      read: () => ({
        ledger: ledger.health(),
        sources: states(),
        policy: options.policy.lastReload(),
        catchingUp: catchingUp(),
      }),
      mayRead: (req) => ['open', 'admitted'].includes(admittance(req, { keys, role: 'reader', loopback })),
    }),
  )
  app.use(running.routes)
  app.use('/metrics', reader)
  app.use(
    metricsRouter({
      collectors: [
        view,
        activity,
        sourcesCollector(() => used().map((source) => metricHealth(source, startedAt))),
        houseCollector(() => ({
          ledger: ledger.health(),
          policyAccepted: options.policy.lastReload().ok,
          priceBooks: prices.ages(),
          demo,
          commits,
        })),
      ],
      early: [processMetrics()],
      log,
      now,
    }),
  )
  app.use(['/page', '/'], reader)
  app.use(pageRouter({ read: page.read }))
  app.use(notFound)
  app.use(
    errorHandler({ log: (error, req) => log.error({ err: error, path: req.path }, 'a request failed by our fault') }),
  )
  const server: Listening = await createServer({ app, host, port })
  onClose(server.close)
  await running.open()
  onClose(running.close)
  const upkeep = startUpkeep({
    ledger,
    calendar,
    policy,
    prices,
    log,
    now,
    refresh: [
      { name: 'reading the page', ms: 1_000, run: page.refresh },
      { name: 'reading activity', ms: 5_000, run: activity.refresh },
    ],
  })
  onClose(upkeep.close)
  return { url: server.url, ledger }
}
