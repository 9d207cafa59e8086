import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import { followFile } from './follow.ts'
import type { Env } from './kinds.ts'
import { judge, type Look, lookAt } from './look.ts'
import type { Policy } from './policy.ts'
import { formatProblem, type Problem } from './problem.ts'

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
  const { path, sleep, log } = deps
  const isNew = (look: Look) => keeper.isNew(look)
  const following = followFile({ path, sleep, log, isNew, read: () => keeper.read() })
  const close = async () => {
    await following.close()
    await keeper.idle()
  }
  return { current: () => keeper.policy, lastReload: () => keeper.last, reload: () => keeper.read(), close }
}

/** Holds the policy in force; readings of the file wait for each other. */
class Keeper {
  policy: Policy
  last: Reload
  private seen: Look
  private existed: boolean
  private held: boolean
  private queue: Promise<unknown> = Promise.resolve()
  private readonly deps: PolicyFileDeps

  constructor(deps: PolicyFileDeps, first: Look, policy: Policy) {
    this.deps = deps
    this.policy = policy
    this.seen = first
    this.existed = 'text' in first
    this.held = holds(first)
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
    // Once there was a file, its absence is a mistake or the middle of a change, and no wish for the defaults; so is its being
    // empty once there was something in it.
    const reading = judge(look, this.deps, { mustExist: this.existed, mustHold: this.held, running: this.policy })
    this.existed ||= 'text' in look
    this.held ||= holds(look)
    const { problems = [] } = reading
    const waiting = reading.problems ? [] : reading.waiting
    this.last = { ok: !reading.problems, at: this.deps.now(), problems, waiting }
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
      log.error({ err: error }, 'policy: a part of the program failed on the new policy')
    }
  }
}

function holds(look: Look): boolean {
  return 'text' in look && look.text.trim() !== ''
}
