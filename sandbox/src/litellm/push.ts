import { type Call, type Failure, sentAs } from '../call.ts'
import { inputTokens, outputTokens } from '../tokens.ts'
import { floatCost, type Model } from '../models.ts'
import { errorInformation } from './errors.ts'
import {
  apiKeyHash,
  clientTags,
  costBreakdown,
  hexOf,
  modelMap,
  notedSession,
  type RecordOptions,
  requestTags,
  spendLogsMetadata,
  usageObject,
  userAgent,
} from './parts.ts'

/**
 * What LiteLLM's `generic_api` callback posts for a call (StandardLoggingPayload of 1.106.2), with its oddities: the
 * client's session is in `trace_id` and `session_id` is empty; `response_time` of a stream is the time to its first token;
 * money is a binary float; a cache hit costs 0 but has tokens and a full `cost_breakdown`, and its `id` ends in
 * `_cache_hit<time>`; a model without a price costs 0.
 */
export function pushRecord(call: Call, options: RecordOptions = {}) {
  return record(call, options, {
    failure: call.failure,
    model: call.model,
    start: call.start,
    end: call.end,
    attempted: call.attempts.length,
  })
}

/** Everything that the callback posts for a call, in order: each earlier try as a failure with the same id, then the outcome. */
export function pushRecords(call: Call, options: RecordOptions = {}) {
  const tries = call.attempts.map(({ failure, model, beforeMs, tookMs }) =>
    record(call, options, {
      failure,
      model,
      start: call.start - beforeMs,
      end: call.start - beforeMs + tookMs,
      attempted: 0,
    }),
  )
  return [...tries, pushRecord(call, options)]
}

/** One try of a call: what differs between the records of a call. */
interface Try {
  readonly failure: Failure | null
  readonly model: Model | null
  readonly start: number
  readonly end: number
  readonly attempted: number
}

function record(call: Call, options: RecordOptions, one: Try) {
  const success = one.failure === null
  const model = one.model
  const stream = success && call.stream
  const start = seconds(call, one.start)
  const end = seconds(call, one.end)
  const firstToken = stream && call.firstTokenMs !== null ? seconds(call, one.start + call.firstTokenMs) : end
  const cost = success && model ? floatCost(model, call.tokens) : null
  const tags = requestTags(call)
  return {
    id: recordId(call, success),
    litellm_call_id: call.callId,
    trace_id: notedSession(call),
    session_id: '',
    call_type: call.callType,
    cache_hit: success ? (call.cacheHit ? true : stream ? false : null) : false,
    stream: stream ? true : null,
    status: success ? 'success' : 'failure',
    status_fields: { llm_api_status: success ? 'success' : 'failure', guardrail_status: 'not_run' },
    custom_llm_provider: model?.provider ?? null,
    saved_cache_cost: call.cacheHit && cost ? cost.total : 0,
    startTime: start,
    endTime: end,
    completionStartTime: firstToken,
    response_time: stream ? firstToken - start : end - start,
    model: model?.name ?? call.asked,
    metadata: metadata(call, options, success ? model : null),
    cache_key: call.cacheHit ? hexOf(call.responseId) : null,
    response_cost: cost && !call.cacheHit ? cost.total : 0,
    cost_breakdown: cost ? costBreakdown(cost) : null,
    autorouter_savings: null,
    autorouter_savings_estimate: null,
    autorouter_baseline_observation: null,
    total_tokens: success ? inputTokens(call.tokens) + outputTokens(call.tokens) : 0,
    prompt_tokens: success ? inputTokens(call.tokens) : 0,
    completion_tokens: success ? outputTokens(call.tokens) : 0,
    request_tags: tags,
    request_model_access_groups: [],
    end_user: call.customer,
    api_base: model?.apiBase ?? '',
    model_group: model?.group ?? '',
    model_id: model?.id ?? '',
    requester_ip_address: '127.0.0.1',
    user_agent: userAgent(call),
    messages: messages(call, options),
    response: success ? response(call, options) : {},
    model_parameters: modelParameters(call),
    hidden_params: hiddenParams(call, success ? model : null, one.attempted),
    model_map_information: modelMap(model, options.slim ?? false),
    error_str: success ? null : errorInformation(call, one.failure, model).error_message,
    error_information: errorInformation(call, one.failure, model),
    response_cost_failure_debug_info: null,
    zero_cost_diagnostic: null,
    guardrail_information: null,
    standard_built_in_tools_params: { web_search_options: null, file_search: null },
  }
}

export type PushRecord = ReturnType<typeof record>

/** A moment of the call as the record has it: epoch seconds with microseconds. */
export function seconds(call: Call, ms: number): number {
  return (ms * 1000 + call.micros) / 1e6
}

/** Push and row read the clock on their own, so the two ids of one cache hit never match letter by letter. */
function recordId(call: Call, success: boolean): string {
  if (!success) return call.callId
  return call.cacheHit ? `${call.responseId}_cache_hit${cacheHitTime(call, 0.0007)}` : call.responseId
}

export function cacheHitTime(call: Call, laterSeconds: number): number {
  return (call.end * 1000 + Math.round((laterSeconds + (call.salt % 997) / 1e5) * 1e6)) / 1e6
}

