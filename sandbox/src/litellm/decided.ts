import type { Call, Decision } from '../call.ts'
import type { Verdict } from '../decisions/asker.ts'
import type { Answer, Refusal } from '../decisions/wire.ts'
import { MODELS, type Model, nanoCost } from '../models.ts'
import { inputTokens, NO_TOKENS, outputTokens, type TokenCounts } from '../tokens.ts'

/**
 * The call as it goes after what was decided on it: refused before any provider, or answered by the model that it is sent on
 * as, no longer than it may be. `call` is how it would have gone had nobody been asked.
 */
export function decidedCall(call: Call, verdict: Verdict): Call {
  switch (verdict.kind) {
    case 'undecided':
      return { ...call, decision: decision('undecided', 'unreachable') }
    case 'refused':
      return refusedCall(call, verdict.refusal, verdict.reason)
    case 'decided':
      return answeredCall(call, verdict.answer)
  }
}

function decision(action: Decision['action'], reason: string, over: Partial<Decision> = {}): Decision {
  return { action, reason, sentAs: null, refusal: null, ...over }
}

/** As the record of a ProxyException: a failure within milliseconds that no provider heard of. */
function refusedCall(call: Call, refusal: Refusal, reason: string): Call {
  return {
    ...call,
    responseId: call.callId,
    end: call.start + 2 + (call.salt % 7),
    firstTokenMs: null,
    model: MODELS.find(({ group }) => group === call.asked) ?? null,
    stream: false,
    aborted: false,
    cacheHit: false,
    truncated: false,
    outcome: 'blocked',
    failure: 'hook_proxy',
    attempts: [],
    tokens: NO_TOKENS,
    cost: 0n,
    saved: null,
    decision: decision('block', reason, { refusal }),
  }
}

function answeredCall(call: Call, answer: Answer): Call {
  const { action, reason, model: name, max_tokens: most = null } = answer
  const sentAs = name === undefined || name === call.asked ? null : name
  const made = { ...call, decision: decision(action === 'degrade' ? 'degrade' : 'allow', reason, { sentAs }) }
  if (sentAs === null) return bounded(withoutFallback(made, answer), most)
  const target = MODELS.find(({ group }) => group === sentAs)
  return target ? bounded(movedTo(made, target), most) : unknownModel(made)
}

/** A gateway that may not fall back ends with the failure that it would have fallen back from. */
function withoutFallback(call: Call, { fallbacks }: Answer): Call {
  const last = call.attempts.at(-1)
  if (fallbacks !== 'off' || !last || call.model?.group === call.asked) return call
  const attempts = call.attempts.slice(0, -1)
  const failed = { outcome: 'failed', failure: last.failure, model: last.model, attempts } as const
  return { ...nothing(call), ...failed, end: call.start + last.tookMs }
}

function unknownModel(call: Call): Call {
  return { ...nothing(call), outcome: 'rejected', failure: 'unknown_model', model: null, end: call.start + 5 }
}

function nothing(call: Call): Call {
  const none = { stream: false, aborted: false, cacheHit: false, firstTokenMs: null, attempts: [] }
  return { ...call, ...none, responseId: call.callId, tokens: NO_TOKENS, cost: 0n, saved: null }
}

/** Another model has not seen the prompt before: it has none of it in its cache, and the answer is in nobody's. */
function movedTo(call: Call, target: Model): Call {
  const attempts = call.attempts.map((one) => ({ ...one, model: target }))
  if (call.outcome !== 'success') return { ...call, model: target, attempts }
  const tokens = { ...NO_TOKENS, input: inputTokens(call.tokens), output: outputTokens(call.tokens) }
  const responseId = call.cacheHit ? `chatcmpl-${call.hookId}` : call.responseId
  const moved = { ...call, model: target, attempts, responseId, cacheHit: false, saved: null }
  return { ...moved, tokens, cost: costOf(target, tokens), end: endOf(call, target, tokens) }
}

/** The provider stops when the answer has as many tokens as it may; what it thought comes first. */
function bounded(call: Call, most: number | null): Call {
  const { model, tokens } = call
  if (most === null || model === null || call.cacheHit || outputTokens(tokens) <= most) return call
  const reasoning = Math.min(tokens.reasoning, most)
  const cut = { ...tokens, reasoning, output: most - reasoning }
  return { ...call, truncated: true, tokens: cut, cost: costOf(model, cut), end: endOf(call, model, cut) }
}

function costOf(model: Model, tokens: TokenCounts): bigint | null {
  const cost = nanoCost(model, tokens)
  return cost === null ? null : BigInt(cost)
}

/** As much longer or shorter as this model usually takes for these tokens. */
function endOf(call: Call, model: Model, tokens: TokenCounts): number {
  const usual = (one: Model | null, output: number) => (one ? one.firstTokenMs + output * one.tokenMs : 0)
  const before = call.cacheHit ? 0 : usual(call.model, outputTokens(call.tokens))
  const now = usual(model, outputTokens(tokens))
  return call.start + 1 + Math.round(before > 0 ? ((call.end - call.start) * now) / before : now)
}
