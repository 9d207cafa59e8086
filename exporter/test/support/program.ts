import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Ran } from './run.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

export interface ProgramOptions {
  readonly args: readonly string[]
  /** Over the environment of the tests, from which everything that the program would read is left out. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** The built program in a process of its own. */
export interface Program {
  readonly pid: number
  /** Where it said that it listens. */
  readonly url: string
  readonly port: number
  /** What it wrote so far, both streams in the order in which they arrived. */
  output(): string
  /** The same, by stream. */
  written(): { readonly stdout: string; readonly stderr: string }
  signal(name: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): void
  /** Resolves with its exit code once it has ended; null when a signal ended it. */
  readonly ended: Promise<number | null>
  /** Resolves when the text is among what it wrote; rejects when it ends first. */
  until(text: string | RegExp): Promise<void>
  /** Ends it as a power cut would. */
  kill(): Promise<void>
  /** Asks it to end and returns its exit code. */
  stop(): Promise<number | null>
}

/** A test that fails leaves its program behind; it must not outlive the tests. */
const alive = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

/** A program that ended before it listened; `output` is all it wrote. */
export class ProgramEnded extends Error {
  override readonly name = 'ProgramEnded'
  readonly code: number | null
  readonly output: string
  constructor(code: number | null, output: string) {
    super(`the program ended with ${code ?? 'a signal'} and wrote:\n${output}`)
    this.code = code
    this.output = output
  }
}

/** Starts the program and resolves when it listens. Rejects with ProgramEnded when it ends before. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const launched = launchProgram(options)
  await launched.until(LISTENS)
  const url = LISTENS.exec(launched.output())?.[1] ?? ''
  return { ...launched, url, port: Number(new URL(url).port) }
}

/** Starts the program without waiting for anything. */
export function launchProgram({ args, env = {}, cwd }: ProgramOptions): Omit<Program, 'url' | 'port'> {
  const child = spawn(process.execPath, [built(), ...args], {
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  })
  alive.add(child)
  let output = ''
  const written = { stdout: '', stderr: '' }
  let over = false
  let code: number | null = null
  const watchers: (() => void)[] = []
  const changed = () => {
    for (const watcher of watchers.splice(0)) watcher()
  }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output += text
      written[name] += text
      changed()
    })
  }
  const ended = end(child).then((how) => {
    alive.delete(child)
    over = true
    code = how
    changed()
    return how
  })
  const until = async (text: string | RegExp) => {
    while (!(typeof text === 'string' ? output.includes(text) : text.test(output))) {
      if (over) throw new ProgramEnded(code, output)
      await new Promise<void>((resolve) => watchers.push(resolve))
    }
  }
  return {
    pid: child.pid ?? -1,
    output: () => output,
    written: () => ({ ...written }),
    signal: (name) => void child.kill(name),
    ended,
    until,
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
    stop() {
      child.kill('SIGTERM')
      return ended
    },
  }
}

/** Runs the program to its end. Ends it, and rejects, when it listens instead. */
export async function runProgram(options: Omit<ProgramOptions, 'cwd'>): Promise<Ran> {
  const { until, kill, ended, written } = launchProgram(options)
  const listens = await Promise.race([
    ended.then(() => false),
    until(LISTENS).then(
      () => true,
      () => false,
    ),
  ])
  if (listens) {
    await kill()
    throw new Error(`the program was to end, but it listens:\n${written().stdout}`)
  }
  return { code: await ended, ...written() }
}

const LISTENS = /Marginwatch (?:listens|shows its demonstration) at (http:\S+)\n/

function built(): string {
  if (existsSync(MAIN)) return MAIN
  throw new Error('the program is not built: run npx tsc -b pricing sandbox exporter first')
}

/** What a developer has set for a program of his own must not reach this one. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const own = /^(MARGINWATCH_.*|LITELLM_KEY|COST_TRACKING_TIER|PORT|NODE_OPTIONS)$/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)))
}

/** All streams have ended too: nothing of what it wrote is missing. */
function end(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code))
  })
}
