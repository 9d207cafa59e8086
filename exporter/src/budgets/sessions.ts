import type { Nano } from '../usage.ts'

/** A session that was idle for longer begins anew. */
export const SESSION_GAP_MS = 7 * 86_400_000
const MINUTE = 60_000

/** What is known of one session. */
export interface SessionState {
  readonly customer: string
  readonly session: string
  tier: string | null
  agent: string | null
  trace: string | null
  /** Starts of its first and latest call, epoch milliseconds. */
  first: number
  last: number
  spent: Nano
  /** Calls that were let through. */
  calls: number
  window: TokenWindow
}

/** Tokens of the last sixty seconds: those that were used, and those that calls on their way may use. */
export interface TokenWindow {
  /** Counts tokens at a moment, under a call's id where it has one: a second time for the same call corrects the first. */
  put(callId: string, at: number, tokens: number): void
  remove(callId: string): void
  /** Tokens within the sixty seconds before a moment. */
  sum(now: number): number
  /** How long from now until `tokens` more fit under `limit`, milliseconds; 0 when they do now or the window is empty. */
  waitFor(tokens: number, limit: number, now: number): number
}

export function createTokenWindow(): TokenWindow {
  // In order of time, but for a clock that went backwards; calls of one session within a minute are few.
  const list = new Map<string, { at: number; tokens: number }>()
  const alive = (now: number) => {
    for (const [id, { at }] of list) if (at <= now - MINUTE || at > now + MINUTE) list.delete(id)
    return list
  }
  const total = () => {
    let sum = 0
    for (const { tokens } of list.values()) sum += tokens
    return sum
  }
  return {
    put(callId, at, tokens) {
      list.set(callId, { at: list.get(callId)?.at ?? at, tokens })
    },
    remove: (callId) => void list.delete(callId),
    sum: (now) => {
      alive(now)
      return total()
    },
    waitFor(tokens, limit, now) {
      const entries = [...alive(now).values()].sort((a, b) => a.at - b.at)
      let sum = total()
      let wait = 0
      for (const entry of entries) {
        if (sum === 0 || sum + tokens <= limit) break
        sum -= entry.tokens
        wait = entry.at + MINUTE - now
      }
      return Math.max(0, wait)
    },
  }
}

export interface Sessions {
  get(customer: string, session: string): SessionState | undefined
  /** The session, made when it is new or was idle for so long that it begins anew. */
  at(customer: string, session: string, start: number): SessionState
  all(): Iterable<SessionState>
  /** Forgets those that would begin anew anyway. */
  sweep(now: number): void
}

export function createSessions(): Sessions {
  const byKey = new Map<string, SessionState>()
  return {
    get: (customer, session) => byKey.get(keyOf(customer, session)),
    at(customer, session, start) {
      const key = keyOf(customer, session)
      const known = byKey.get(key)
      if (known && start - known.last <= SESSION_GAP_MS) return known
      const fresh: SessionState = {
        customer,
        session,
        tier: null,
        agent: null,
        trace: null,
        first: start,
        last: start,
        spent: 0n,
        calls: 0,
        window: known?.window ?? createTokenWindow(),
      }
      byKey.set(key, fresh)
      return fresh
    },
    all: () => byKey.values(),
    sweep(now) {
      for (const [key, { last }] of byKey) if (now - last > SESSION_GAP_MS) byKey.delete(key)
    },
  }
}

function keyOf(customer: string, session: string): string {
  return `${customer}\u001f${session}`
}
