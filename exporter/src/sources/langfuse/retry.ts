import { HttpError } from '../../clients/http.ts'
import { BadAnswer } from '../../clients/langfuse.ts'
import { LedgerBusy, LedgerUnavailable } from '../../ledger/ledger.ts'
import { backOff, HOPELESS, spread } from '../litellm/retry.ts'
import { TooMuch } from './pages.ts'

export interface Retry {
  readonly delayMs: number
  /** What happened and what to do, in a sentence. */
  readonly reason: string
  /** True when Langfuse itself has said how long to wait. */
  readonly patience?: true
  /** True when it will not heal by itself: somebody has to change something. */
  readonly hopeless?: true
}

const FIRST = 1000

/** The server has neither version of what is needed. */
export class Unsupported extends Error {
  override readonly name = 'Unsupported'
}

/** What to do about a failed round: how long to wait before the next, and what to tell. `name` is the project's in the policy. */
export function retryOf(error: unknown, failures: number, name: string, random: () => number): Retry {
  const growing = backOff(failures, random)
  if (error instanceof HttpError) return ofHttp(error, { name, growing, slow: spread(HOPELESS, random) })
  if (error instanceof Unsupported)
    return { delayMs: spread(HOPELESS, random), hopeless: true, reason: `Langfuse: ${error.message}.` }
  if (error instanceof BadAnswer || error instanceof TooMuch)
    return { delayMs: growing, reason: `Langfuse: ${error.message}.` }
  if (error instanceof LedgerBusy)
    return { delayMs: Math.max(FIRST, error.retryAfterMs), reason: `The ledger has too much waiting: ${error.message}` }
  if (error instanceof LedgerUnavailable)
    return { delayMs: growing, reason: `The ledger cannot be written: ${error.message}` }
  return { delayMs: growing, reason: `Reading failed: ${error instanceof Error ? error.message : String(error)}` }
}

function ofHttp(error: HttpError, { name, growing, slow }: { name: string; growing: number; slow: number }): Retry {
  const { status, message } = error
  const hopeless = { delayMs: slow, hopeless: true } as const
  if (status === null) return { delayMs: growing, reason: `Langfuse cannot be reached: ${message}.` }
  if (status === 401)
    return {
      ...hopeless,
      reason:
        `Langfuse refused the keys of the project ${name}: ${message}. Set public_key and secret_key of this project to a pair from ` +
        'its settings, and url to the Langfuse that made them: each region of the cloud has an address of its own.',
    }
  if (status === 403)
    return {
      ...hopeless,
      reason: `The keys of the project ${name} may not read it: ${message}. It needs a key pair of the project, not of the organisation.`,
    }
  if (status === 429)
    return {
      delayMs: Math.max(FIRST, error.retryAfterMs ?? growing),
      patience: true,
      reason: `Langfuse asks for patience: ${message}.`,
    }
  if (status === 408 || status === 422 || status >= 500)
    return { delayMs: Math.max(growing, error.retryAfterMs ?? 0), reason: `Langfuse is not well: ${message}.` }
  if (status >= 300 && status < 400)
    return {
      ...hopeless,
      reason: `Langfuse points elsewhere: ${message}. Set the url of the project ${name} to where it answers.`,
    }
  return { ...hopeless, reason: `This Langfuse does not know the question: ${message}.` }
}
