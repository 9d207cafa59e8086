import type { Refusal } from '../decisions/wire.ts'
import { EMBEDDING, floatCost, type Model } from '../models.ts'
import { inputTokens, outputTokens, type TokenCounts } from '../tokens.ts'

/** What a call says of itself before it leaves. */
export interface Asked {
  readonly callId: string
  readonly customer: string
  readonly model: Model
  /** What was done with it, once that is known. */
  readonly action?: string
  readonly reason?: string
}

/** Whose call it is, under the names of a slim record. */
export function whose({ callId, customer, model, action, reason }: Asked): Record<string, unknown> {
  return {
    end_user: customer,
    trace_id: callId,
    call_type: 'acompletion',
    metadata: {
      user_api_key_alias: 'callers',
      spend_logs_metadata: {
        marginwatch_call_id: callId,
        marginwatch_model_asked: model.group,
        marginwatch_session: '',
        ...(action === undefined ? {} : { marginwatch_action: action, marginwatch_reason: reason ?? '' }),
      },
    },
  }
}

export interface Ended {
  /** Epoch milliseconds. */
  readonly start: number
  readonly end: number
  /** What answered, which may be another model than the one that was asked for. */
  readonly answeredBy: Model
  readonly tokens: TokenCounts
  readonly truncated: boolean
}

/** The slim record of a call that was answered. */
export function successRecord(asked: Asked, { start, end, answeredBy, tokens, truncated }: Ended): object {
  const prompt = inputTokens(tokens)
  const completion = outputTokens(tokens)
  const counts = { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion }
  const own = whose(asked)
  return {
    marginwatch: 1,
    kind: 'call',
    id: `chatcmpl-${asked.callId}`,
    litellm_call_id: asked.callId,
    status: 'success',
    startTime: start / 1000,
    endTime: end / 1000,
    model: answeredBy.name,
    custom_llm_provider: answeredBy.provider,
    model_group: answeredBy.group,
    response_cost: floatCost(answeredBy, tokens).total,
    finish_reason: truncated ? 'length' : 'stop',
    ...counts,
    ...own,
    metadata: { ...(own.metadata as object), usage_object: counts },
  }
}

/** The slim record of a call that was refused, as that of a ProxyException. */
export function refusedRecord(asked: Asked, { status, message }: Refusal, at: number): object {
  return {
    marginwatch: 1,
    kind: 'call',
    id: asked.callId,
    litellm_call_id: asked.callId,
    status: 'failure',
    startTime: at / 1000,
    endTime: at / 1000 + 0.003,
    model: asked.model.group,
    model_group: asked.model.group,
    response_cost: 0,
    error_information: { error_class: 'ProxyException', error_code: String(status), error_message: message },
    ...whose(asked),
  }
}

/** A call that somebody else made: it cost so many nano-dollars and says nothing of how long answers are. */
export function earlierRecord(callId: string, customer: string, cost: number, at: number): object {
  return {
    marginwatch: 1,
    kind: 'call',
    id: callId,
    litellm_call_id: callId,
    status: 'success',
    startTime: at / 1000,
    endTime: at / 1000 + 0.1,
    model: EMBEDDING.name,
    custom_llm_provider: EMBEDDING.provider,
    model_group: EMBEDDING.group,
    response_cost: cost / 1e9,
    prompt_tokens: 1_000,
    total_tokens: 1_000,
    ...whose({ callId, customer, model: EMBEDDING }),
    call_type: 'aembedding',
  }
}
