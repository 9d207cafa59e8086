import { createHash } from 'node:crypto'
import type { Attempt, Call } from '../../call.ts'
import { ERRORS } from '../../litellm/errors.ts'
import { clientTags, HOOK_CALL_ID, notedSession, usageObject } from '../../litellm/parts.ts'
import { pushRecord } from '../../litellm/push.ts'
import { floatCost, type Model } from '../../models.ts'
import type { ObservationInput } from '../observation.ts'
import { observationOf } from '../otlp/observe.ts'
import type { Attributes } from '../otlp/spans.ts'

/** Name of the span that LiteLLM writes for a try, and of what it writes below it. */
export const LITELLM_SPAN = 'litellm_request'
export const RAW_SPAN = 'raw_gen_ai_request'

/** Ids in OpenTelemetry's form, the same for the same call and thing. */
export function spanId(call: Call, what: string): string {
  return createHash('sha256').update(`${call.hookId} ${what}`).digest('hex').slice(0, 16)
}

export function otelTrace(call: Call): string {
  return call.traceId.replaceAll('-', '')
}

/** One try of a call: what its span says of itself. */
interface Try {
  readonly what: string
  readonly start: number
  readonly end: number
  readonly model: Model | null
  readonly failure: Call['failure']
}

export interface LitellmSpanOptions {
  /** Whether our gateway hook put the call's id where the callback passes it on. */
  readonly hook: boolean
  readonly environment: string
  readonly parent: string | null
}

/**
 * What the `langfuse_otel` callback of LiteLLM 1.106.2 leaves of a call, by Langfuse's own mapping: each earlier try as a failed
 * generation, then the outcome; a success has a span of its raw request below it, without cost. What LiteLLM does not price
 * costs 0; its session is the customer where the client named none.
 */
export function litellmObservations(call: Call, options: LitellmSpanOptions): ObservationInput[] {
  const tries = call.attempts.map((attempt, index) => tryOf(call, attempt, index))
  const last: Try = { what: 'call', start: call.start, end: call.end, model: call.model, failure: call.failure }
  const generations = [...tries, last].map((one) => generation(call, one, options))
  if (call.outcome !== 'success') return generations
  const raw = span(call, {
    what: 'raw',
    name: RAW_SPAN,
    parent: spanId(call, 'call'),
    start: call.start,
    end: call.end,
    failed: false,
    attributes: { [`llm.${call.model?.provider ?? 'openai'}.stringified_raw_response`]: 'redacted-by-litellm' },
    environment: options.environment,
  })
  return [...generations, raw]
}

function tryOf(call: Call, { beforeMs, tookMs, model, failure }: Attempt, index: number): Try {
  const start = call.start - beforeMs
  return { what: `try ${index}`, start, end: start + tookMs, model, failure }
}

function generation(call: Call, one: Try, { hook, environment, parent }: LitellmSpanOptions): ObservationInput {
  return span(call, {
    what: one.what,
    name: LITELLM_SPAN,
    parent,
    start: one.start,
    end: one.end,
    failed: one.failure !== null,
    attributes: { ...request(call, one), ...answer(call, one), ...whose(call, hook), ...error(call, one) },
    environment,
  })
}

interface SpanParts {
  readonly what: string
  readonly name: string
  readonly parent: string | null
  readonly start: number
  readonly end: number
  readonly failed: boolean
  readonly attributes: Attributes
  readonly environment: string
}

function span(call: Call, parts: SpanParts): ObservationInput {
  const { what, name, parent, start, end, failed, attributes, environment } = parts
  return observationOf({
    traceId: otelTrace(call),
    id: spanId(call, what),
    parentId: parent,
    name,
    start,
    end,
    attributes,
    resource: { 'service.name': 'litellm', 'deployment.environment': environment, model_id: 'litellm' },
    scope: { name: 'litellm', version: '', attributes: {} },
    status: { failed, message: '' },
  })
}

/** The name without its provider, as the callback has it. */
export function bareName(model: Model | null, asked: string): string {
  return model === null ? asked : model.name.slice(model.name.indexOf('/') + 1)
}

function request(call: Call, { model, failure }: Try): Attributes {
  const embedding = call.callType === 'aembedding'
  return {
    'openinference.span.kind': embedding ? 'EMBEDDING' : 'LLM',
    metadata: JSON.stringify(pushRecord({ ...call, failure, model }, { slim: true }).metadata),
    'llm.model_name': bareName(model, call.asked),
    'llm.request.type': call.callType,
    'llm.provider': model?.provider ?? 'Unknown',
    'llm.is_streaming': call.stream && failure === null ? 'True' : 'False',
    'litellm.trace_id': notedSession(call),
    'langfuse.observation.type': 'generation',
  }
}

function answer(call: Call, { model, failure }: Try): Attributes {
  const paid = failure === null && model !== null && !call.cacheHit
  const cost = paid ? floatCost(model, call.tokens).total : 0
  const money = { 'llm.cost.total': cost, 'llm.response.cost': cost }
  if (failure !== null || model === null) return money
  const usage = usageObject(call, model) as Usage
  const details = { ...usage.prompt_tokens_details, ...usage.completion_tokens_details }
  const said: Record<string, number | null | undefined> = {
    'llm.token_count.total': usage.total_tokens,
    'llm.token_count.prompt': usage.prompt_tokens,
    'llm.token_count.completion': usage.completion_tokens,
    'llm.token_count.prompt_details.cache_read': details.cached_tokens,
    'llm.token_count.prompt_details.cache_write': usage.cache_creation_input_tokens,
    'llm.token_count.completion_details.reasoning': details.reasoning_tokens,
  }
  const counts = Object.entries(said).filter((entry): entry is [string, number] => Boolean(entry[1]))
  return {
    'llm.response.id': call.responseId,
    'llm.response.model': bareName(model, call.asked),
    ...Object.fromEntries(counts),
    ...money,
  }
}

interface Usage {
  readonly total_tokens: number
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly cache_creation_input_tokens?: number
  readonly prompt_tokens_details?: { readonly cached_tokens?: number | null } | null
  readonly completion_tokens_details?: { readonly reasoning_tokens?: number | null } | null
}

function whose(call: Call, hook: boolean): Attributes {
  if (call.failure === 'bad_key') return {}
  const session = call.session ?? call.customer
  const stamped = hook && call.failure !== 'native_budget'
  return {
    ...(session === null ? {} : { 'session.id': session }),
    'langfuse.trace.tags': JSON.stringify(clientTags(call)),
    ...(stamped ? { 'langfuse.trace.metadata': JSON.stringify({ [HOOK_CALL_ID]: call.hookId }) } : {}),
  }
}

function error(call: Call, { failure, model }: Try): Attributes {
  if (failure === null) return {}
  const { code, class: type, message } = ERRORS[failure]
  return { 'error.code': code, 'error.type': type, 'error.message': message(call, model) }
}
