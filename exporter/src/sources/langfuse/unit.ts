import { isDeepStrictEqual } from 'node:util'
import { HttpError } from '../../clients/http.ts'
import type { LangfuseClient, LangfuseSlice } from '../../clients/langfuse.ts'
import type { LangfusePolicy } from '../../policy/policy.ts'
import { GLANCE, pause } from '../litellm/pause.ts'
import { KnownRefusals } from '../litellm/window.ts'
import type { Quarantine } from '../quarantine.ts'
import type { Close, Recorder, SourceDeps } from '../source.ts'
import { checkDays, type Gap } from './completeness.ts'
import { clientFor, type Connection, probe } from './connect.ts'
import { clock, notesOf } from './notes.ts'
import { readSlice } from './pages.ts'
import { createPass, type Pass } from './pass.ts'
import { advanced, type Progress, readProgress, writeProgress } from './progress.ts'
import type { QueueWatch } from './queues.ts'
import { retryOf } from './retry.ts'

export interface UnitOptions {
  /** The project's name in the policy. */
  readonly name: string
  /** Name of the unit. */
  readonly unit: string
  readonly recorder: Recorder
  readonly deps: SourceDeps
  readonly quarantine: Quarantine
  readonly queues: QueueWatch
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** Rows that a slice should bring while what lies behind is read. */
const WANTED_ROWS = 2000
const SHORTEST = MINUTE
/** Clocks of applications may be ahead: rows of so far in the future are read. */
const AHEAD = HOUR
/** A window with more rows than this is read whole only so often; between, its end alone. */
const CHEAP_ROWS = 2000
const WHOLE_EVERY = 5 * MINUTE
const OVERLAP = 2 * MINUTE

/**
 * Reads one project: what lies behind in slices, oldest first, then again and again the window in which rows still appear and
 * change. The watermark moves once the rows before it are durable, so that a restart goes on where it stopped. Returns what ends
 * it, within a moment also in the middle of a call.
 */
export function openUnit(options: UnitOptions): Close {
  const { name, deps } = options
  const stop = new AbortController()
  const settings = () => deps.policy().sources.langfuse.find((one) => one.name === name) ?? null
  const running = run(new Reader(options, stop.signal), settings, options, stop.signal)
  return async () => {
    stop.abort()
    await running
  }
}

async function run(
  reader: Reader,
  settingsNow: () => LangfusePolicy | null,
  { name, deps }: UnitOptions,
  signal: AbortSignal,
): Promise<void> {
  const { report, random } = deps
  // Nothing is said of rates before what lies behind has been read.
  if (settingsNow()?.role === 'spend') report.catchingUp(true)
  for (let failures = 0; !signal.aborted; ) {
    const settings = settingsNow()
    if (settings === null) {
      reader.leave()
      report.catchingUp(false)
      await deps.sleep(GLANCE, signal)
      continue
    }
    const failed = await reader.round(settings).then(
      () => null,
      (error: unknown) => ({ error }),
    )
    if (signal.aborted) break
    let wait = settings.everyMs
    if (failed === null) failures = 0
    else {
      const retry = retryOf(failed.error, failures++, name, random)
      // It may be another server by now.
      if (failed.error instanceof HttpError && failed.error.status === 404) reader.leave()
      if (retry.hopeless) report.catchingUp(false)
      if (retry.patience) report.noted(`Langfuse is not asked again before ${clock(deps.now() + retry.delayMs)}.`)
      report.failed(retry.reason)
      wait = retry.delayMs
    }
    await pause(wait, () => isDeepStrictEqual(settingsNow(), settings), deps, signal)
  }
  reader.leave()
}

/** What is kept from round to round. */
class Reader {
  private readonly options: UnitOptions
  private readonly deps: SourceDeps
  private readonly signal: AbortSignal
  private readonly known = new KnownRefusals()
  private settings: LangfusePolicy | null = null
  private client: LangfuseClient | null = null
  private connection: Connection | null = null
  private live: Pass | null = null
  private length = HOUR
  private lastRead: number | null = null
  private lastWhole = Number.NEGATIVE_INFINITY
  private checkAt = Number.NEGATIVE_INFINITY
  private gaps: readonly Gap[] = []
  private scoresMissing = false
  private checkNote: string | null = null
  private queuesNote: string | null = null

