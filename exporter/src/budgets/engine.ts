import type { PriceBook } from '@marginwatch/pricing'
import type { Logger } from 'pino'
import type { Calendar } from '../calendar.ts'
import type { Recorded } from '../ledger/ledger.ts'
import type { Policy } from '../policy/policy.ts'
import { printOf } from '../policy/print.ts'
import type { Ask, AskedBy, Decided, Decision, Meter, MeterReading } from './ask.ts'
import { type CompiledBudgets, compileBudgets } from './compiled.ts'
import { type DecideWorld, decide } from './decide.ts'
import { type BudgetFold, createFold } from './fold.ts'
import { callsKey, holdOf, without } from './hold-of.ts'
import type { Hold, Holds } from './holds.ts'
import type { Journal } from './journal.ts'
import type { BudgetLedger } from './load.ts'
import { modelsBy } from './models.ts'
import { createOutbox } from './outbox.ts'
import { pauseOf } from './pause.ts'
import type { Cause, Reached } from './reached.ts'
import { isSpent } from './room.ts'
import { createSettling } from './settling.ts'
import { createTokenWindows } from './sessions.ts'
import { createUsual } from './usual.ts'

export interface EngineDeps {
  readonly ledger: BudgetLedger
  readonly calendar: Calendar
  readonly policy: () => Policy
  readonly prices: () => PriceBook
  readonly holds: Holds
  readonly journal: Journal
  readonly log: Logger
  readonly now: () => number
  /** Whether a gateway keeps records that are not here yet: then no call is given up. */
  readonly backlog: () => boolean
  /** What may be remembered of a scope's subject is no longer true. */
  readonly onChange: (scope: string, subject: string) => void
}

/** The budgets at work: decides, holds, settles, and writes down what was reached. */
export interface Engine {
  /** False until the ledger was read after a start. */
  ready(): boolean
  /** Resolves when it is ready. Rejects when the ledger cannot be read. */
  open(): Promise<void>
  /** Decides and holds. Rejects while it is not ready. */
  decide(ask: Ask): Promise<Decided>
  /** The same without holding anything or writing anything down. */
  consider(ask: Ask): Decided
  /** How a meter stands, for who looks at it. */
  reading(meter: Meter): MeterReading
  fold(): BudgetFold
  /** Reads the ledger anew under the policy in force now, and goes on with the old one until that is done. */
  renew(): Promise<void>
  /** Gives up calls that can no longer be on their way, forgets sessions, and tries again what could not be written down. */
  sweep(): Promise<void>
  /** Calls that were never heard of, since this process started. */
  unsettled(): number
  close(): Promise<void>
}

/** What belongs to one policy. */
interface Current {
  readonly budgets: CompiledBudgets
  readonly fold: BudgetFold
  /** Number of the last entry that was in what it was made from. */
  readonly from: number
}

/** After so many times in which another took the room in between, a call is refused. */
const TRIES = 3

