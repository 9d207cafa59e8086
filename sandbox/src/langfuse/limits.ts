import type { Limited } from './answers.ts'

/** What is counted together. */
export type Bucket = 'metrics' | 'general' | 'legacy' | 'v1-metrics' | 'daily' | 'ingestion'
export const PLANS = ['hobby', 'core', 'pro'] as const
export type Plan = (typeof PLANS)[number]

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

interface Window {
  readonly points: number
  readonly ms: number
}

const WINDOWS: Readonly<Record<Bucket, Readonly<Record<Plan, Window>>>> = {
  metrics: { hobby: { points: 100, ms: DAY }, core: { points: 100, ms: HOUR }, pro: { points: 500, ms: HOUR } },
  general: {
    hobby: { points: 30, ms: MINUTE },
    core: { points: 1000, ms: MINUTE },
    pro: { points: 1000, ms: MINUTE },
  },
  legacy: { hobby: { points: 15, ms: MINUTE }, core: { points: 30, ms: MINUTE }, pro: { points: 100, ms: MINUTE } },
  'v1-metrics': { hobby: { points: 100, ms: DAY }, core: { points: 2000, ms: DAY }, pro: { points: 2000, ms: DAY } },
  daily: { hobby: { points: 10, ms: DAY }, core: { points: 200, ms: DAY }, pro: { points: 200, ms: DAY } },
  ingestion: {
    hobby: { points: 1000, ms: MINUTE },
    core: { points: 20_000, ms: MINUTE },
    pro: { points: 20_000, ms: MINUTE },
  },
}

export interface Limits {
  /** Counts a request of an organisation; null when it may go on. */
  take(organisation: string, bucket: Bucket, plan: Plan, now: number): Limited | null
}

/**
 * Langfuse Cloud's rate limits: fixed windows by organisation and bucket, begun by the first request. The request that takes the
 * last point is refused already: of 100, 99 are answered.
 */
export function createLimits(): Limits {
  const windows = new Map<string, { resetAt: number; taken: number }>()
  return {
    take(organisation, bucket, plan, now) {
      const { points, ms } = WINDOWS[bucket][plan]
      const key = `${organisation} ${bucket}`
      let window = windows.get(key)
      if (!window || window.resetAt <= now) {
        window = { resetAt: now + ms, taken: 0 }
        windows.set(key, window)
      }
      window.taken += 1
      if (points - window.taken >= 1) return null
      const retryAfterSeconds = Math.ceil((window.resetAt - now) / 1000)
      return { retryAfterSeconds, limit: points, resetAt: window.resetAt }
    },
  }
}
