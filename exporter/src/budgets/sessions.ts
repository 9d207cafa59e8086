import type { Nano } from '../usage.ts'

/** A session that was idle for longer begins anew. */
export const SESSION_GAP_MS = 7 * 86_400_000
const MINUTE = 60_000

/** What is known of one session, from its beginning or from where it began anew. */
export interface SessionState {
  readonly customer: string
  readonly session: string
  tier: string | null
  agent: string | null
  /** Starts of its first and latest call, epoch milliseconds. */
  first: number
  last: number
  spent: Nano
  /** Calls that were let through. */
  calls: number
  /** What must be spent for something to happen: null = nothing more happens, undefined = that must be looked up. */
  next: Nano | null | undefined
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

/** The minutes of all sessions. They are in no ledger: a new process knows none of them. */
export interface TokenWindows {
  get(customer: string, session: string): TokenWindow | undefined
  /** The session's, made when there is none. */
  of(customer: string, session: string): TokenWindow
  /** Forgets those that are empty. */
  sweep(now: number): void
}

export function createTokenWindows(): TokenWindows {
  const byKey = new Map<string, TokenWindow>()
  return {
    get: (customer, session) => byKey.get(keyOf(customer, session)),
    of(customer, session) {
      const key = keyOf(customer, session)
      const window = byKey.get(key) ?? createTokenWindow()
      byKey.set(key, window)
      return window
    },
    sweep(now) {
      for (const [key, window] of byKey) if (window.sum(now) === 0) byKey.delete(key)
    },
  }
}

/** Sessions by their calls, in whichever order they are heard of. */
export interface Sessions {
  /** The session as it stands for a call at a moment; undefined when such a call would begin it anew. */
  get(customer: string, session: string, at: number): SessionState | undefined
  /** The session as it stood around a call's start, which from now on belongs to it. */
  at(customer: string, session: string, start: number): SessionState
  /** Takes what is known from elsewhere. */
  load(state: SessionState): void
  all(): Iterable<SessionState>
  readonly size: number
  /** Forgets what no call can belong to any more that is heard of within the gap. */
  sweep(now: number): void
}

export function createSessions(): Sessions {
  /** Of each session the times between its long pauses, in order; hardly ever more than one. */
  const byKey = new Map<string, SessionState[]>()
  return {
    get: (customer, session, at) =>
      byKey.get(keyOf(customer, session))?.find(({ last }) => at <= last + SESSION_GAP_MS),
    at(customer, session, start) {
      const key = keyOf(customer, session)
      const runs = byKey.get(key) ?? []
      const around = runs.filter(({ first, last }) => start >= first - SESSION_GAP_MS && start <= last + SESSION_GAP_MS)
      const [only] = around
      const state =
        only === undefined
          ? {
              customer,
              session,
              tier: null,
              agent: null,
              first: start,
              last: start,
              spent: 0n,
              calls: 0,
              next: undefined,
            }
          : around.slice(1).reduce(joined, only)
      state.first = Math.min(state.first, start)
      state.last = Math.max(state.last, start)
      if (only !== state || around.length > 1) {
        const others = runs.filter((run) => !around.includes(run))
        byKey.set(
          key,
          [...others, state].sort((a, b) => a.last - b.last),
        )
      }
      return state
    },
    load(state) {
      const key = keyOf(state.customer, state.session)
      byKey.set(
        key,
        [...(byKey.get(key) ?? []), { ...state }].sort((a, b) => a.last - b.last),
      )
    },
    *all() {
      for (const runs of byKey.values()) yield runs.at(-1) as SessionState
    },
    get size() {
      return byKey.size
    },
    sweep(now) {
      for (const [key, runs] of byKey) {
        const left = runs.filter(({ last }) => now - last <= 2 * SESSION_GAP_MS)
        if (left.length === 0) byKey.delete(key)
        else if (left.length < runs.length) byKey.set(key, left)
      }
    },
  }
}

/** A call between two times makes them one. */
function joined(a: SessionState, b: SessionState): SessionState {
  return {
    ...a,
    tier: b.tier ?? a.tier,
    agent: b.agent ?? a.agent,
    first: Math.min(a.first, b.first),
    last: Math.max(a.last, b.last),
    spent: a.spent + b.spent,
    calls: a.calls + b.calls,
    next: undefined,
  }
}

function keyOf(customer: string, session: string): string {
  return `${customer}\u001f${session}`
}
