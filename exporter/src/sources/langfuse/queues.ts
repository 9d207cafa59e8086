import { HttpError } from '../../clients/http.ts'
import { langfuseQueues, type QueueJobs } from '../../clients/langfuse.ts'
import type { LangfusePolicy } from '../../policy/policy.ts'
import type { SourceDeps } from '../source.ts'

/** The depth of a Langfuse's queues, as far as it was told lately. */
export interface QueueWatch {
  /** Asks, once a minute at most; never rejects for the server's sake. Resolves with what is worth knowing, or null. */
  look(settings: LangfusePolicy, signal: AbortSignal): Promise<string | null>
  /** What was told last; nothing when that is too long ago. */
  readings(now: number): readonly QueueJobs[]
  forget(): void
}

const EVERY = 60_000
/** After this a reading stands for nothing any more. */
const OLD = 5 * EVERY

export function watchQueues({ now }: Pick<SourceDeps, 'now'>): QueueWatch {
  let last: { readonly at: number; readonly jobs: readonly QueueJobs[] } | null = null
  let askedAt = Number.NEGATIVE_INFINITY
  let note: string | null = null
  return {
    async look({ url, adminKey: key, timeoutMs, name }, signal) {
      if (key === null) {
        last = null
        return null
      }
      if (now() - askedAt < EVERY) return note
      askedAt = now()
      try {
        last = { at: now(), jobs: await langfuseQueues({ baseUrl: url, key, timeoutMs, now }, signal) }
        note = null
      } catch (error) {
        if (!(error instanceof HttpError)) throw error
        note = `Its queues cannot be read with the admin_key of the project ${name}: ${error.message}.`
      }
      return note
    },
    readings: (at) => (last !== null && at - last.at <= OLD ? last.jobs : []),
    forget() {
      last = null
      askedAt = Number.NEGATIVE_INFINITY
    },
  }
}
