import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { type App, startApp } from '../../src/app.ts'
import { createCalendar } from '../../src/calendar.ts'
import { readMonth } from '../../src/margin/fold.ts'
import type { MonthMargin } from '../../src/margin/month.ts'
import { marginLedger } from '../../src/margin/rows.ts'
import { watchPolicy } from '../../src/policy/file.ts'
import { formatProblem } from '../../src/policy/problem.ts'
import { targetAt } from '../../src/policy/tiers.ts'
import { createRosterFold } from '../../src/roster/fold.ts'
import { type Ended, tellEnd } from '../support/decisions.ts'
import { type DockerEngine, type StandInContainer, startEngine } from '../support/docker-engine.ts'
import { eventually } from '../support/eventually.ts'
import { scratch } from '../support/ledger.ts'
import { type Page, scrape } from '../support/scrape.ts'

const HOUR = 3_600_000

export interface MarginProgramOptions {
  /** When it starts first, epoch milliseconds. */
  readonly now: number
  /** The policy's blocks, YAML. `docker` is the block of the engine of containers that stands beside it. */
  readonly policy: (docker: string) => string
  /** The roster file; without it there is none. */
  readonly customers?: string
}

/** The program on a disk of its own: policy, roster file, ledger, and an engine of containers, in a time that only the test moves. */
export interface MarginProgram {
  readonly now: number
  /** The one that runs now. */
  readonly app: App
  readonly engine: DockerEngine
  /** What was logged, all starts together. */
  readonly logged: readonly string[]
  /** Lets time pass, containers being read every hour and at the end; resolves when they were. */
  to(at: number): Promise<void>
  /** The gateway tells of calls that have ended. */
  calls(calls: readonly Ended[]): Promise<void>
  /** Starts a container now, with so many processors always busy and so much memory in use. */
  run(service: string, processors: number, memory: number): void
  /** Edits the policy file; resolves when the program goes by it. */
  policy(blocks: (docker: string) => string): Promise<void>
  /** Edits the roster file. A program that runs sees it by and by. */
  customers(text: string): Promise<void>
  /** Asks again and again, while the clock stands still, until there is an answer that is not null. */
  eventually<T>(what: string, ask: () => Promise<T | null> | T | null): Promise<T>
  stop(): Promise<void>
  start(): Promise<void>
  scrape(): Promise<Page>
  /** The changing part of the page, as a browser gets it. */
  page(): Promise<string>
  /** Any month that lies in the ledger, by the roster that lies there too: the one of a day, `2026-10-01`. */
  month(day: string): Promise<MonthMargin>
  close(): Promise<void>
}

export async function startMarginProgram(options: MarginProgramOptions): Promise<MarginProgram> {
  const folder = await scratch()
  const naps = createNaps(options.customers === undefined ? 3 : 4)
  const config = join(folder.path, 'policy.yaml')
  const roster = join(folder.path, 'customers.csv')
  let now = options.now
  const engine = await startEngine(() => now)
  const logged: string[] = []
  const log = pino({ base: null }, { write: (line: string) => void logged.push(line) })
  const docker = `docker: { url: "${engine.url}", every: 5s, record: 1h }`
  const write = (blocks: (docker: string) => string) =>
    writeFile(config, `version: 1\nserver: { port: 0 }\n${blocks(docker)}`)
  await write(options.policy)
  if (options.customers !== undefined) await writeFile(roster, options.customers)

  let app: App
  let closing: () => Promise<void>
  let taken = 0
  const start = async () => {
    const listeners: (() => void)[] = []
    const file = await watchPolicy({
      path: config,
      mustExist: true,
      env: {},
      log,
      now: () => now,
      sleep: (ms, signal) => pause(Math.min(ms, 20), undefined, { signal }).catch(() => undefined),
      onChange: () => {
        taken++
        for (const listener of listeners) listener()
      },
    })
    app = await startApp({
      policy: {
        current: file.current,
        lastReload: () => ({ ...file.lastReload(), problems: file.lastReload().problems.map(formatProblem) }),
        onChange: (listener) => void listeners.push(listener),
      },
      directory: folder.path,
      demo: false,
      log,
      now: () => now,
      random: () => 0.5,
      sleep: naps.sleep,
    })
    closing = async () => {
      await app.close()
      await file.close()
    }
    policyNow = file.current
    await naps.all()
  }
  let policyNow: Awaited<ReturnType<typeof watchPolicy>>['current']
  const wakeAt = async (at: number) => {
    await naps.all()
    now = at
    naps.wake()
    await naps.all()
  }
  await start()
  return {
    get now() {
      return now
    },
    get app() {
      return app
    },
    engine,
    logged,
    async to(at) {
      while (now < at) await wakeAt(Math.min(at, now + HOUR))
    },
    async calls(calls) {
      for (const call of calls) await tellEnd(app.url, call)
    },
    run(service, processors, memory) {
      const startedAt = now
      const container: StandInContainer = {
        id: `${service}${startedAt}`,
        name: service,
        startedAt: new Date(startedAt).toISOString(),
        // Nanoseconds of one processor.
        get cpu() {
          return (now - startedAt) * 1e6 * processors
        },
        memory,
      }
      engine.containers.push(container)
    },
    async policy(blocks) {
      const before = taken
      await write(blocks)
      await eventually('the policy', () => (taken > before ? true : null))
    },
    customers: (text) => writeFile(roster, text),
    eventually: (what, ask) =>
      eventually(what, async () => {
        await wakeAt(now)
        return ask()
      }),
    stop: () => closing(),
    start,
    scrape: () => scrape(app.url),
    async page() {
      const answer = await fetch(`${app.url}/page/fragment`)
      return answer.text()
    },
    async month(day) {
      const policy = policyNow()
      const fold = createRosterFold(app.ledger)
      await fold.open()
      const targets = Object.keys(policy.tiers).map((name) => [name, { target: targetAt(policy, name, now) }])
      const deps = {
        calendar: createCalendar(policy.timezone),
        now: () => now,
        timeline: () => fold.timeline,
        policy: () => ({ margin: policy.margin, tiers: Object.fromEntries(targets) }),
        missing: () => null,
      }
      const read = await readMonth(marginLedger(app.ledger), deps, Date.parse(`${day}T00:00Z`) / (24 * HOUR))
      await fold.close()
      return read
    },
    async close() {
      await closing()
      await engine.close()
      await folder.remove()
    },
  }
}

/** Sleep from which only the test wakes: `all` resolves when so many sleep, and nothing goes on by itself any more. */
function createNaps(sleepers: number) {
  const asleep = new Set<() => void>()
  const watchers: (() => void)[] = []
  return {
    sleep(_ms: number, signal: AbortSignal): Promise<void> {
      if (signal.aborted) return Promise.resolve()
      return new Promise((resolve) => {
        const wake = () => {
          signal.removeEventListener('abort', wake)
          asleep.delete(wake)
          resolve()
        }
        signal.addEventListener('abort', wake)
        asleep.add(wake)
        for (const watcher of watchers.splice(0)) watcher()
      })
    },
    wake() {
      for (const wake of [...asleep]) wake()
    },
    async all(): Promise<void> {
      while (asleep.size < sleepers) await new Promise<void>((resolve) => watchers.push(resolve))
    },
  }
}
