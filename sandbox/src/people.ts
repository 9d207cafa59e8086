import type { Call } from './call.ts'

/** Those behind the calls: they read what they are told, wait when they are told to, and give up at some point. */
export interface People {
  /** Whether somebody still makes the next call of a conversation. */
  goesOn(call: Call): boolean
  /** What became of a call. */
  told(call: Call): void
}

interface Mood {
  /** Refusals in a row. */
  refusals: number
  /** Epoch milliseconds: no sooner does it try again. */
  until: number
}

/** Refusals in a row after which it is enough, least and most. */
const PATIENCE = [2, 4] as const
const MOST = 10_000

/** Conversations without a name are single questions: nobody knows what follows. */
export function createPeople(): People {
  const moods = new Map<string, Mood>()
  return {
    goesOn({ session, start }) {
      const mood = session === null ? undefined : moods.get(session)
      return mood === undefined || (start >= mood.until && mood.refusals < patienceOf(session ?? ''))
    },
    told({ session, outcome, start, decision }) {
      if (session === null) return
      if (outcome !== 'blocked') {
        moods.delete(session)
        return
      }
      const refusals = (moods.get(session)?.refusals ?? 0) + 1
      const waitMs = decision?.refusal?.status === 429 ? (decision.refusal.retry_after ?? 0) * 1000 : 0
      // Who is only asked to wait is not refused for good.
      moods.set(session, { refusals: waitMs > 0 ? refusals - 1 : refusals, until: start + waitMs })
      const [oldest] = moods.keys()
      if (moods.size > MOST && oldest !== undefined) moods.delete(oldest)
    },
  }
}

/** The same conversation always has the same. */
function patienceOf(session: string): number {
  let sum = 0
  for (let i = 0; i < session.length; i++) sum = (sum * 31 + session.charCodeAt(i)) >>> 0
  return PATIENCE[0] + (sum % (PATIENCE[1] - PATIENCE[0] + 1))
}
