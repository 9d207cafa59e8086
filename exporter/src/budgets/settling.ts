import type { Logger } from 'pino'
import type { Correction, Usage } from '../usage.ts'
import { createCallFinder } from './calls.ts'
import type { BudgetFold } from './fold.ts'
import type { Hold, Holds } from './holds.ts'
import type { Journal } from './journal.ts'
import type { Charge } from './ask.ts'
import { correctionOf, estimateOf, UNSETTLED } from './unsettled.ts'

export interface SettlingDeps {
  readonly holds: Holds
  readonly journal: Journal
  readonly log: Logger
  readonly now: () => number
  /** Whether a call that is never heard of is charged for, or its hold let go. */
  readonly charges: () => boolean
  /** Brings an entry into the ledger. */
  readonly put: (entry: Usage | Correction) => void
}

/** The holds of calls from the moment in which they are let go to that in which their end is known, or given up on. */
export interface Settling {
  /** Takes up the holds of the process before, but for calls that have ended since. */
  resume(settled: ReadonlySet<string>): Promise<void>
  /** The first charge that does not fit, or null when all are held. */
  hold(hold: Hold): Promise<Charge | null>
  /** The call does not leave after all. */
  drop(callId: string): Promise<void>
  /** An event has come: the end of a call that holds something, or one that was given up. */
  heard(entry: Usage, fold: BudgetFold): void
  /** Gives up the calls that can no longer be on their way. */
  giveUp(): Promise<void>
  /** Calls that were given up since the process started. */
  unsettled(): number
}

const MINUTE = 60_000

export function createSettling({ holds, journal, log, now, charges, put }: SettlingDeps): Settling {
  const open = new Map<string, Hold>()
  const lost = new Map(journal.found.unsettled)
  const findCall = createCallFinder(() => [...open.keys(), ...lost.keys()])
  let unsettled = 0

  const end = (callId: string, entry: Usage): Hold | null => {
    const hold = open.get(callId) ?? null
    if (hold === null) return null
    open.delete(callId)
    void (entry.status === 'success' ? holds.settle(callId) : holds.release(callId))
    journal.ended(callId)
    return hold
  }
  const drop = async (callId: string) => {
    if (!open.delete(callId)) return
    await holds.release(callId)
    journal.ended(callId)
  }
  return {
    async resume(settled) {
      for (const hold of journal.found.holds) {
        if (settled.has(hold.callId)) journal.ended(hold.callId)
        else {
          open.set(hold.callId, hold)
          await holds.tryHold(hold)
        }
      }
    },
    async hold(hold) {
      const short = await holds.tryHold(hold)
      if (short !== null) return short
      open.set(hold.callId, hold)
      journal.held(hold)
      return null
    },
    drop,
    heard(entry, fold) {
      const callId = findCall(entry.key)
      const hold = callId === null ? null : end(callId, entry)
      learn(entry, hold, fold, now())
      const given = callId === null ? undefined : lost.get(callId)
      // What a call that was given up really cost stands in its own event.
      if (given === undefined || entry.errorClass === UNSETTLED) return
      lost.delete(given.callId)
      put(correctionOf(given))
      journal.settledLate(given.callId)
    },
    async giveUp() {
      for (const hold of holds.expired(now())) {
        const { callId, call } = hold
        if (lost.has(callId)) continue
        unsettled++
        log.warn(
          { call: callId, customer: call.customer, model: call.model },
          'a call that was let go was never heard of',
        )
        if (!charges() || call.amount === 0n) await drop(callId)
        else {
          lost.set(callId, hold)
          journal.unsettled(hold, now())
          // The hold ends with this entry, so that its money is at no moment free.
          put(estimateOf(hold))
        }
      }
    },
    unsettled: () => unsettled,
  }
}

/** What the end of a call tells for the next ones: the tokens of its session's minute, and how well its input was counted. */
function learn(entry: Usage, hold: Hold | null, fold: BudgetFold, now: number): void {
  const { tokens, customer, session, start, key, status } = entry
  const { input = 0, output = 0, reasoning = 0 } = tokens
  if (session !== null && start > now - MINUTE) {
    const window = fold.meters.sessions.get(customer, session)?.window
    window?.put(hold?.callId ?? key, hold?.at ?? start, input + output + reasoning)
  }
  if (hold?.call.session != null) fold.meters.sessions.drop(hold.call.customer, hold.call.session)
  if (hold?.call.counted == null || status !== 'success') return
  const read = input + (tokens.cache_read ?? 0) + (tokens.cache_write_5m ?? 0) + (tokens.cache_write_1h ?? 0)
  fold.usual.noteCount(hold.call.own, hold.call.counted, read)
}
