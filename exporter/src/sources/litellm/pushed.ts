import { attemptOf, readAttempt } from './attempt.ts'
import { eventOf } from './event.ts'
import { found, type Json, Refused } from './read.ts'
import { readRecord } from './record.ts'
import type { Reader } from './slice.ts'

/** The version of slim records that is read here. */
export const SLIM_VERSION = 1

/**
 * Reads a record that was pushed: a slim one of our gateway says its version and kind, one of LiteLLM's `generic_api` says
 * neither. Throws Refused for a version or kind that is not known, and when a field that counts is absurd.
 */
export const readPushed: Reader = (record, context) => {
  if (record.marginwatch === undefined) return eventOf(readRecord(record), context)
  checkVersion(record)
  if (record.kind === 'call') return eventOf(readRecord(record), context)
  if (record.kind === 'attempt') return attemptOf(readAttempt(record), context)
  throw new Refused(`kind is ${found(record.kind)}, expected call or attempt: ${REMEDY}`)
}

const REMEDY = 'update the exporter, or take the marginwatch.py that belongs to it'

function checkVersion({ marginwatch: version }: Json): void {
  if (version !== SLIM_VERSION)
    throw new Refused(`marginwatch is ${found(version)}, expected version ${SLIM_VERSION} of the record: ${REMEDY}`)
}
