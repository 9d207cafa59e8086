import { HttpError } from '../clients/http.ts'
import { redact } from '../redact.ts'
import { isRefusal } from './carry-out.ts'

export interface Trouble {
  readonly delayMs: number
  /** What happened and what to do, in a sentence. */
  readonly reason: string
}

const FIRST = 1000
const LONGEST = 60_000
/** A key that may not write, or a LiteLLM that cannot, does not change by itself. */
const HOPELESS = 300_000

/** This LiteLLM has no such endpoints. */
export class CannotBeWritten extends Error {
  override readonly name = 'CannotBeWritten'
}

/** What to do about a round that failed: how long to wait before the next, and what to tell. */
export function troubleOf(error: unknown, failures: number, random: () => number): Trouble {
  const soon = spread(Math.min(LONGEST, FIRST * 2 ** Math.min(failures, 10)) * 2, random)
  const late = spread(HOPELESS, random)
  if (error instanceof CannotBeWritten) return { delayMs: late, reason: error.message }
  if (!(error instanceof HttpError))
    return {
      delayMs: soon,
      reason: `LiteLLM's budgets: ${redact(error instanceof Error ? error.message : String(error))}`,
    }
  if (error.says(/prisma client is not initialized|no connected db|db not connected|database not connected/i))
    return {
      delayMs: late,
      reason:
        'LiteLLM runs without a database, so it has no budgets: give it one, or take budgets.backstop out of the policy.',
    }
  if (isRefusal(error))
    return {
      delayMs: late,
      reason: `LiteLLM does not let the key of sources.litellm.poll write budgets (${error.status}): it needs the key of a user with the role proxy_admin, or a policy without budgets.backstop.`,
    }
  if (error.status === null) return { delayMs: soon, reason: `LiteLLM cannot be reached: ${error.message}.` }
  return {
    delayMs: Math.max(soon, error.retryAfterMs ?? 0),
    reason: `LiteLLM did not take what was written: ${error.message}.`,
  }
}

/** Between half of it and all of it, so that several exporters do not march in step. */
function spread(ms: number, random: () => number): number {
  return Math.round(ms / 2 + (random() * ms) / 2)
}
