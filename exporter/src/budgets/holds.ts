import type { Nano } from '../usage.ts'
import type { Charge } from './ask.ts'

/** Money kept for a call until its end is known. */
export interface Hold {
  readonly callId: string
  readonly charges: readonly Charge[]
  /** When it was made, and when its call can no longer be on its way; epoch milliseconds. */
  readonly at: number
  readonly expires: number
  /** Number of the last entry that was known when it was made: its call's end is a later one. */
  readonly seq: number
  /** What must be known of the call when it is never heard of again. */
  readonly call: HeldCall
}

export interface HeldCall {
  readonly customer: string
  readonly tier: string | null
  readonly session: string | null
  readonly agent: string | null
  readonly trace: string | null
  readonly modelAsked: string
  /** Public name and the provider's name of the model that was to answer. */
  readonly model: string
  readonly own: string
  /** The input's tokens as counted; null when they were bounded by bytes. */
  readonly counted: number | null
  /** The dearest that the call can cost. */
  readonly amount: Nano
}

/** What is held of one meter. */
export interface Held {
  readonly amount: Nano
  readonly calls: number
  /** The most calls that held something at a time lately. */
  readonly crowd: number
}

/**
 * What calls on their way may still cost. `tryHold` is the one atomic step: it holds all charges of a call or none of them. Asked
 * again for a call that already holds, it replaces what that call holds. `testHolds(impl)` is the written contract.
 */
export interface Holds {
  /** The first charge that does not fit under its line, or null when all are held. */
  tryHold(hold: Hold): Promise<Charge | null>
  /** The call's end is known; returns what it held, null when it held nothing. */
  settle(callId: string): Promise<Hold | null>
  /** The call will cost nothing; the same as `settle`, by another word. */
  release(callId: string): Promise<Hold | null>
  held(key: string, now: number): Held
  /** Those whose calls can no longer be on their way. */
  expired(now: number): readonly Hold[]
  readonly size: number
}

/** A crowd that is gone is half forgotten after this time. */
const HALF_LIFE_MS = 60_000

interface MeterHeld {
  amount: Nano
  calls: number
  crowd: number
  crowdAt: number
}

/** Holds of one process. `meters`: of how many something is known. */
export function createMemoryHolds(): Holds & { readonly meters: number } {
  const byCall = new Map<string, Hold>()
  const byMeter = new Map<string, MeterHeld>()
  const take = (hold: Hold, sign: 1 | -1): void => {
    for (const { key, amount } of hold.charges) {
      let held = byMeter.get(key)
      if (!held) {
        held = { amount: 0n, calls: 0, crowd: 0, crowdAt: hold.at }
        byMeter.set(key, held)
      }
      held.amount += sign === 1 ? amount : -amount
      held.calls += sign
      if (sign === 1) crowded(held, hold.at)
      else if (held.calls === 0 && held.crowd <= 1) byMeter.delete(key)
    }
  }
  const end = (callId: string): Hold | null => {
    const hold = byCall.get(callId) ?? null
    if (hold === null) return null
    byCall.delete(callId)
    take(hold, -1)
    return hold
  }
  return {
    async tryHold(hold) {
      const before = end(hold.callId)
      const short = hold.charges.find(
        ({ key, amount, line, spent }) => line !== null && spent + (byMeter.get(key)?.amount ?? 0n) + amount > line,
      )
      const kept = short === undefined ? hold : before
      if (kept !== null) {
        byCall.set(kept.callId, kept)
        take(kept, 1)
      }
      return short ?? null
    },
    settle: async (callId) => end(callId),
    release: async (callId) => end(callId),
    held(key, now) {
      const held = byMeter.get(key)
      if (!held) return { amount: 0n, calls: 0, crowd: 0 }
      const crowd = Math.max(held.calls, Math.round(faded(held, now)))
      if (held.calls === 0 && crowd <= 1) byMeter.delete(key)
      return { amount: held.amount, calls: held.calls, crowd }
    },
    expired(now) {
      for (const [key, held] of byMeter) if (held.calls === 0 && faded(held, now) < 1) byMeter.delete(key)
      return [...byCall.values()].filter(({ expires }) => expires <= now)
    },
    get size() {
      return byCall.size
    },
    get meters() {
      return byMeter.size
    },
  }
}

function crowded(held: MeterHeld, at: number): void {
  const left = faded(held, at)
  held.crowd = Math.max(left, held.calls)
  held.crowdAt = Math.max(at, held.crowdAt)
}

function faded({ crowd, crowdAt }: MeterHeld, now: number): number {
  return crowd * 0.5 ** (Math.max(0, now - crowdAt) / HALF_LIFE_MS)
}
