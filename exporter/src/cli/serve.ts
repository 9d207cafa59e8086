import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SingleBar } from 'cli-progress'
import { type Logger, pino } from 'pino'
import { type App, type PolicyInForce, startApp } from '../app.ts'
import { type Demo, type Progress, startDemo } from '../demo.ts'
import { createServer, ListenError } from '../http/server.ts'
import { LedgerUnavailable } from '../ledger/ledger.ts'
import { exposureProblem } from '../policy/exposure.ts'
import { type PolicyFile, PolicyRefused, watchPolicy } from '../policy/file.ts'
import type { Policy } from '../policy/policy.ts'
import { formatProblem } from '../policy/problem.ts'
import { DEFAULT_POLICY, type Surroundings } from './surroundings.ts'

export interface ServeArguments {
  readonly config?: string
  readonly data: string
  readonly host?: string
  readonly port?: number
  readonly demo: boolean
  readonly demoSpeed: number
  readonly logLevel?: string
}

/** Serves until it is told to stop. Returns the exit code: 1 when it could not start, with a sentence on why. */
export async function serve(args: ServeArguments, around: Surroundings): Promise<number> {
  const log = logger(args, around)
  const listeners: (() => void)[] = []
  const onPolicy = () => {
    for (const listener of listeners) listener()
  }
  const file = await openPolicy(args, around, log, onPolicy)
  if (file === null) return 1
  try {
    const base = addressed(file.current(), args)
    const exposure = exposureProblem(base)
    if (exposure !== null) {
      around.err(`Refusing to start: ${exposure}\n`)
      return 1
    }
    const wanted = args.demo && !hasSource(base)
    if (wanted && !(await canListen(base, around))) return 1
    const demo = wanted ? await announceDemo(base, args, around, onPolicy) : null
    return await serveUntilStopped({ args, around, log, file, demo, onChange: (listener) => listeners.push(listener) })
  } finally {
    await file.close()
  }
}

interface Serving {
  readonly args: ServeArguments
  readonly around: Surroundings
  readonly log: Logger
  readonly file: PolicyFile
  readonly demo: Demo | null
  readonly onChange: (listener: () => void) => void
}

async function serveUntilStopped({ args, around, log, file, demo, onChange }: Serving): Promise<number> {
  const stop = new AbortController()
  const stopped = new Promise<void>((done) => stop.signal.addEventListener('abort', () => done(), { once: true }))
  around.onSignal((signal) => {
    if (signal === 'stop') stop.abort()
    else void file.reload()
  })
  let app: App
  try {
    app = await startApp({
      policy: inForce(file, args, demo, onChange),
      directory: resolve(demo ? join(args.data, 'demo') : args.data),
      demo: demo !== null,
      log,
      now: Date.now,
      random: Math.random,
      sleep,
      ...(demo ? { prepare: (tools) => demo.prepare(tools, stop.signal) } : {}),
    })
  } catch (cause) {
    await demo?.close()
    if (!(cause instanceof LedgerUnavailable || cause instanceof ListenError)) throw cause
    around.err(`${cause.message}\n`)
    return 1
  }
  demo?.live()
  around.out(`Marginwatch ${demo ? 'shows its demonstration' : 'listens'} at ${app.url}\n`)
  await stopped
  around.out('Stopping.\n')
  // The exporter first: what the stand-in still pushes would find nobody, as in real life.
  await app.close()
  await demo?.close()
  return 0
}

async function openPolicy(
  args: ServeArguments,
  around: Surroundings,
  log: Logger,
  onChange: () => void,
): Promise<PolicyFile | null> {
  try {
    return await watchPolicy({
      path: args.config ?? DEFAULT_POLICY,
      mustExist: args.config !== undefined,
      env: around.env,
      log,
      now: Date.now,
      sleep,
      onChange,
    })
  } catch (cause) {
    if (!(cause instanceof PolicyRefused)) throw cause
    around.err(`${cause.message}\n`)
    return null
  }
}

/** A source is set when a gateway is polled, traces or containers are read, or senders are given a key. */
function hasSource(policy: Policy): boolean {
  const { litellm, langfuse, docker } = policy.sources
  return litellm.poll !== null || langfuse.length > 0 || docker !== null || policy.server.keys.ingest !== null
}

/** Asked before a month of history is brought in for nothing. */
async function canListen({ server }: Policy, around: Surroundings): Promise<boolean> {
  try {
    const listening = await createServer({ app: () => undefined, host: server.host, port: server.port })
    await listening.close()
    return true
  } catch (cause) {
    if (!(cause instanceof ListenError)) throw cause
    around.err(`${cause.message}\n`)
    return false
  }
}

async function announceDemo(
  policy: Policy,
  args: ServeArguments,
  around: Surroundings,
  onPolicy: () => void,
): Promise<Demo> {
  around.out(
    'No source is set, so this is a demonstration: an invented company with real traffic. README.md says how to connect yours.\n',
  )
  return startDemo({ policy, speed: args.demoSpeed, now: Date.now, sleep, progress: progress(around), onPolicy })
}

/** The policy with what the command line says of the address. */
function addressed(policy: Policy, args: ServeArguments): Policy {
  const { host = policy.server.host, port = policy.server.port } = args
  return Object.freeze({ ...policy, server: Object.freeze({ ...policy.server, host, port }) })
}

function inForce(
  file: PolicyFile,
  args: ServeArguments,
  demo: Demo | null,
  onChange: PolicyInForce['onChange'],
): PolicyInForce {
  let last: Policy | null = null
  let shown: Policy | null = null
  return {
    current() {
      if (demo) return demo.current()
      const now = file.current()
      if (shown === null || now !== last) {
        last = now
        shown = addressed(now, args)
      }
      return shown
    },
    lastReload() {
      const { ok, problems } = file.lastReload()
      return { ok, problems: problems.map(formatProblem) }
    },
    onChange,
  }
}

function logger(args: ServeArguments, around: Surroundings): Logger {
  const level = args.logLevel ?? (around.watched ? 'warn' : 'info')
  return pino({ level, base: { name: 'marginwatch' } }, { write: around.err })
}

function progress(around: Surroundings): Progress {
  if (!around.watched) {
    return {
      start: (_total, what) => around.out(`Bringing in ${what} …\n`),
      to: () => undefined,
      stop: () => undefined,
    }
  }
  let bar: SingleBar | null = null
  return {
    start(total, what) {
      bar = new SingleBar({
        format: `Bringing in ${what} {bar} {percentage} %`,
        hideCursor: true,
        clearOnComplete: false,
      })
      bar.start(total, 0)
    },
    to: (done) => bar?.update(done),
    stop: () => bar?.stop(),
  }
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined)
}
