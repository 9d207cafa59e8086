import { name } from '../../attribution/label.ts'
import type { Attempt } from '../../usage.ts'
import { type EventContext, isAhead } from './event.ts'
import { attemptKey, stampedKey } from './key.ts'
import { modelOf } from './names.ts'
import { found, type Json, object, Refused, start, text } from './read.ts'
import { errorOf } from './shared.ts'
import { type Stamp, stampOf } from './stamp.ts'

/** A failed try as our gateway reports it, which knows that the call went on. */
export interface FailedTry {
  /** Its number among the failed tries of its call, from 1. */
  readonly n: number
  readonly callId: string | null
  readonly stamp: Stamp
  /** Epoch milliseconds. */
  readonly start: number
  readonly model: string | null
  readonly provider: string | null
  readonly errorClass: string | null
}

const MOST_TRIES = 1000

/** Reads a slim record of the kind `attempt`. Throws Refused when its number or its start is absurd. */
export function readAttempt(record: Json): FailedTry {
  return {
    n: numberOf(record.n),
    callId: text(record.litellm_call_id, 200),
    stamp: stampOf(object(object(record.metadata).spend_logs_metadata)),
    start: start(record.startTime, 'startTime'),
    ...modelOf(record.model, record.custom_llm_provider),
    errorClass: errorOf(object(record.error_information), null)?.class ?? null,
  }
}

function numberOf(n: unknown): number {
  if (typeof n === 'number' && Number.isInteger(n) && n >= 1 && n <= MOST_TRIES) return n
  throw new Refused(`n is ${found(n)}, expected the number of the attempt, from 1 to ${MOST_TRIES}`)
}

/** Makes the entry of a failed try. Throws Refused when it names no call. */
export function attemptOf(failed: FailedTry, { attribution, now }: EventContext): Attempt {
  return {
    kind: 'attempt',
    version: 1,
    key: attemptKey(failed, failed.n),
    call: stampedKey(failed.stamp),
    start: isAhead(failed.start, now) ? now : failed.start,
    provider: failed.provider,
    model: name(failed.model, attribution.hash),
    errorClass: failed.errorClass,
  }
}