  constructor(options: UnitOptions, signal: AbortSignal) {
    this.options = options
    this.deps = options.deps
    this.signal = signal
  }

  leave(): void {
    this.client?.close()
    this.client = null
    this.connection = null
    this.settings = null
    this.options.queues.forget()
  }

  /** One round: whatever lies behind, then the window. Rejects with what stopped it; what was durable by then stays so. */
  async round(settings: LangfusePolicy): Promise<void> {
    const { report } = this.deps
    const { project } = await this.connect(settings)
    this.queuesNote = await this.options.queues.look(settings, this.signal)
    let progress = await this.progress(project, settings)
    while (this.edge(settings) - progress.watermark > settings.windowMs) {
      if (settings.role === 'spend') report.catchingUp(true)
      progress = await this.behind(progress, settings)
      this.tell(settings, progress)
    }
    progress = await this.window(progress, settings)
    report.catchingUp(false)
    if (this.connection?.counts === true && this.deps.now() >= this.checkAt)
      progress = await this.check(progress, settings)
    this.tell(settings, progress)
  }

  /** What another project, or other keys, said must not stand for these. */
  private async connect(settings: LangfusePolicy): Promise<Connection> {
    if (this.connection !== null && isDeepStrictEqual(this.settings, settings)) return this.connection
    const before = { project: this.connection?.project, role: this.settings?.role }
    this.leave()
    const client = clientFor(settings, this.deps.now)
    this.client = client
    const connection = await probe(client, settings.url, this.deps.now(), this.signal)
    if (connection.project !== before.project || settings.role !== before.role) this.begin()
    this.settings = settings
    this.connection = connection
    return connection
  }

  private begin(): void {
    this.live = null
    this.lastRead = null
    this.lastWhole = Number.NEGATIVE_INFINITY
    this.checkAt = Number.NEGATIVE_INFINITY
    this.gaps = []
    this.scoresMissing = false
    this.checkNote = null
  }

  /** Langfuse's time: its rows are dated by it, or by clocks that are as good. */
  private now(): number {
    const skew = this.client?.skewMs() ?? 0
    // An answer says whole seconds, and has been on its way.
    return this.deps.now() + (Math.abs(skew) > 2 * SECOND ? skew : 0)
  }

  /** Rows that began before this do not change any more. */
  private edge({ windowMs }: LangfusePolicy): number {
    return this.now() - windowMs
  }

  private async progress(project: string, settings: LangfusePolicy): Promise<Progress> {
    const now = this.now()
    const kept = await readProgress(this.deps.memory, project)
    // A watermark ahead of the clock is one that a wrong clock left.
    if (kept !== null) return kept.watermark > now ? { ...kept, watermark: this.edge(settings) } : kept
    const since = Math.min(now - settings.backfillMs, this.edge(settings))
    const first = { since, watermark: since, days: {} }
    await writeProgress(this.deps.memory, project, first)
    return first
  }

  /** Reads one slice of what lies behind, and moves the watermark behind it. */
  private async behind(progress: Progress, settings: LangfusePolicy): Promise<Progress> {
    const slice = { from: progress.watermark, to: Math.min(this.edge(settings), progress.watermark + this.length) }
    const pass = this.newPass(settings)
    await this.read(slice, pass)
    await pass.settle(Infinity, Infinity)
    const rows = pass.size()
    const next = await this.moved(progress, slice.to, pass.forget(Infinity))
    const wanted = ((slice.to - slice.from) * WANTED_ROWS) / Math.max(rows, WANTED_ROWS / 2)
    this.length = Math.max(SHORTEST, Math.min(DAY, Math.floor(wanted)))
    return next
  }

