import { Router } from 'express'
import {
  type Close,
  EVENT_RESULTS,
  type EventResult,
  type GatewayHealth,
  type QueueReading,
  type Recorder,
  type Source,
  type SourceDeps,
  type SourceReport,
} from './source.ts'

/** How a source is doing, for metrics, `/readyz` and the page. Times are epoch milliseconds. */
export interface SourceHealth {
  readonly name: string
  /** Null while it has neither succeeded nor failed. */
  readonly up: boolean | null
  readonly lastSuccess: number | null
  /** Why it last failed, in a sentence; stays after it has recovered. */
  readonly lastError: string | null
  readonly lastErrorAt: number | null
  /** What is worth knowing though it is well, in a sentence. */
  readonly note: string | null
  readonly catchingUp: boolean
  readonly events: Readonly<Record<EventResult, number>>
  /** Null where no gateway reports to it. */
  readonly gateway: GatewayHealth | null
}

export interface RunningSources {
  /** The endpoints of all sources; mounted by the app at `/`. */
  readonly routes: Router
  /** A copy of how each is doing, in their order. */
  health(): SourceHealth[]
  /** How full the queues of the neighbours are that tell of them. */
  queues(): readonly QueueReading[]
  /** Starts all; resolves when each was tried once. Never rejects: one that fails is tried again and stops no other. */
  open(): Promise<void>
  /** Stops all, the last one first. */
  close(): Promise<void>
}

type State = { -readonly [K in Exclude<keyof SourceHealth, 'gateway'>]: SourceHealth[K] } & {
  events: Record<EventResult, number>
}

const FIRST_RETRY = 1000
const LONGEST_RETRY = 60_000

/** Runs sources side by side: measures, logs once per change of state, tries to open again with growing pauses. */
export function runSources(
  list: readonly Source[],
  recorder: Recorder,
  base: Omit<SourceDeps, 'report'>,
): RunningSources {
  const stop = new AbortController()
  const units = list.map((source) => unitOf(source, recorder, base, stop.signal))
  const routes = Router()
  for (const unit of units) if (unit.routes) routes.use(unit.routes)
  return {
    routes,
    health: () =>
      units.map(({ state, gateway }) => ({ ...state, events: { ...state.events }, gateway: gateway(base.now()) })),
    queues: () => list.flatMap((source) => source.queues?.(base.now()) ?? []),
    async open() {
      await Promise.all(units.map((unit) => unit.open()))
    },
    async close() {
      stop.abort()
      for (const unit of units.toReversed()) await unit.close()
    },
  }
}

interface Unit {
  readonly state: State
  readonly routes: Router | null
  gateway(now: number): GatewayHealth | null
  open(): Promise<void>
  close(): Promise<void>
}

function unitOf(source: Source, recorder: Recorder, base: Omit<SourceDeps, 'report'>, signal: AbortSignal): Unit {
  const state: State = {
    name: source.name,
    up: null,
    lastSuccess: null,
    lastError: null,
    lastErrorAt: null,
    note: null,
    catchingUp: false,
    events: noEvents(),
  }
  const log = base.log.child({ source: source.name })
  const deps: SourceDeps = { ...base, log, report: reportOf(state, log, base.now) }
  let closer: Close | null = null
  let retrying: Promise<void> = Promise.resolve()

  async function tryOpen(): Promise<boolean> {
    try {
      closer = await source.open(recorder, deps)
      return true
    } catch (error) {
      deps.report.failed(`It cannot be opened: ${error instanceof Error ? error.message : String(error)}`)
      return false
    }
  }

  function routesOf(): Router | null {
    try {
      return source.routes?.(recorder, deps) ?? null
    } catch (error) {
      deps.report.failed(`Its endpoints cannot be set up: ${error instanceof Error ? error.message : String(error)}`)
      return null
    }
  }

  async function retry(): Promise<void> {
    for (let pause = FIRST_RETRY; !signal.aborted; pause = Math.min(LONGEST_RETRY, 2 * pause)) {
      await deps.sleep(pause / 2 + (deps.random() * pause) / 2, signal)
      if (signal.aborted || (await tryOpen())) return
    }
  }

  return {
    state,
    routes: routesOf(),
    gateway: (now) => source.gateway?.(now) ?? null,
    async open() {
      if (!(await tryOpen())) retrying = retry()
    },
    async close() {
      await retrying
      await closer?.().catch((error: unknown) => log.error({ err: error }, 'a source could not be closed cleanly'))
      closer = null
    },
  }
}

function reportOf(state: State, log: SourceDeps['log'], now: () => number): SourceReport {
  return {
    count(result, n = 1) {
      state.events[result] += n
    },
    succeeded() {
      if (state.up === false) log.info('the source is well again')
      state.up = true
      state.lastSuccess = now()
    },
    failed(reason) {
      if (state.up !== false) log.warn({ reason }, 'the source fails')
      state.up = false
      state.lastError = reason
      state.lastErrorAt = now()
    },
    noted(what) {
      if (what !== null && what !== state.note) log.warn({ note: what }, 'the source is not whole')
      state.note = what
    },
    catchingUp(is) {
      if (is !== state.catchingUp) log.info(is ? 'the source is catching up' : 'the source has caught up')
      state.catchingUp = is
    },
  }
}

function noEvents(): Record<EventResult, number> {
  return Object.fromEntries(EVENT_RESULTS.map((result) => [result, 0])) as Record<EventResult, number>
}
