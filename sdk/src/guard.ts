import { BudgetExceeded } from './budget-exceeded.ts'
import { createDecisions } from './decisions.ts'
import { type GuardOptions, readOptions } from './options.ts'
import { type Call, readQuestion, type Who } from './question.ts'
import { createReporter, GuardTrouble } from './trouble.ts'
import type { Verdict } from './verdict.ts'

export interface GuardStats {
  /** Checks so far. */
  readonly checks: number
  /** Requests that went to the exporter for them. */
  readonly asked: number
  /** Checks that a remembered answer was used for. */
  readonly fromCache: number
  /** Checks for which the exporter could not be asked, whatever was done then. */
  readonly failed: number
  /** Checks that ended in a refusal. */
  readonly blocked: number
}

/** How a guarded function's calls are told, and how it heeds what was decided. */
export interface GuardedOptions<A extends unknown[]> {
  /** What is known of the call. */
  readonly call?: ((...args: A) => Call) | undefined
  /** The arguments to go on with, such as with `verdict.model` and `verdict.maxTokens` in them. Absent: those that came. */
  readonly heed?: ((verdict: Verdict, ...args: A) => [...A]) | undefined
}

/** Whose call it is, and what is known of it. */
export interface Told {
  readonly who: Who
  readonly call?: Call | undefined
}

/** Asks before a call is made. Nothing here fails because of the guard's own trouble. */
export interface Guard {
  /** What is to be done with a call. Resolves within the deadline, and never rejects. */
  check(who: Who, call?: Call): Promise<Verdict>
  /** As `check`, where it must be found out first whose call it is. If that fails, no decision can be had. */
  checkFor(tell: () => Told | Promise<Told>): Promise<Verdict>
  /**
   * The function, asking before it runs. Rejects with a BudgetExceeded when the call is refused; otherwise it does what the
   * function does.
   */
  guard<A extends unknown[], R>(
    fn: (...args: A) => Promise<R> | R,
    whoOf: (...args: A) => Who | Promise<Who>,
    options?: GuardedOptions<A>,
  ): (...args: A) => Promise<R>
  stats(): GuardStats
  /** Ends the connection to the exporter, which would keep the process alive. From then on no decision can be had. */
  close(): void
}

/**
 * Makes a guard over the exporter's decisions. It connects with the first check. Throws a RangeError on options that cannot be
 * meant.
 */
export function createGuard(options: GuardOptions): Guard {
  const settings = readOptions(options)
  const counts = { checks: 0, asked: 0, fromCache: 0, failed: 0, blocked: 0 }
  const reporter = createReporter(settings.onError)
  const decisions = createDecisions({
    ...settings,
    reporter,
    onRequest: () => counts.asked++,
    onFailure: () => counts.failed++,
  })

  const counted = (verdict: Verdict): Verdict => {
    if (verdict.age !== null) counts.fromCache++
    if (verdict.action === 'block') counts.blocked++
    return verdict
  }
  const check = async (who: Who, call: Call = {}): Promise<Verdict> => {
    counts.checks++
    return counted(await decisions.decide(readQuestion(who, call)))
  }
  const checkFor = async (tell: () => Told | Promise<Told>): Promise<Verdict> => {
    let told: Told
    try {
      told = await tell()
      reporter.succeeded('who')
    } catch (cause) {
      counts.checks++
      reporter.failed('who', new GuardTrouble('who', `it could not be told whose call it is: ${String(cause)}`, cause))
      return counted(decisions.without(null))
    }
    return check(told.who, told.call)
  }

  return Object.freeze<Guard>({
    check,
    checkFor,
    guard: (fn, whoOf, { call, heed } = {}) => {
      return async (...args) => {
        const verdict = await checkFor(async () => ({ who: await whoOf(...args), call: call?.(...args) }))
        if (verdict.refusal !== null) throw new BudgetExceeded(verdict.refusal)
        return fn(...(heed?.(verdict, ...args) ?? args))
      }
    },
    stats: () => ({ ...counts }),
    close: () => decisions.close(),
  })
}
