import { join } from 'node:path'
import type { Logger } from 'pino'
import { startBackstop } from './app/backstop.ts'
import { startBudgets } from './app/budgets.ts'
import { createForecast } from './app/forecast.ts'
import { startMargin } from './app/margin.ts'
import { createQuality } from './app/quality.ts'
import { createReconciliation } from './app/reconciliation.ts'
import { keepPrices, type PriceKeeper } from './app/prices.ts'
import { pricesNow, rosterState, startRoster } from './app/roster.ts'
import { isReadingTraces, isUsed, metricHealth, sourceState } from './app/source-state.ts'
import { startTraceEvents } from './app/trace-events.ts'
import { startUpkeep } from './app/upkeep.ts'
import { webApp } from './app/web.ts'
import { type Calendar, createCalendar } from './calendar.ts'
import { LABEL_BOUNDS, METRICS } from './catalogue.ts'
import { createServer, type Listening } from './http/server.ts'
import { openDuckdbLedger } from './ledger/duckdb/open.ts'
import type { Ledger } from './ledger/ledger.ts'
import type { Policy } from './policy/policy.ts'
import type { Roster } from './roster/open.ts'
import { createContainers } from './sources/docker/containers.ts'
import { type Neighbours, sources } from './sources/index.ts'
import { createDirectory } from './sources/litellm/directory.ts'
import { type RunningSources, runSources } from './sources/runner.ts'
import type { GatewayHealth } from './sources/source.ts'
import { openEventLines } from './views/events/lines.ts'
import { createActivity } from './views/metrics/activity.ts'
import { backstopCollector } from './views/metrics/backstop.ts'
import { containersCollector } from './views/metrics/containers.ts'
import { HISTOGRAM_SPECS } from './views/metrics/distributions.ts'
import { gatewayCollector } from './views/metrics/gateway.ts'
import { createHistogram, type Histogram } from './views/metrics/histogram.ts'
import { houseCollector } from './views/metrics/house.ts'
import { queuesCollector } from './views/metrics/queues.ts'
import { openLedgerView } from './views/metrics/ledger-view.ts'
import { sourcesCollector } from './views/metrics/sources.ts'
import { createPageReader } from './views/page/reader.ts'

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
    return { ...(await build(options, (closer) => void closers.push(closer))), close }
  } catch (cause) {
    await close().catch(() => undefined)
    throw cause
  }
}

/** The source of containers. */
const DOCKER = 'docker'

type OnClose = (closer: () => Promise<unknown>) => void

async function build(options: AppOptions, onClose: OnClose): Promise<Omit<App, 'close'>> {
  const { log, now, demo } = options
  const policy = options.policy.current
  const calendar = createCalendar(policy().timezone)
  const commits = createHistogram(METRICS.ledgerCommit, { places: 6, created: now() })
  const ledger = await openLedger(options, calendar, commits)
  onClose(ledger.close)
  const prices = keepPrices({ policy, log, now })
  options.policy.onChange(prices.rebuild)
  await options.prepare?.({ ledger, policy, prices })

  const directory = createDirectory()
  const roster = await startRoster(options, ledger, calendar, directory)
  onClose(roster.close)
  const containers = createContainers()
  const running = openSources(options, ledger, prices, { litellm: directory, containers }, roster.tierAt)
  const doing = watchSources(running, policy, now)
  const view = await openLedgerView(ledger, calendar, now, doing.catchingUp)
  onClose(view.close)
  onClose(openEventLines({ ledger, log }))
  const { catchingUp } = doing
  const gateway = () => gatewayOf(running)
  const traces = startTraceEvents(options)
  onClose(traces.close)
  const budgets = startBudgets({
    options,
    ledger,
    calendar,
    prices,
    catchingUp,
    directory,
    gateway,
    traces,
    tierAt: roster.tierAt,
  })
  onClose(budgets.close)
  const backstop = startBackstop(options, budgets.budgets, roster.tierAt)
  onClose(backstop.close)
  const activity = createActivity(ledger, calendar, now)
  const containersReadAt = () => running.health().find(({ name }) => name === DOCKER)?.lastSuccess ?? null
  const margin = await startMargin({
    options,
    ledger,
    calendar,
    timeline: roster.timeline,
    catchingUp,
    containersReadAt,
    containersKnownUntil: await lastMetered(ledger, DOCKER),
  })
  onClose(margin.close)
  const forecast = createForecast({
    ...{ ledger, calendar, now },
    month: margin.month,
    budgets: () => budgets.budgets.numbers().budgets,
  })
  const langfuse = () => policy().sources.langfuse.length > 0
  const reconciliation = createReconciliation({ ledger, calendar, now, asked: langfuse, reading: doing.readingTraces })
  const quality = createQuality({ ledger, now, asked: langfuse, catchingUp })
  onClose(quality.close)
  await quality.count()
  const page = createPageReader(ledger, calendar, now, {
    demo,
    sources: doing.states,
    ledger: ledger.health,
    intake: () => ({ url: `${server.url}/v1/sources/litellm`, keyed: policy().server.keys.ingest !== null }),
    budgets: budgets.state,
    margin: () => ({ ...margin.state(), ...forecast.state() }),
    reconciliation: reconciliation.state,
    quality: quality.state,
    tiers: () => pricesNow(policy(), now()),
    ownPrice: (customer) => roster.timeline.at(customer, now())?.price ?? null,
    roster: () => rosterState(roster, calendar, now()),
  })
  const house = houseCollector(() => ({
    ledger: ledger.health(),
    policyAccepted: options.policy.lastReload().ok,
    priceBooks: prices.ages(),
    demo,
    commits,
  }))
  const app = webApp({
    keys: () => policy().server.keys,
    host: policy().server.host,
    log,
    now,
    routes: [running.routes, roster.routes, budgets.budgets.routes],
    collectors: [
      view,
      activity,
      sourcesCollector(doing.metrics),
      gatewayCollector(doing.gateway, now),
      containersCollector(containers.read),
      margin.collector,
      forecast.collector,
      reconciliation.collector,
      quality.collector,
      traces.collector,
      queuesCollector(running.queues),
      budgets.collector,
      backstopCollector(backstop.state),
      house,
    ],
    page: page.read,
    health: () => ({
      ledger: ledger.health(),
      sources: doing.states(),
      policy: options.policy.lastReload(),
      catchingUp: doing.catchingUp(),
    }),
  })
  const server: Listening = await createServer({ app, host: policy().server.host, port: policy().server.port })
  onClose(server.close)
  await running.open()
  onClose(running.close)
  const refresh = [
    { name: 'reading the page', ms: 1_000, run: page.refresh },
    { name: 'reading activity', ms: 5_000, run: activity.refresh },
    { name: 'counting tools', ms: 5_000, run: quality.count },
    { name: 'reading quality', ms: 60_000, run: quality.refresh },
    { name: 'looking after budgets', ms: 1_000, run: budgets.budgets.sweep },
    { name: 'looking at all budgets', ms: 1_000, run: budgets.budgets.refresh },
    { name: 'looking after the roster', ms: 10_000, run: roster.sweep },
    { name: 'comparing with Langfuse', ms: 20_000, run: reconciliation.refresh },
    { name: 'looking ahead', ms: 10_000, run: forecast.refresh },
    { name: 'writing decisions', ms: 10_000, run: async () => budgets.flush() },
  ]
  onClose(startUpkeep({ ledger, beforeRetiring: quality.count, calendar, policy, prices, log, now, refresh }).close)
  // The demonstration's callers would take the first seconds for an outage.
  if (demo) await budgets.opened
  return { url: server.url, ledger }
}

