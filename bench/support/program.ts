import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const MAIN = fileURLToPath(import.meta.resolve('@marginwatch/exporter/main'))
const FED = fileURLToPath(new URL('./fed.js', import.meta.url))
const PROBE = new URL('./probe.js', import.meta.url).href

const SETTLED_MS = 2_000

export interface ProgramOptions {
  /** Folder of its ledger; its policy file is written there too. */
  readonly directory: string
  /** A free one by default; one that it had before when it is started again where a gateway looks for it. */
  readonly port?: number
  /** The policy file's text. */
  readonly policy?: string
  readonly demo?: boolean
  /** Events a second that it records out of itself, of how many customers; without demo. */
  readonly fed?: { readonly rate: number; readonly customers: number }
}

/** The program, running as a user runs it, with a probe inside. */
export interface Program {
  readonly url: string
  /** Milliseconds from the start of its process until it said where it listens. */
  readonly startedMs: number
  /** Asks the probe; see `probe.ts`. */
  probe(asked: ProbeAsked): Promise<ProbeTold>
  /** Ends it as a user does, and waits for its end. */
  stop(): Promise<void>
  /** Ends it as a power cut does. */
  kill(): Promise<void>
}

export type ProbeAsked = 'cpu' | 'watch delay' | 'delay'

export interface ProbeTold {
  /** CPU milliseconds of the process so far. */
  readonly cpu: number
  /** Delay of the event loop since `watch delay`, milliseconds. */
  readonly delay: { readonly p50: number; readonly p99: number; readonly max: number } | null
}

/** Starts the program on a free port of this machine; rejects with what it printed when it does not start. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const config = join(options.directory, 'policy.yaml')
  await writeFile(config, `version: 1\nserver: { port: ${options.port ?? 0} }\n${options.policy ?? ''}`)
  const began = performance.now()
  const child = spawnProgram(options, config)
  const url = await listening(child)
  return {
    url,
    startedMs: performance.now() - began,
    async probe(asked) {
      child.send(asked)
      const [told] = (await once(child, 'message')) as [ProbeTold]
      return told
    },
    stop: () => end(child, 'SIGTERM'),
    kill: () => end(child, 'SIGKILL'),
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}

/** Resolves when the program has used hardly any CPU for a while: what it does after a start is done. */
export async function settled(program: Program): Promise<void> {
  for (let used = Number.POSITIVE_INFINITY; used > SETTLED_MS / 4; ) {
    const before = await program.probe('cpu')
    await delay(SETTLED_MS)
    used = (await program.probe('cpu')).cpu - before.cpu
  }
}

function spawnProgram({ directory, demo = false, fed }: ProgramOptions, config: string): ChildProcess {
  const settings = {
    execArgv: ['--import', PROBE],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'] as ['ignore', 'pipe', 'pipe', 'ipc'],
  }
  if (fed) return fork(FED, [directory, config, String(fed.rate), String(fed.customers)], settings)
  const args = ['serve', '--config', config, '--data', directory, '--log-level', 'warn']
  return fork(MAIN, demo ? args : [...args, '--no-demo'], settings)
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    const hear = (text: string) => {
      said = `${said}${text}`.slice(-10_000)
      const url = /(http:\/\/127\.0\.0\.1:\d+)/.exec(said)?.[1]
      if (url !== undefined) resolve(url)
    }
    child.stdout?.setEncoding('utf8').on('data', hear)
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(-10_000)
    })
    child.once('error', reject)
    child.once('exit', (code, signal) =>
      reject(new Error(`the program ended with ${code ?? signal}; it said:\n${said}`)),
    )
  })
}
