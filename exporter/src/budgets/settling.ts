import type { Logger } from 'pino'
import type { Correction, Usage } from '../usage.ts'
import { createCallFinder, endKeys, heardKey } from './calls.ts'
import type { Hold, Holds } from './holds.ts'
import { type Journal, REMEMBERED_MS } from './journal.ts'
import type { Charge } from './ask.ts'
import type { TokenWindows } from './sessions.ts'
import type { Usual } from './usual.ts'
import { BY, correctionOf, estimateOf, UNSETTLED } from './unsettled.ts'

export interface SettlingDeps {
  readonly holds: Holds
  readonly journal: Journal
  readonly log: Logger
  readonly now: () => number
  /** Whether a call that is never heard of is charged for, or its hold let go. */
  readonly charges: () => boolean
  /** Brings an entry into the ledger. */
  readonly put: (entry: Usage | Correction) => void
  readonly usual: Usual
  readonly windows: TokenWindows
}

/** The holds of calls from the moment in which they are let go to that in which their end is known, or given up on. */
export interface Settling {
  /** Takes up what the process before left, but for calls that have ended since, by the keys of ends that the ledger holds. */
  resume(ended: ReadonlySet<string>): Promise<void>
  /** The first charge that does not fit, or null when all are held. */
  hold(hold: Hold): Promise<Charge | null>
  /** What a call holds. */
  of(callId: string): Hold | null
  /** The call does not leave after all. */
  drop(callId: string): Promise<void>
  /** An event has come: the end of a call that holds something, or one that was given up. */
  heard(entry: Usage | Correction): void
  /** Gives up the calls that can no longer be on their way. */
  giveUp(): Promise<void>
  /** Calls that were given up since the process started. */
  unsettled(): number
}

const MINUTE = 60_000
/** Ends that came before their question are known for so long, and no more of them. */
const EARLY = { ms: 10_000, most: 10_000 } as const

export function createSettling(deps: SettlingDeps): Settling {
  const { holds, journal, log, now, charges, put } = deps
  const open = new Map<string, Hold>()
  /** Calls that were charged for without having been heard of, until the ledger holds what they really cost. */
  const lost = new Map<string, Hold>()
  const finder = createCallFinder()
  const early = createEarlyEnds(now)
  let unsettled = 0

  const end = (callId: string): Hold | null => {
    const hold = open.get(callId) ?? null
    if (hold === null) return null
    open.delete(callId)
    if (!lost.has(callId)) finder.delete(callId)
    journal.ended(callId)
    return hold
  }
  const forget = (callId: string) => {
    lost.delete(callId)
    if (!open.has(callId)) finder.delete(callId)
    journal.settledLate(callId)
  }
  /** What the end of a call tells for the next ones: the tokens of its session's minute, and how well its input was counted. */
  const learn = ({ tokens, customer, session, start, key, status }: Usage, hold: Hold | null) => {
    const { input = 0, output = 0, reasoning = 0 } = tokens
    if (session !== null && start > now() - MINUTE)
      deps.windows.of(customer, session).put(hold?.callId ?? key, hold?.at ?? start, input + output + reasoning)
    if (hold?.call.counted == null || status !== 'success') return
    const read = input + (tokens.cache_read ?? 0) + (tokens.cache_write_5m ?? 0) + (tokens.cache_write_1h ?? 0)
    deps.usual.noteCount(hold.call.own, hold.call.counted, read)
  }
  const drop = async (callId: string) => {
    if (end(callId) !== null) await holds.release(callId)
  }
  const takeUp = async (hold: Hold, ended: ReadonlySet<string>) => {
    const { callId } = hold
    const has = (key: string) => ended.has(key)
    const [heard = false, failed = false, estimated = false] = endKeys(callId).map(has)
    if (has(heardKey(callId)) || ((heard || failed) && !estimated)) {
      journal.ended(callId)
      journal.settledLate(callId)
      return
    }
    finder.add(callId)
    if (estimated) {
      lost.set(callId, hold)
      journal.unsettled(hold, hold.at)
      if (heard || failed) put(correctionOf(hold))
      return
    }
    // What was about to be charged when the process ended is not: it is held until it is given up again.
    open.set(callId, hold)
    journal.held(hold)
    await holds.tryHold(hold)
  }
  return {
    async resume(ended) {
      const { holds: found, unsettled: given } = journal.found
      for (const hold of [...found, ...given.values()]) await takeUp(hold, ended)
    },
    async hold(hold) {
      // Its asker went on without an answer, and nothing is left to hold for.
      if (early.has(hold.callId)) return null
      const short = await holds.tryHold(hold)
      if (short !== null) return short
      open.set(hold.callId, hold)
      finder.add(hold.callId)
      journal.held(hold)
      return null
    },
    of: (callId) => open.get(callId) ?? null,
    drop,
    heard(entry) {
      if (entry.kind === 'correction') {
        const callId = entry.by === BY ? finder.find(entry.of) : null
        if (callId !== null && lost.has(callId)) forget(callId)
        return
      }
      const callId = finder.find(entry.key)
      const hold = callId === null ? null : end(callId)
      if (callId !== null && hold === null) early.add(callId)
      if (hold !== null) void (entry.status === 'success' ? holds.settle(hold.callId) : holds.release(hold.callId))
      learn(entry, hold)
      const given = callId === null ? undefined : lost.get(callId)
      // What a call that was given up really cost stands in its own event.
      if (given !== undefined && entry.errorClass !== UNSETTLED) put(correctionOf(given))
    },
    async giveUp() {
      for (const { callId, expires } of lost.values()) if (now() - expires > REMEMBERED_MS) forget(callId)
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

/** Calls whose end was heard of while they held nothing: a question that took too long may still be on its way. */
function createEarlyEnds(now: () => number) {
  // In the order in which they were heard of.
  const ends = new Map<string, number>()
  return {
    add(callId: string): void {
      ends.set(callId, now())
      for (const [oldest, at] of ends) {
        if (ends.size <= EARLY.most && now() - at <= EARLY.ms) break
        ends.delete(oldest)
      }
    },
    has(callId: string): boolean {
      const at = ends.get(callId)
      return at !== undefined && now() - at <= EARLY.ms
    },
  }
}
