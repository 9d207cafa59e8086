import { type Call, createTraffic, type PushRecord, pushRecord } from '@marginwatch/sandbox'

/** Calls without end: number n is always the same call, and no two have an id in common. */
export interface Varied {
  call(n: number): Call
  /** What LiteLLM would push of it. */
  record(n: number): PushRecord
  /** The key under which it is one event. */
  key(n: number): string
}

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** One in so many began long before all others, so that its key lies beyond what is kept in memory. */
const OLD = 97
const OLD_BY = 40 * DAY

/** Varies an hour of traffic that ended at `now`. */
export function varied(seed: number, now: number): Varied {
  const pool = [...createTraffic({ seed }).calls(now - HOUR, now, { density: 2 })].filter(
    ({ attempts, cacheHit }) => attempts.length === 0 && !cacheHit,
  )
  const call = (n: number): Call => {
    const base = pool[n % pool.length] as Call
    const back = n % OLD === 0 ? OLD_BY : 0
    const callId = `call-${seed}-${n}`
    return { ...base, callId, responseId: `chatcmpl-${seed}-${n}`, start: base.start - back, end: base.end - back }
  }
  return {
    call,
    record: (n) => pushRecord(call(n), { slim: true }),
    key(n) {
      const { callId, responseId, outcome } = call(n)
      return outcome === 'success' ? `litellm:${callId}:${responseId}` : `litellm:${callId}:failed`
    },
  }
}
