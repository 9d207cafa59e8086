import { createHash } from 'node:crypto'
import { totalTokens } from '../../usage.ts'
import type { Call } from './call.ts'
import { Refused } from './read.ts'
import type { Stamp } from './stamp.ts'

type Named = Pick<Call, 'callId' | 'responseId' | 'success' | 'tokens'> & { readonly stamp: Pick<Stamp, 'callId'> }

const LONGEST = 512
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
/** A cache hit repeats the answer's id with the time of the report, and that differs between record and row. */
const CACHE_HIT = /_cache_hit[\d.]*$/
/** The spend log marks the row that holds a batch's cost. */
const BATCH_COST = /_batch_cost$/
/** An earlier try that the provider charged for has a row of its own. */
const ATTEMPT = /-attempt-\d+$/

/**
 * What makes a call the same call, however it was reported: the id that our hook stamped on it, else LiteLLM's id of the call
 * with the answer's id, since a client can choose the first and a cache repeats the second. A failure never shares the key
 * of a success: a try that failed before a retry carries the ids of the call that then succeeded, and must not hide its
 * cost. Throws Refused when the record names no id at all.
 */
export function keyOf(call: Named): string {
  return bounded(call.success ? successKey(call) : failureKey(call))
}

/** The key of what goes with a call: the call's own, and what it is. */
export function keyBeside(key: string, what: string): string {
  return bounded(`${key}:${what}`)
}

/** The key that a call has when it succeeds, by the id that our hook stamped on it; null without one. */
export function stampedKey({ callId }: Pick<Stamp, 'callId'>): string | null {
  return callId !== null && UUID.test(callId) ? `litellm:${callId.toLowerCase()}` : null
}

/** The key of a failed try, by the number that it has among those of its call. Throws Refused without an id. */
export function attemptKey(call: Pick<Named, 'callId' | 'stamp'>, n: number): string {
  const { callId } = call
  const own = stampedKey(call.stamp) ?? (callId === null ? null : `litellm:${callId}`)
  if (own === null) throw none()
  return keyBeside(own, `attempt:${n}`)
}

function bounded(key: string): string {
  return key.length <= LONGEST ? key : `litellm:sha256:${createHash('sha256').update(key).digest('hex')}`
}

function successKey({ stamp, callId, responseId, tokens }: Named): string {
  const stamped = stampedKey(stamp)
  if (stamped !== null) return stamped
  if (callId === null && responseId === null) throw none()
  const answer = (responseId ?? callId ?? '').replace(CACHE_HIT, '').replace(BATCH_COST, '')
  return `litellm:${callId ?? ''}:${isEncrypted(answer, callId) ? `resp-${totalTokens(tokens ?? {})}` : answer}`
}

/**
 * The id of an answer of `/v1/responses` is encrypted anew on its way to the client, so record and row may hold different
 * ones. There the tokens stand for it: they tell two calls apart on which a client put one call id.
 */
function isEncrypted(answer: string, callId: string | null): boolean {
  return answer.startsWith('resp_') && callId !== null
}

function failureKey({ stamp, callId, responseId }: Named): string {
  const id = callId ?? responseId
  const stamped = stampedKey(stamp)
  if (stamped !== null) return `${stamped}:failed${ATTEMPT.exec(id ?? '')?.[0] ?? ''}`
  if (id === null) throw none()
  return `litellm:${id}:failed`
}

function none(): Refused {
  return new Refused(
    'litellm_call_id and id are absent, expected one of them: without an id the call cannot be counted once',
  )
}
