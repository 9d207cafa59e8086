import { HttpError } from '../../clients/http.ts'

/** What becomes of events that could not be written. */
export type Retry =
  /** It would be refused again. */
  | { readonly do: 'drop' }
  /** `patience`: Langfuse has said so itself, and is not asked before. */
  | { readonly do: 'wait'; readonly ms: number; readonly patience: boolean }

const FIRST_MS = 1_000
const LONGEST_MS = 60_000
/** A body that is malformed or too large stays so. */
const REFUSED: ReadonlySet<number | null> = new Set([400, 413, 415, 422])

/** Waits a second, then ever longer up to a minute, spread by half; as long as Langfuse asks where it does. */
export function retryOf(error: unknown, failures: number, random: () => number): Retry {
  const growing = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 10)) * (0.5 + random() / 2)
  if (!(error instanceof HttpError)) return { do: 'wait', ms: growing, patience: false }
  const { status, retryAfterMs } = error
  if (REFUSED.has(status)) return { do: 'drop' }
  if (status === 429) return { do: 'wait', ms: Math.max(FIRST_MS, retryAfterMs ?? growing), patience: true }
  return { do: 'wait', ms: Math.max(growing, retryAfterMs ?? 0), patience: false }
}