export function createEngine(deps: EngineDeps): Engine {
  const { ledger, calendar, holds, now, log } = deps
  const outbox = createOutbox(ledger.append, (reason) =>
    log.warn({ reason }, 'what budgets have to write down could not be written; it is tried again'),
  )
  const usual = createUsual()
  const windows = createTokenWindows()
  const settling = createSettling({
    ...deps,
    usual,
    windows,
    charges: () => deps.policy().budgets.unsettled === 'charge',
    put: outbox.put,
  })
  const modelsNow = modelsBy(deps.prices, now)
  let current: Current | null = null
  /** Number of the last entry that was followed. */
  let seq = 0
  let stop: (() => Promise<void>) | null = null
  /** What comes in while a new fold is made; null while none is. */
  let meanwhile: Recorded[] | null = null
  /** One after the other, so that the last policy stands. */
  let renewing: Promise<void> = Promise.resolve()

  const use = (): Current => {
    if (current === null) throw new Error('budgets are asked before the ledger was read')
    return current
  }
  const write = (fold: BudgetFold, reached: Reached) => {
    const crossing = fold.crossings.note(reached, now())
    if (crossing === null) return
    outbox.put(crossing)
    const { meter, rung, closed } = reached
    if (!closed && rung.do !== 'log' && rung.do !== 'notify') deps.onChange(meter.budget.scope, meter.subject)
  }
  /** Makes what belongs to the policy in force now, and puts it to use. */
  const build = async (left: readonly Hold[]): Promise<void> => {
    const budgets = compileBudgets(deps.policy())
    // What the snapshot says was reached is asked for once it is whole.
    let whole = false
    const fold: BudgetFold = createFold({
      budgets,
      calendar,
      usual,
      now,
      held: (key) => holds.held(key, now()).amount,
      onReached: (reached) => void (whole && write(fold, reached)),
      onSpent: (meter, cause) => void (whole && pause(fold, meter, cause)),
      onAgent: (agent) => deps.onChange('agent', agent),
    })
    meanwhile = []
    try {
      const { state, seq: from } = await ledger.load(now(), left)
      fold.load(state)
      if (current === null) await settling.resume(state.ended)
      whole = true
      fold.apply(meanwhile.filter((one) => one.seq > from))
      current = { budgets, fold, from }
      for (const reached of fold.unsaid()) write(fold, reached)
    } finally {
      meanwhile = null
    }
  }
  /** The only follower, whatever the policy: so each entry counts once in what is spent, and settles no sooner than it counts. */
  const take = (batch: readonly Recorded[]) => {
    const { fold, from } = use()
    fold.apply(from < (batch[0]?.seq ?? 0) ? batch : batch.filter((one) => one.seq > from))
    meanwhile?.push(...batch)
    seq = Math.max(seq, batch.at(-1)?.seq ?? 0)
    for (const { entry } of batch) if (entry.kind === 'usage' || entry.kind === 'correction') settling.heard(entry)
  }
  const pause = (fold: BudgetFold, meter: Meter, cause: Cause) => {
    if (fold.agents.get(meter.subject).paused) return
    const policy = printOf(use().budgets.policy)
    outbox.put(pauseOf(meter, cause, { ...readingOf(fold, meter), policy, now: now() }))
  }
  const readingOf = (fold: BudgetFold, meter: Meter): MeterReading => {
    const held = holds.held(meter.key, now())
    const crowd = Math.max(1, held.calls + 1, held.crowd)
    return { meter, spent: fold.meters.spent(meter), held: held.amount, inFlight: held.calls, crowd }
  }
  const worldOf = ({ callId, who }: Ask): DecideWorld => {
    const { budgets, fold } = use()
    const { agent } = who
    // What a call holds already does not stand in its own way.
    const own = settling.of(callId)
    return {
      budgets,
      models: modelsNow(budgets.policy),
      usual: fold.usual,
      readings: fold.meters
        .of(who, now())
        .filter(isActing)
        .map((meter) => without(own, readingOf(fold, meter))),
      agentPaused: agent !== null && fold.agents.get(agent).paused,
      session: sessionOf(fold, who, own),
    }
  }
  const sessionOf = (
    { meters }: BudgetFold,
    { customer, session }: AskedBy,
    own: Hold | null,
  ): DecideWorld['session'] => {
    if (session === null) return null
    const state = meters.sessions.get(customer, session, now())
    return {
      calls: (state?.calls ?? 0) + holds.held(callsKey(customer, session), now()).calls - (own === null ? 0 : 1),
      waitFor: (tokens, limit) => windows.get(customer, session)?.waitFor(tokens, limit, now()) ?? 0,
    }
  }
  const consider = (ask: Ask): Decided => {
    const { policy } = use().budgets
    return { ask, decision: decide(ask, worldOf(ask)), policy, at: now() }
  }
  const hold = async (ask: Ask, decision: Decision): Promise<boolean> => {
    const { budgets } = use()
    const made = holdOf(ask, decision, { policy: budgets.policy, models: modelsNow(budgets.policy), seq, now: now() })
    if ((await settling.hold(made)) !== null) return false
    const { customer, session } = ask.who
    if (session !== null) windows.of(customer, session).put(ask.callId, now(), decision.tokens)
    return true
  }
  /** Asked a second time, a call counts once in its session's minute. */
  const forgetTokens = ({ callId, who: { customer, session } }: Ask) => {
    if (session !== null) windows.get(customer, session)?.remove(callId)
  }
  /** The first call that is moved or refused at a threshold has reached it, even if a last cent is left. */
  const noteReached = ({ ask, decision: { action, because } }: Decided) => {
    if (because === null || (action === 'block' && !isSpent(because))) return
    const { meter, spent, held } = because
    const { budget, end } = meter
    const rung = action === 'block' ? budget.last : budget.rungs.find((one) => one.do === 'degrade')
    if (!rung) return
    const { customer, tier, session, agent, trace } = ask.who
    const cause: Cause = { customer, tier, session, agent, trace, of: `litellm:${ask.callId}` }
    const { fold } = use()
    write(fold, { meter, rung, spent, held, cause, closed: end !== null && end <= now() })
    if (rung.do === 'pause' && budget.scope === 'agent') pause(fold, meter, cause)
  }

  const renew = () => {
    renewing = renewing
      .catch(() => undefined)
      .then(async () => {
        if (current === null || current.budgets.policy === deps.policy()) return
        await build([])
        deps.onChange('all', '')
      })
    return renewing
  }

  return {
    ready: () => current !== null,
    async open() {
      const { holds: left, unsettled } = deps.journal.found
      await build([...left, ...unsettled.values()])
      seq = use().from
      stop = ledger.follow(seq + 1, take)
      if (use().budgets.policy !== deps.policy()) await renew()
    },
    async decide(ask) {
      if (ask.settles) forgetTokens(ask)
      for (let tries = 1; ; tries++) {
        const decided = consider(ask)
        const { action } = decided.decision
        const leaves = action === 'allow' || action === 'degrade'
        if (!ask.settles) return decided
        if (leaves && !(await hold(ask, decided.decision))) {
          if (tries < TRIES) continue
          return { ...decided, decision: crowdedOut(decided.decision) }
        }
        // Asked a second time, the call may have been let go the first.
        if (!leaves) await settling.drop(ask.callId)
        noteReached(decided)
        return decided
      }
    },
    consider,
    reading: (meter) => readingOf(use().fold, meter),
    fold: () => use().fold,
    renew,
    async sweep() {
      current?.fold.meters.sweep(now())
      windows.sweep(now())
      await outbox.flush()
      if (current !== null && !deps.backlog()) await settling.giveUp()
    },
    unsettled: settling.unsettled,
    async close() {
      await outbox.flush()
      await renewing.catch(() => undefined)
      await stop?.()
      deps.journal.close()
    },
  }
}

/** Only budgets at which something is done to calls are asked before each of them. */
function isActing({ budget }: Meter): boolean {
  return budget.line !== null || budget.degradeAt !== null
}

function crowdedOut(decision: Decision): Decision {
  const tightest = decision.readings.find(({ meter }) => meter.budget.line !== null) ?? null
  const reason = tightest?.meter.budget.scope ?? 'global'
  return { ...decision, action: 'block', reason, because: tightest, charges: [], maxTokens: null, retryAfterMs: 1_000 }
}
