import type { Tokens } from '../../usage.ts'
import { keyBeside, keyOf, stampedKey } from '../litellm/key.ts'
import { object, Refused, text } from '../litellm/read.ts'
import { type Stamp, stampOf } from '../litellm/stamp.ts'
import type { Metadata } from './metadata.ts'

/** What our gateway hook put on the call of a row, wherever a callback of LiteLLM's has passed it on. */
export function rowStamp({ tree, litellm }: Metadata): Stamp {
  const logged = [object(litellm.spend_logs_metadata), object(tree.spend_logs_metadata)]
  const requester = object(tree.requester_metadata)
  const asked = object(litellm.requester_metadata)
  // What the hook writes last, over whatever a client has sent, comes first; what only a client can have written, last.
  const places = [...logged, tree, requester, object(requester.trace_metadata), asked]
  const found = places.find((place) => stampedKey(stampOf(place)) !== null)
  return stampOf(found ?? {})
}

/** What of a row says which call it was. */
export interface RowCall {
  readonly metadata: Metadata
  readonly failed: boolean
  readonly tokens: Tokens | null
}

/**
 * The key of the event of a row's call: by the id that our gateway hook stamped on it, else by LiteLLM's own ids as
 * `sources/litellm/key.ts` joins them. A failure's is that of a call that finally failed. Null when the row names no call.
 */
export function callKeyOf({ metadata, failed, tokens }: RowCall): string | null {
  const stamped = stampedKey(rowStamp(metadata))
  if (stamped !== null) return failed ? keyBeside(stamped, 'failed') : stamped
  const { tree, litellm } = metadata
  const attributes = object(tree.attributes)
  const hidden = object(tree.hidden_params)
  const callId =
    text(tree.litellm_call_id, 200) ?? text(litellm.litellm_call_id, 200) ?? text(hidden.litellm_call_id, 200)
  const llm = object(attributes.llm)
  const responseId = text(tree.response_id, 600) ?? text(object(llm.response).id, 600)
  if (callId === null || (!failed && responseId === null)) return null
  try {
    return keyOf({ callId, responseId, success: !failed, tokens, stamp: { callId: null } })
  } catch (error) {
    if (error instanceof Refused) return null
    throw error
  }
}

/** Keys under any of which the gateway may have told of the call: a try that failed before a retry has the key of no event. */
export function knownKeys(key: string): readonly string[] {
  return key.endsWith(FAILED) ? [key, key.slice(0, -FAILED.length)] : [key]
}

const FAILED = ':failed'
