import type { Call } from '../call.ts'
import type { Question } from '../decisions/wire.ts'
import { inputTokens, outputTokens } from '../tokens.ts'
import { whoseCall } from './slim.ts'

/** Bounds that clients set, and the share of them that sets one. */
const BOUNDS = [256, 512, 1024, 2048, 4096]
const BOUNDED_SHARE = 0.4

/** Whether a call comes as far as our hook: LiteLLM itself turns some away before it. */
export function reachesHook({ failure }: Call): boolean {
  return failure !== 'bad_key' && failure !== 'native_budget'
}

/** What our hook asks before a call leaves. */
export function questionOf(call: Call): Question {
  const bound = boundOf(call)
  return {
    version: 1,
    call_id: call.hookId,
    model: call.asked,
    call_type: call.callType,
    stream: call.stream,
    ...(bound === null ? {} : { max_tokens: bound }),
    n: 1,
    input: { bytes: bytesOf(call), images: 0, opaque: 0, cache_writes: writesCache(call) },
    needs: [],
    record: whoseCall(call),
  }
}

/** What the client allows the answer to be; null = whatever the model may. The answer that it got fits. */
function boundOf(call: Call): number | null {
  if (call.callType !== 'acompletion' || (call.salt % 1000) / 1000 >= BOUNDED_SHARE) return null
  return BOUNDS.find((bound) => bound >= outputTokens(call.tokens)) ?? null
}

/** Of a call that fails nobody knows how long it was: some hundred tokens. About four bytes of text are a token, give or take a tenth. */
function bytesOf(call: Call): number {
  const tokens = inputTokens(call.tokens) || 100 + (call.salt % 900)
  return Math.round(tokens * (3.6 + ((call.salt >>> 8) % 800) / 1000))
}

/** A client says so in its request. */
function writesCache({ tokens }: Call): boolean {
  return (tokens.cacheWrite5m ?? 0) + (tokens.cacheWrite1h ?? 0) > 0
}
