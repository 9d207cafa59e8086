import { type FSWatcher, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import type { Env } from './kinds.ts'
import type { Policy } from './policy.ts'
import { formatProblem, type Problem } from './problem.ts'
import { type Reading, readPolicy } from './read.ts'

/** A change is read once the file has stood still for this long: editors and copies write in several steps. */
export const SETTLE_MS = 250
/** The file is looked at this often besides, for places where the system reports no changes (network and bind mounts). */
export const LOOK_MS = 10_000

export interface PolicyFileDeps {
  readonly path: string
  /** Whether a missing file is a mistake at the start; else it stands for the defaults. */
  readonly mustExist: boolean
  readonly env: Env
  readonly log: Logger
  readonly now: () => number
  /** Resolves after `ms`, or at once when `signal` aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  /** A new policy is in force. */
  readonly onChange: (policy: Policy) => void
}

/** What became of the last reading of the file. */
export interface Reload {
  /** False: refused, the policy before it stays. Becomes `marginwatch_policy_reload_success`. */
  readonly ok: boolean
  /** Epoch milliseconds. */
  readonly at: number
  readonly problems: readonly Problem[]
  /** Keys whose new value takes effect after a restart. */
  readonly waiting: readonly string[]
}

/** The policy file of a running program. */
export interface PolicyFile {
  /** The policy in force. */
  current(): Policy
  lastReload(): Reload
  /** Reads the file now, whether it changed or not (SIGHUP). Never rejects: a bad file is a Reload that is not ok. */
  reload(): Promise<Reload>
  /** Stops watching; resolves when nothing is running any more. */
  close(): Promise<void>
}

/** The policy file cannot be used at the start; the message has a line for each problem. */
export class PolicyRefused extends Error {
  override readonly name = 'PolicyRefused'
  readonly problems: readonly Problem[]
  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.problems = problems
  }
}

/**
 * Loads the policy and follows its file: a change is read once it has settled; a bad one is refused and logged, and the
 * policy before it stays. Rejects with PolicyRefused if the file is bad at the start.
 */
export async function watchPolicy(deps: PolicyFileDeps): Promise<PolicyFile> {
  const first = await lookAt(deps.path)
  const reading = judge(first, deps, { mustExist: deps.mustExist })
  if (reading.problems) throw new PolicyRefused(reading.problems)

  const keeper = new Keeper(deps, first, reading.policy)
  const following = follow(deps, keeper)
  const close = async () => {
    await following.close()
    await keeper.idle()
  }
  return { current: () => keeper.policy, lastReload: () => keeper.last, reload: () => keeper.read(), close }
}

/** What a look at the file found: its text, nothing, or why it cannot be read. */
export type Look = { readonly text: string } | { readonly missing: true } | { readonly unreadable: string }

/** Looks at the file. Never rejects. */
export async function lookAt(path: string): Promise<Look> {
  try {
    return { text: await readFile(path, 'utf8') }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? { missing: true } : { unreadable: code ?? String(error) }
  }
}

export interface JudgeOptions {
  readonly mustExist: boolean
  readonly running?: Policy
}

/** Look → policy or problems. A file that is not there stands for the defaults unless it must exist. */
export function judge(look: Look, { path, env }: { path: string; env: Env }, options: JudgeOptions): Reading {
  const whole = (message: string) => ({ problems: [{ file: path, line: 1, column: 1, path: '', message }] })
  if ('unreadable' in look) return whole(`the file cannot be read (${look.unreadable})`)
  if ('missing' in look && options.mustExist) return whole('there is no such file')
  const running = options.running ? { running: options.running } : {}
  return readPolicy('text' in look ? look.text : '', { file: path, env, ...running })
}

/** Holds the policy in force; readings of the file wait for each other. */
class Keeper {
  policy: Policy
  last: Reload
  private seen: Look
  private existed: boolean
  private queue: Promise<unknown> = Promise.resolve()
  private readonly deps: PolicyFileDeps

  constructor(deps: PolicyFileDeps, first: Look, policy: Policy) {
    this.deps = deps
    this.policy = policy
    this.seen = first
    this.existed = 'text' in first
    this.last = { ok: true, at: deps.now(), problems: [], waiting: [] }
  }

  isNew(look: Look): boolean {
    return !isDeepStrictEqual(look, this.seen)
  }

  read(): Promise<Reload> {
    const next = this.queue.then(() => this.once())
    this.queue = next
    return next
  }

  async idle(): Promise<void> {
    await this.queue
  }

  private async once(): Promise<Reload> {
    const look = await lookAt(this.deps.path)
    this.seen = look
    // Once there was a file, its absence is a mistake or the middle of a change, and no wish for the defaults.
    const reading = judge(look, this.deps, { mustExist: this.existed, running: this.policy })
    this.existed ||= 'text' in look
    this.last = {
      ok: !reading.problems,
      at: this.deps.now(),
      problems: reading.problems ?? [],
      waiting: reading.waiting ?? [],
    }
    if (reading.problems) this.refuse(reading.problems)
    else this.accept(reading.policy)
    return this.last
  }

  private refuse(problems: readonly Problem[]): void {
    this.deps.log.error({ problems: problems.map(formatProblem) }, 'policy refused; the one before stays in force')
  }

  private accept(policy: Policy): void {
    const { log, onChange } = this.deps
    const { waiting } = this.last
    if (waiting.length > 0) log.warn({ keys: waiting }, 'policy: a change of these keys takes effect after a restart')
    if (isDeepStrictEqual(policy, this.policy)) return
    this.policy = policy
    log.info({ file: this.deps.path }, 'policy: a new one is in force')
    try {
      onChange(policy)
    } catch (error) {
      log.error({ error }, 'policy: a part of the program failed on the new policy')
    }
  }
}

/** Has the keeper read the file whenever it changed and then stood still. */
function follow({ path, sleep, log }: PolicyFileDeps, keeper: Keeper): { close(): Promise<void> } {
  const stop = new AbortController()
  let settling: Promise<void> | null = null
  let again = false

  async function settle(): Promise<void> {
    do {
      again = false
      const before = await lookAt(path)
      if (!keeper.isNew(before)) continue
      await sleep(SETTLE_MS, stop.signal)
      if (stop.signal.aborted) return
      if (!isDeepStrictEqual(before, await lookAt(path))) again = true
      else await keeper.read()
    } while (again)
  }
  function changed(): void {
    again = true
    settling ??= settle().finally(() => {
      settling = null
    })
  }
  async function lookNowAndThen(): Promise<void> {
    while (!stop.signal.aborted) {
      await sleep(LOOK_MS, stop.signal)
      if (!stop.signal.aborted) changed()
    }
  }

  const watcher = watchDirectory(path, changed, log)
  const looking = lookNowAndThen()
  const close = async () => {
    watcher?.close()
    stop.abort()
    await looking
    await settling
  }
  return { close }
}

/**
 * Watches the directory, since editors put a new file in the old one's place, and Kubernetes a new `..data` link. Null where
 * the system cannot watch: then the look now and then must do.
 */
function watchDirectory(path: string, changed: () => void, log: Logger): FSWatcher | null {
  const failed = (error: unknown) =>
    log.warn({ error }, `policy: changes of the file are seen after ${LOOK_MS / 1000} s`)
  try {
    const watcher = watch(dirname(resolve(path)), { persistent: false }, (_, name) => {
      if (name === null || name === basename(path) || name.startsWith('..')) changed()
    })
    return watcher.on('error', failed)
  } catch (error) {
    failed(error)
    return null
  }
}
