import { type ChildProcess, spawn } from 'node:child_process'

export interface ServerOptions {
  readonly program: string
  readonly args: readonly string[]
  /** The whole environment: nothing of the tests' own gets in. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly uid?: number
  readonly gid?: number
}

export interface ServerProcess {
  readonly pid: number
  /** What it wrote so far, both streams in the order in which they arrived. */
  output(): string
  /** Resolves with its exit code, or the signal that ended it, when it and all that it started are gone. */
  readonly ended: Promise<number | string>
  /** Resolves when what it wrote is so; rejects with its output when it ends first. */
  until(isSo: (output: string) => boolean): Promise<void>
  /** Asks until the answer is true; rejects with its output when it ends first. Refused connections are no answer. */
  untilTrue(ask: () => Promise<boolean>): Promise<void>
  /** Sends the signal to the process alone, as a container's runtime does, and waits for its end. */
  stop(signal: NodeJS.Signals): Promise<number | string>
  /** Ends it and all that it started at once, as a power cut would. */
  kill(): Promise<void>
}

const PAUSE_MS = 50

/** A test that fails leaves its servers behind; they must not outlive the tests. */
const alive = new Set<number>()
process.on('exit', () => {
  for (const pid of alive) killGroup(pid)
})

/** Starts a server that has children of its own. It does not outlive this process, even if that is killed. */
export function startServer({ program, args, ...options }: ServerOptions): ServerProcess {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const pid = child.pid ?? -1
  alive.add(pid)
  const watch = killWhenLeft(pid)
  let output = ''
  let end: number | string | null = null
  const watchers: (() => void)[] = []
  const changed = () => {
    for (const watcher of watchers.splice(0)) watcher()
  }
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      changed()
    })
  const ended = endOf(child, () => killGroup(pid)).then((how) => {
    alive.delete(pid)
    watch.kill('SIGKILL')
    end = how
    changed()
    return how
  })
  const failIfEnded = () => {
    if (end !== null) throw new Error(`${program} ended with ${end} and wrote:\n${output}`)
  }
  return {
    pid,
    output: () => output,
    ended,
    async until(isSo) {
      while (!isSo(output)) {
        failIfEnded()
        await new Promise<void>((resolve) => watchers.push(resolve))
      }
    },
    async untilTrue(ask) {
      while (!(await ask().catch(refused))) {
        failIfEnded()
        await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, PAUSE_MS))])
      }
    },
    stop(signal) {
      child.kill(signal)
      return ended
    },
    async kill() {
      killGroup(pid)
      await ended
    },
  }
}

function refused(error: unknown): false {
  if (error instanceof TypeError) return false
  throw error
}

/** All streams have ended too: nothing of what it wrote is missing. What the process leaves behind ends with it. */
function endOf(child: ChildProcess, onExit: () => void): Promise<number | string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', onExit)
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'no exit code'))
  })
}

/** A process that reads from this one, and kills the group of `pid` when that ends before its time. */
function killWhenLeft(pid: number): ChildProcess {
  const script = 'read _; kill -s KILL -- "-$1"'
  return spawn('sh', ['-c', script, 'sh', String(pid)], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
}

function killGroup(pid: number): void {
  try {
    if (pid > 0) process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // Nobody is left in it.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
