import { type LitellmClient, litellmClient } from '../../clients/litellm.ts'
import type { LitellmPoll } from '../../policy/policy.ts'
import type { Close, SourceDeps } from '../source.ts'
import { GLANCE, pause } from './pause.ts'
import { retryOf } from './retry.ts'
import type { SliceTarget } from './slice.ts'
import { countRows, KnownRefusals, readWindow, type Window } from './window.ts'

/** Name under which the poll remembers up to when the spend log was read, in epoch milliseconds. */
export const WATERMARK = 'litellm.poll.watermark'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
/** A moment is read together with what follows it within this, so that a poll every few seconds costs no more. */
const SHORTEST = MINUTE
const LONGEST = 24 * HOUR
/** Rows that a window should bring while catching up. */
const WANTED_ROWS = 2000
/** Behind by more than this (and two rounds), the poll is catching up. */
const BEHIND = 3 * MINUTE
/** Without push, each moment is looked at again for this long, since a row appears only after its call has ended. */
const RECENT = 2 * MINUTE
/** A row may appear hours after its call began; so far back it is looked for, once an hour. */
const LATE = 3 * HOUR

interface ReadWindow extends Window {
  /** Rows that it held; null when it was read by an earlier run. */
  rows: number | null
}

/**
 * Reads the spend log behind the push: it repairs what a push lost, and is the source itself where there is no push.
 *
 * - The first start reads back `backfillMs`, window by window, before it goes live; a restart goes on where it stopped.
 * - Live, a window is read once, when it is older than `lagMs`, so that its rows are there; then the watermark moves, after
 *   the rows are durable. While nothing is pushed, the last minutes are read too, again and again.
 * - Once an hour the windows of the last hours are counted, and read again where rows have come late.
 * - An error is told once per change of state, and waited out by the table in retry.ts.
 */
export class Poll {
  private readonly target: SliceTarget
  private readonly deps: SourceDeps
  private readonly pushing: () => boolean
  private readonly stop = new AbortController()
  private readonly known = new KnownRefusals()
  private connection: { settings: LitellmPoll; client: LitellmClient } | null = null
  private windows: ReadWindow[] = []
  private started = false
  private length = HOUR
  private recentTo: number | null = null
  private lateAt = 0
  /** Windows in which late rows are still to be looked for this hour. */
  private due: ReadWindow[] = []

  constructor(target: SliceTarget, pushing: () => boolean) {
    this.target = target
    this.deps = target.deps
    this.pushing = pushing
  }

  /** Starts reading; returns what ends it, within a moment also in the middle of a call. */
  open(): Close {
    // Nothing is said of rates before what lies behind has been read.
    if (this.deps.policy().sources.litellm.poll !== null) this.deps.report.catchingUp(true)
    const running = this.run()
    return async () => {
      this.stop.abort()
      await running
      this.connection?.client.close()
    }
  }

  private async run(): Promise<void> {
    const { signal } = this.stop
    for (let failures = 0; !signal.aborted; ) {
      const settings = this.deps.policy().sources.litellm.poll
      if (settings === null) {
        this.deps.report.catchingUp(false)
        await this.deps.sleep(GLANCE, signal)
        continue
      }
      const failed = await this.round(settings)
      failures = failed === null ? 0 : failures + 1
      const wait = failed === null ? settings.everyMs : await this.tell(failed.error, failures - 1, settings)
      await pause(wait, () => this.deps.policy().sources.litellm.poll === settings, this.deps, signal)
    }
  }

  private async round(settings: LitellmPoll): Promise<{ error: unknown } | null> {
    try {
      await this.readAll(settings)
      this.deps.report.succeeded()
      return null
    } catch (error) {
      return { error }
    }
  }

  /** Reports a failure; returns how long to wait. */
  private async tell(error: unknown, failures: number, settings: LitellmPoll): Promise<number> {
    if (this.stop.signal.aborted) return 0
    const retry = retryOf(error, failures, this.deps.random)
    // There will be no back-fill until somebody acts; what is pushed must not stay hidden until then.
    if (retry.hopeless) this.deps.report.catchingUp(false)
    const version = retry.drift
      ? await this.client(settings)
          .version(this.stop.signal)
          .catch(() => null)
      : null
    const found = version === null ? '' : ` Its version is ${version}; 1.106 is known to work.`
    if (!this.stop.signal.aborted) this.deps.report.failed(retry.reason + found)
    return retry.delayMs
  }