function openLedger(options: AppOptions, calendar: Calendar, commits: Histogram): Promise<Ledger> {
  const { log, now } = options
  const policy = options.policy.current()
  return openDuckdbLedger({
    file: join(options.directory, 'ledger.duckdb'),
    calendar,
    bounds: { ...LABEL_BOUNDS, customer: policy.metrics.customers },
    customerIdleMs: policy.metrics.customerIdleMs,
    dedupeWindowMs: policy.ledger.dedupeWindowMs,
    histograms: HISTOGRAM_SPECS,
    now,
    onCommit: (ms) => commits.observe(Math.round(ms * 1000)),
    onHealth: ({ writable, reason }) => {
      if (writable) log.info('the ledger can be written again')
      else log.error({ reason }, 'the ledger cannot be written; what is sent is answered with 503 until it can')
    },
  })
}

/** What the gateway says of itself; null when none was ever heard of. */
function gatewayOf(running: RunningSources): GatewayHealth | null {
  return running.health().find(({ gateway }) => gateway !== null)?.gateway ?? null
}

function openSources(
  options: AppOptions,
  ledger: Ledger,
  prices: PriceKeeper,
  neighbours: Neighbours,
  tierAt: Roster['tierAt'],
): RunningSources {
  const { log, now, random, sleep, directory } = options
  const policy = options.policy.current
  const memory = { get: ledger.recall, set: ledger.remember }
  return runSources(sources(neighbours, policy()), ledger.append, {
    policy,
    log,
    now,
    random,
    sleep,
    memory,
    directory,
    prices: prices.current,
    tierAt,
    lastMetered: (source) => lastMetered(ledger, source),
    has: ledger.has,
  })
}

/** The end of the last span that was recorded of a source's metering, epoch milliseconds. */
async function lastMetered(ledger: Ledger, source: string): Promise<number | null> {
  const rows = await ledger.query('last_metered')
  const ends = rows.filter((row) => row.source === source).map((row) => Number(row.end))
  return ends.length === 0 ? null : Math.max(...ends)
}

/** How the sources that the policy uses are doing, for each who asks. */
function watchSources(running: RunningSources, policy: () => Policy, now: () => number) {
  const startedAt = now()
  const used = () => running.health().filter(({ name }) => isUsed(name, policy()))
  return {
    catchingUp: () => used().some((source) => source.catchingUp),
    readingTraces: () => used().some(isReadingTraces),
    states: () => used().map((source) => sourceState(source, policy(), now(), startedAt)),
    metrics: () => used().map((source) => metricHealth(source, startedAt)),
    gateway() {
      const gateway = used().find((source) => source.gateway !== null)?.gateway ?? null
      return gateway === null ? null : { ...gateway, since: startedAt }
    },
  }
}
