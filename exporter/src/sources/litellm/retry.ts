import { HttpError } from '../../clients/http.ts'
import { LedgerBusy, LedgerUnavailable } from '../../ledger/ledger.ts'
import { BadAnswer } from './window.ts'

export interface Retry {
  readonly delayMs: number
  /** What happened and what to do, in a sentence. */
  readonly reason: string
  /** True when the answer itself is at fault, so that LiteLLM's version is worth naming. */
  readonly drift?: true
  /** True when it will not heal by itself: somebody has to change something. */
  readonly hopeless?: true
}

const FIRST = 1000
const LONGEST = 60_000
/** A wrong key or an unknown version does not heal by itself, milliseconds. */
export const HOPELESS = 300_000

/** What to do about a failed poll: how long to wait before the next, and what to tell. Never less than a second. */
export function retryOf(error: unknown, failures: number, random: () => number): Retry {
  const growing = backOff(failures, random)
  if (error instanceof HttpError) return ofHttp(error, growing, random)
  if (error instanceof BadAnswer) return { delayMs: growing, reason: `LiteLLM: ${error.message}.`, drift: true }
  if (error instanceof LedgerBusy)
    return { delayMs: Math.max(FIRST, error.retryAfterMs), reason: `The ledger has too much waiting: ${error.message}` }
  if (error instanceof LedgerUnavailable)
    return { delayMs: growing, reason: `The ledger cannot be written: ${error.message}` }
  return { delayMs: growing, reason: `The poll failed: ${error instanceof Error ? error.message : String(error)}` }
}

function ofHttp(error: HttpError, growing: number, random: () => number): Retry {
  const { status, message } = error
  const slow = spread(HOPELESS, random)
  if (status === null) return { delayMs: growing, reason: `LiteLLM cannot be reached: ${message}.` }
  if (withoutDatabase(error))
    return {
      delayMs: slow,
      hopeless: true,
      reason:
        'LiteLLM runs without a database, so it has no spend log to poll: give it one, or remove sources.litellm.poll from the policy.',
    }
  if (status === 401 || status === 403)
    return {
      delayMs: slow,
      hopeless: true,
      reason: `LiteLLM refused the key of sources.litellm.poll: ${message}. It needs a key that may view all spend.`,
    }
  if (status === 429)
    return { delayMs: Math.max(FIRST, error.retryAfterMs ?? growing), reason: `LiteLLM asks for patience: ${message}.` }
  if (status === 408 || status >= 500)
    return { delayMs: Math.max(growing, error.retryAfterMs ?? 0), reason: `LiteLLM is not well: ${message}.` }
  if (status >= 300 && status < 400)
    return {
      delayMs: slow,
      hopeless: true,
      reason: `LiteLLM points elsewhere: ${message}. Set sources.litellm.poll.url to where it answers.`,
    }
  return { delayMs: slow, hopeless: true, reason: `This LiteLLM does not know the question: ${message}.`, drift: true }
}

/** LiteLLM's several ways to say that it runs without a database. */
export function withoutDatabase(error: HttpError): boolean {
  return error.says(/prisma client is not initialized|no connected db|db not connected|database not connected/i)
}

/** Doubles from a second to a minute; half of it is chance, so that several pollers do not march in step. */
export function backOff(failures: number, random: () => number): number {
  return spread(Math.min(LONGEST, FIRST * 2 ** Math.min(failures, 10)) * 2, random)
}

/** Between half of it and all of it. */
export function spread(ms: number, random: () => number): number {
  return Math.round(ms / 2 + (random() * ms) / 2)
}