  private async readAll(settings: LitellmPoll): Promise<void> {
    let watermark = await this.watermark(settings)
    while (this.horizon(settings) - watermark > Math.max(BEHIND, 2 * settings.everyMs)) {
      this.deps.report.catchingUp(true)
      watermark = await this.advance(watermark, settings)
    }
    if (this.horizon(settings) - watermark >= Math.max(SHORTEST, settings.everyMs))
      await this.advance(watermark, settings)
    if (!this.pushing()) await this.readRecent(await this.watermark(settings), settings)
    this.deps.report.catchingUp(false)
    await this.readLate(settings)
  }

  /** Rows of calls that began before this should be there. */
  private horizon(settings: LitellmPoll): number {
    return second(this.deps.now() - settings.lagMs)
  }

  /** Up to when everything has been read. A watermark ahead of the clock is one that a wrong clock left. */
  private async watermark(settings: LitellmPoll): Promise<number> {
    const now = this.deps.now()
    const text = await this.deps.memory.get(WATERMARK)
    const kept = text === null ? Number.NaN : Number(text)
    if (!this.started) {
      this.started = true
      this.lateAt = now + HOUR
      if (Number.isFinite(kept)) this.windows = earlier(kept)
    }
    if (Number.isFinite(kept)) return kept > now ? this.horizon(settings) : second(kept)
    const first = second(now - Math.max(settings.backfillMs, settings.lagMs))
    await this.deps.memory.set(WATERMARK, String(first))
    return first
  }

  /** Reads one window from the watermark on, and moves the watermark behind it once its rows are durable. */
  private async advance(from: number, settings: LitellmPoll): Promise<number> {
    const window = { from, to: Math.min(this.horizon(settings), from + this.length) }
    const rows = await this.read(window, settings)
    await this.deps.memory.set(WATERMARK, String(window.to))
    this.length = nextLength(window, rows)
    this.remember({ ...window, rows })
    return window.to
  }

  /** What begins at the watermark, without what was looked at long enough: a back-fill takes its time, and calls begin meanwhile. */
  private async readRecent(watermark: number, settings: LitellmPoll): Promise<void> {
    const now = this.deps.now()
    const from = this.recentTo === null ? watermark : Math.max(watermark, second(this.recentTo - RECENT))
    await this.read({ from, to: second(now) + SECOND }, settings)
    this.recentTo = now
  }

  /** Looks once an hour for rows that came late. An error ends the round; the next one goes on where it stopped. */
  private async readLate(settings: LitellmPoll): Promise<void> {
    const now = this.deps.now()
    if (this.due.length === 0 && now >= this.lateAt) {
      this.windows = this.windows.filter((window) => window.to > now - LATE - settings.lagMs)
      this.due = [...this.windows]
      this.lateAt = now + HOUR
    }
    for (let window = this.due[0]; window !== undefined; window = this.due[0]) {
      await this.readIfMore(window, settings)
      this.due.shift()
    }
  }

  private async readIfMore(window: ReadWindow, settings: LitellmPoll): Promise<void> {
    const { total } = await countRows(window, this.client(settings), this.stop.signal)
    if (window.rows !== null && total !== null && total <= window.rows) return
    window.rows = Math.max(total ?? 0, await this.read(window, settings))
  }

  private read(window: Window, settings: LitellmPoll): Promise<number> {
    const { target, known } = this
    return readWindow(window, {
      client: this.client(settings),
      target,
      pageSize: settings.pageSize,
      signal: this.stop.signal,
      known,
    })
  }

  private remember(window: ReadWindow): void {
    this.windows.push(window)
    const oldest = window.to - LATE
    while ((this.windows[0]?.to ?? Infinity) < oldest) this.windows.shift()
  }

  private client(settings: LitellmPoll): LitellmClient {
    if (this.connection?.settings === settings) return this.connection.client
    this.connection?.client.close()
    const client = litellmClient({
      baseUrl: settings.url,
      key: settings.key,
      timeoutMs: settings.timeoutMs,
      now: this.deps.now,
    })
    this.connection = { settings, client }
    return client
  }
}

function second(at: number): number {
  return Math.floor(at / SECOND) * SECOND
}

/** Windows that an earlier run has read; how many rows they held is not known any more. */
function earlier(watermark: number): ReadWindow[] {
  const step = 10 * MINUTE
  const count = LATE / step
  return Array.from({ length: count }, (_, i) => {
    const from = second(watermark) - (count - i) * step
    return { from, to: from + step, rows: null }
  })
}

/** As long as should bring the wanted rows: at most twice the last, at least a minute. */
function nextLength({ from, to }: Window, rows: number): number {
  const length = ((to - from) * WANTED_ROWS) / Math.max(rows, WANTED_ROWS / 2)
  return Math.max(SHORTEST, Math.min(LONGEST, second(length)))
}