  /** Reads the window again: all of it, or its end where it has very many rows. */
  private async window(progress: Progress, settings: LangfusePolicy): Promise<Progress> {
    const now = this.now()
    const live = this.live ?? this.newPass(settings)
    this.live = live
    const whole = live.size() <= CHEAP_ROWS || now - this.lastWhole >= WHOLE_EVERY || this.lastRead === null
    const from = whole ? progress.watermark : Math.max(progress.watermark, (this.lastRead ?? now) - OVERLAP)
    await this.read({ from: Math.min(from, now), to: now + AHEAD }, live)
    this.lastRead = now
    const edge = Math.max(progress.watermark, now - settings.windowMs)
    await live.settle(now - settings.settleMs, whole ? edge : Number.NEGATIVE_INFINITY)
    if (!whole) return progress
    this.lastWhole = now
    return this.moved(progress, edge, live.forget(edge))
  }

  private async read(slice: LangfuseSlice, pass: Pass): Promise<void> {
    const { store } = this.connected()
    await readSlice(slice, store, (page) => pass.take(page, store), this.signal)
    if (this.scoresMissing) return
    try {
      for await (const page of store.scores(slice, this.signal)) await pass.takeScores(page)
    } catch (error) {
      if (!(error instanceof HttpError) || (error.status !== 404 && error.status !== 403)) throw error
      this.scoresMissing = true
    }
  }

  private async check(progress: Progress, settings: LangfusePolicy): Promise<Progress> {
    const { client, project } = this.connected()
    const reread = async (slice: LangfuseSlice) => {
      const pass = this.newPass(settings)
      await this.read(slice, pass)
      await pass.settle(Infinity, Infinity)
      return pass.size()
    }
    try {
      const { days, gaps } = await checkDays(progress, this.gaps, { client, reread, signal: this.signal })
      this.gaps = gaps
      this.checkNote = null
      this.checkAt = this.deps.now() + settings.metricsEveryMs
      const next = { ...progress, days }
      await writeProgress(this.deps.memory, project, next)
      return next
    } catch (error) {
      // The metrics have limits of their own, much lower ones; the rows are well.
      if (!(error instanceof HttpError) || error.status === null || error.status === 401) throw error
      const wait = Math.max(settings.metricsEveryMs, error.retryAfterMs ?? 0)
      this.checkAt = this.deps.now() + wait
      this.checkNote = `Whether all was read cannot be told before ${clock(this.checkAt)}: ${error.message}.`
      return progress
    }
  }

  private async moved(progress: Progress, watermark: number, rows: ReadonlyMap<string, number>): Promise<Progress> {
    const next = advanced(progress, watermark, rows)
    await writeProgress(this.deps.memory, this.connected().project, next)
    return next
  }

  private newPass(settings: LangfusePolicy): Pass {
    const { recorder, deps, quarantine, unit } = this.options
    const { project } = this.connected()
    const spend = settings.role === 'spend'
    return createPass({ recorder, deps, quarantine, unit, known: this.known, project, signal: this.signal, spend })
  }

  private connected(): Connection {
    if (this.connection === null) throw new Error('no Langfuse is asked')
    return this.connection
  }

  /** It is well, and what is worth knowing all the same. */
  private tell(settings: LangfusePolicy, progress: Progress): void {
    const { report } = this.deps
    const { client, counts, version } = this.connected()
    const { scoresMissing, gaps, checkNote, queuesNote } = this
    const behind = this.edge(settings) - progress.watermark > settings.windowMs
    report.noted(
      notesOf({ behind, skewMs: client.skewMs(), counts, version, scoresMissing, gaps, checkNote, queuesNote }),
    )
    report.succeeded()
  }
}
