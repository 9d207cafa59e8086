import { HttpError } from '../../clients/http.ts'
import { LedgerBusy, LedgerUnavailable } from '../../ledger/ledger.ts'
import { BadAnswer } from './engine.ts'

export interface Retry {
  readonly delayMs: number
  /** What happened and what to do, in a sentence. */
  readonly reason: string
}

const FIRST = 1000
const LONGEST = 60_000

/** What to do about a failed look: how long to wait before the next, and what to tell. Never less than a second. */
export function retryOf(error: unknown, failures: number, random: () => number): Retry {
  const growing = Math.min(LONGEST, FIRST * 2 ** Math.min(failures, 10))
  // Half of it is chance, so that several readers do not march in step.
  const delayMs = Math.round(growing + random() * growing)
  if (error instanceof HttpError) return { delayMs, reason: ofHttp(error) }
  if (error instanceof BadAnswer) return { delayMs, reason: `This is no Docker engine: ${error.message}.` }
  if (error instanceof LedgerBusy)
    return {
      delayMs: Math.max(delayMs, error.retryAfterMs),
      reason: `The ledger has too much waiting: ${error.message}`,
    }
  if (error instanceof LedgerUnavailable) return { delayMs, reason: `The ledger cannot be written: ${error.message}` }
  return { delayMs, reason: `Reading containers failed: ${error instanceof Error ? error.message : String(error)}` }
}

/** What went wrong with a call, in a sentence. */
export function ofHttp({ status, kind, message, cause }: HttpError): string {
  const code = String((cause as { code?: unknown } | undefined)?.code ?? '')
  if (code === 'EACCES')
    return `The Docker engine's socket may not be read: ${message}. Give this program's user its group, or use a socket proxy.`
  if (code === 'ENOENT' || code === 'ECONNREFUSED')
    return `The Docker engine cannot be reached: ${message}. Is it running, and is its socket mounted where sources.docker.url says?`
  if (kind === 'deadline') return `The Docker engine is slow: ${message}.`
  if (status === null) return `The Docker engine cannot be reached: ${message}.`
  if (status === 401 || status === 403)
    return `The Docker engine's socket proxy refuses: ${message}. It must allow GET of /containers (CONTAINERS=1).`
  return `The Docker engine refuses: ${message}.`
}