function metadata(call: Call, options: RecordOptions, answeredBy: Model | null) {
  const anonymous = call.failure === 'bad_key'
  return {
    user_api_key_hash: apiKeyHash(call),
    user_api_key_alias: call.keyAlias,
    user_api_key_spend: 0,
    user_api_key_max_budget: null,
    user_api_key_budget_reset_at: null,
    user_api_key_user_spend: null,
    user_api_key_user_max_budget: null,
    user_api_key_team_spend: null,
    user_api_key_team_max_budget: null,
    user_api_key_team_id: null,
    user_api_key_org_id: null,
    user_api_key_org_alias: null,
    user_api_key_project_id: null,
    user_api_key_project_alias: null,
    user_api_key_user_id: null,
    user_api_key_team_alias: null,
    user_api_key_user_email: null,
    user_api_key_end_user_id: call.customer,
    user_api_key_request_route: call.callType === 'aembedding' ? '/v1/embeddings' : '/v1/chat/completions',
    spend_logs_metadata: spendLogsMetadata(call, options),
    requester_ip_address: '127.0.0.1',
    user_agent: userAgent(call),
    requester_metadata: anonymous || call.failure === 'native_budget' ? null : requesterMetadata(call),
    prompt_management_metadata: null,
    applied_guardrails: [],
    mcp_tool_call_metadata: null,
    vector_store_request_metadata: null,
    routing_decision: null,
    usage_object: answeredBy ? usageObject(call, answeredBy) : {},
    requester_custom_headers: anonymous || call.failure === 'native_budget' ? null : customHeaders(call),
    cold_storage_object_key: null,
    user_api_key_auth_metadata: {},
    team_alias: null,
    team_id: null,
    used_client_oauth_token: anonymous || call.failure === 'native_budget' ? null : false,
  }
}

/** The `x-…` headers of the client's request. */
function customHeaders(call: Call): Record<string, string> {
  return {
    ...(call.customer === null ? {} : { 'x-litellm-customer-id': call.customer }),
    ...(call.session === null ? {} : { 'x-litellm-session-id': call.session }),
    ...(call.callId === call.responseId || call.callId.length === 36 ? {} : { 'x-litellm-call-id': call.callId }),
  }
}

function requesterMetadata(call: Call) {
  return {
    tags: clientTags(call),
    ...(call.agent === null ? {} : { agent_id: call.agent }),
    ...(call.session === null ? {} : { session_id: call.session, trace_id: call.session }),
    headers: {
      host: '127.0.0.1:4000',
      'user-agent': userAgent(call),
      accept: '*/*',
      'content-type': 'application/json',
      'content-length': String(200 + (call.salt % 4000)),
      ...customHeaders(call),
    },
    used_client_oauth_token: false,
  }
}

const REDACTED = 'redacted-by-litellm'

function messages(call: Call, options: RecordOptions) {
  const content = showsPrompts(options) ? `Question ${call.salt} about last month's numbers` : REDACTED
  return [{ role: 'user', content }]
}

function showsPrompts(options: RecordOptions): boolean {
  return options.prompts ?? !options.slim
}

function response(call: Call, options: RecordOptions) {
  if (options.slim) return {}
  const created = Math.floor(call.end / 1000)
  const usage = call.model ? usageObject(call, call.model) : {}
  if (call.callType === 'aembedding') return { model: call.asked, object: 'list', usage, data: [] }
  const content = showsPrompts(options) ? `Answer ${call.salt}: it depends on the region.` : REDACTED
  const message = { content, role: 'assistant', tool_calls: null, function_call: null }
  return {
    id: call.responseId,
    created,
    model: call.asked,
    object: 'chat.completion',
    system_fingerprint: null,
    choices: [{ finish_reason: finishReason(call), index: 0, message }],
    usage,
  }
}

export function finishReason(call: Call): string {
  return call.truncated ? 'length' : 'stop'
}

function modelParameters(call: Call) {
  if (call.callType === 'aembedding' || call.failure === 'bad_key') return {}
  return { stream: call.stream, ...(call.stream ? { stream_options: { include_usage: true } } : {}) }
}

function hiddenParams(call: Call, answeredBy: Model | null, attempted: number) {
  const fellBack = answeredBy !== null && answeredBy.group !== sentAs(call)
  return {
    model_id: answeredBy?.id ?? null,
    cache_key: call.cacheHit ? hexOf(call.responseId) : null,
    api_base: answeredBy?.apiBase ?? null,
    response_cost: answeredBy ? floatCost(answeredBy, call.tokens).total : 0,
    additional_headers: answeredBy
      ? {
          'x-litellm-model-group': answeredBy.group,
          'x-litellm-attempted-retries': fellBack ? 0 : attempted,
          'x-litellm-attempted-fallbacks': fellBack ? 1 : 0,
        }
      : null,
    litellm_overhead_time_ms: answeredBy ? 3 + (call.salt % 9000) / 1000 : null,
    batch_models: null,
    batch_successful_requests: null,
    batch_failed_requests: null,
    litellm_model_name: answeredBy?.name ?? null,
    usage_object: null,
  }
}
