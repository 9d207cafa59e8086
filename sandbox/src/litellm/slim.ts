import type { Attempt, Call } from '../call.ts'
import { errorInformation } from './errors.ts'
import { routed, spendLogsMetadata, taggedWith } from './parts.ts'
import { finishReason, type PushRecord, pushRecord, seconds } from './push.ts'

/** Version of the slim record. */
const VERSION = 1
const MESSAGE = 300

/**
 * What the gateway's own callback posts for a call, in order: each try that failed before a retry or a fallback as an attempt,
 * then the call. It stamps every call that reaches it.
 */
export function slimRecords(call: Call): SlimRecord[] {
  return [...call.attempts.map((attempt, index) => slimAttempt(call, attempt, index + 1)), slimCall(call)]
}

/** A subset of LiteLLM's record under its own names, with the few things that are read of the answer beside them. */
export interface SlimRecord {
  readonly marginwatch: number
  readonly kind: 'call' | 'attempt'
  readonly [field: string]: unknown
}

const PLAIN = [
  'id',
  'litellm_call_id',
  'trace_id',
  'call_type',
  'stream',
  'status',
  'startTime',
  'endTime',
  'completionStartTime',
  'model',
  'custom_llm_provider',
  'model_group',
  'response_cost',
  'cache_hit',
  'saved_cache_cost',
  'prompt_tokens',
  'completion_tokens',
  'total_tokens',
  'end_user',
] as const satisfies readonly (keyof PushRecord)[]

function slimCall(call: Call): SlimRecord {
  const whole = pushRecord(call, { prompts: false, hook: true })
  const { metadata, model_map_information: known } = whole
  const success = call.outcome === 'success'
  return {
    marginwatch: VERSION,
    kind: 'call',
    ...said(Object.fromEntries(PLAIN.map((name) => [name, whole[name]]))),
    ...said({
      request_tags: tagsOf(call),
      error_information: success ? null : slimError(whole.error_information),
      metadata: said({ usage_object: saidWithin(metadata.usage_object), ...owners(whole), ...routed(call) }),
      finish_reason: success && call.callType === 'acompletion' ? finishReason(call) : null,
      context_window: known.model_map_value?.max_input_tokens ?? null,
    }),
  }
}

/** What is known of a call before it leaves: whose it is, under the names of its record. */
export function whoseCall(call: Call): Readonly<Record<string, unknown>> {
  const whole = pushRecord(call, { slim: true, hook: true })
  const { end_user, trace_id, call_type } = whole
  return said({ end_user, trace_id, call_type, request_tags: tagsOf(call), metadata: said(owners(whole)) })
}

function tagsOf(call: Call): readonly string[] {
  return call.failure === 'bad_key' ? [] : taggedWith(call)
}

function owners({ metadata }: PushRecord): Record<string, unknown> {
  const { headers: _headers, tags: _tags, ...requester } = metadata.requester_metadata ?? { headers: null, tags: null }
  return {
    spend_logs_metadata: metadata.spend_logs_metadata,
    user_api_key_alias: metadata.user_api_key_alias,
    user_api_key_end_user_id: metadata.user_api_key_end_user_id,
    user_api_key_request_route: metadata.user_api_key_request_route,
    requester_metadata: requester,
    requester_custom_headers: metadata.requester_custom_headers ?? {},
  }
}

function slimAttempt(call: Call, { failure, model, beforeMs, tookMs }: Attempt, n: number): SlimRecord {
  const start = call.start - beforeMs
  return {
    marginwatch: VERSION,
    kind: 'attempt',
    n,
    litellm_call_id: call.callId,
    startTime: seconds(call, start),
    endTime: seconds(call, start + tookMs),
    model: model.name,
    custom_llm_provider: model.provider,
    model_group: model.group,
    error_information: slimError(errorInformation(call, failure, model)),
    metadata: { spend_logs_metadata: spendLogsMetadata(call, { hook: true }) },
  }
}

function slimError(error: ReturnType<typeof errorInformation>) {
  const { error_class, error_code, error_message, llm_provider, normalized_error, error_rate_limit_category } = error
  const message = error_message.slice(0, MESSAGE)
  const known = { error_class, error_code, llm_provider, normalized_error, error_rate_limit_category }
  return said({ ...known, error_message: message })
}

/** Without what is absent or empty, on this level. What the hook noted stays as it is: an empty session says that there is none. */
function said(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isNothing(value)))
}

/** The same on every level. */
function saidWithin(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const within = Object.entries(fields).map(([name, value]): [string, unknown] => [
    name,
    typeof value === 'object' && value !== null ? saidWithin(value as Record<string, unknown>) : value,
  ])
  return said(Object.fromEntries(within))
}

function isNothing(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true
  return typeof value === 'object' && Object.keys(value).length === 0
}
