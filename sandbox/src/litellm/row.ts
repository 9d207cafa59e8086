import type { Call } from '../call.ts'
import { inputTokens, outputTokens } from '../tokens.ts'
import { floatCost } from '../models.ts'
import { ERRORS, errorInformation } from './errors.ts'
import {
  apiKeyHash,
  costBreakdown,
  hexOf,
  modelMap,
  notedSession,
  type RecordOptions,
  requestTags,
  routed,
  spendLogsMetadata,
  usageObject,
  userAgent,
} from './parts.ts'
import { cacheHitTime } from './push.ts'

/**
 * The row of a call in `/spend/logs/v2` of 1.106.2. A call has one row, written when it has ended: tries before the last
 * one leave none. Unlike in the push record, times are texts cut to milliseconds, `spend` of nothing is the whole number 0,
 * an unknown customer is "", and a call that failed at the provider has its prompt counted in `prompt_tokens`.
 */
export function spendRow(call: Call, options: RecordOptions = {}) {
  const success = call.outcome === 'success'
  const model = call.model
  const cost = success && model ? floatCost(model, call.tokens) : null
  const asked = call.failure !== null && ERRORS[call.failure].provider
  const prompt = success ? inputTokens(call.tokens) : asked ? 8 + (call.salt % 900) : 0
  const completion = success ? outputTokens(call.tokens) : 0
  const firstToken = call.firstTokenMs === null ? call.end : call.start + call.firstTokenMs
  return {
    request_id: rowId(call),
    call_type: call.callType,
    api_key: apiKeyHash(call),
    spend: cost && !call.cacheHit ? cost.total : 0,
    total_tokens: prompt + completion,
    prompt_tokens: prompt,
    completion_tokens: completion,
    startTime: rowTime(call.start),
    endTime: rowTime(call.end),
    completionStartTime: rowTime(firstToken),
    model: model?.name ?? call.asked,
    model_id: model?.id ?? '',
    model_group: model?.group ?? '',
    custom_llm_provider: model?.provider ?? '',
    api_base: model?.apiBase ?? '',
    user: '',
    metadata: rowMetadata(call, options, asked),
    cache_hit: success ? (call.cacheHit ? 'True' : call.stream ? 'False' : 'None') : 'False',
    cache_key: hexOf(call.responseId),
    request_tags: requestTags(call),
    team_id: '',
    organization_id: '',
    end_user: call.customer ?? '',
    requester_ip_address: '127.0.0.1',
    session_id: notedSession(call),
    status: success ? 'success' : 'failure',
    mcp_namespaced_tool_name: null,
    agent_id: null,
    litellm_call_id: call.callId,
    request_duration_ms: call.end - call.start,
  }
}

export type SpendRow = ReturnType<typeof spendRow>

/** `request_id`, the table's primary key: the response's id, or the call's where there is none. */
export function rowId(call: Call): string {
  if (call.outcome !== 'success') return call.callId
  return call.cacheHit ? `${call.responseId}_cache_hit${cacheHitTime(call, 0.0031)}` : call.responseId
}

/** As timestamps arrive from the database: three decimals, and none at all on a full second. */
export function rowTime(ms: number): string {
  const text = new Date(ms).toISOString()
  return `${text.endsWith('.000Z') ? text.slice(0, -5) : text.slice(0, -1)}+00:00`
}

function rowMetadata(call: Call, options: RecordOptions, asked: boolean) {
  const success = call.outcome === 'success'
  const model = call.model
  const usage = success && model ? usageObject(call, model) : {}
  const router = routed(call)
  const beforeHook = !success && !asked
  return {
    status: success ? null : 'failure',
    user_agent: userAgent(call),
    max_retries: beforeHook ? null : 0,
    batch_models: null,
    usage_object: usage,
    user_api_key: apiKeyHash(call),
    actor_agent_id: null,
    cost_breakdown: success && model ? costBreakdown(floatCost(model, call.tokens)) : null,
    azure_spillover: null,
    litellm_call_id: call.callId,
    router_metadata: null,
    target_agent_id: null,
    billing_agent_id: null,
    eval_information: null,
    routing_decision: null,
    attempted_retries: router.attempted_retries,
    error_information: success ? null : rowError(call),
    applied_guardrails: [],
    autorouter_savings: null,
    user_api_key_alias: call.keyAlias,
    attempted_fallbacks: router.attempted_fallbacks,
    compression_savings: null,
    spend_logs_metadata: spendLogsMetadata(call, options),
    user_api_key_org_id: null,
    agent_execution_mode: null,
    internal_call_origin: null,
    original_model_group: router.original_model_group,
    proxy_server_request: null,
    requester_ip_address: '127.0.0.1',
    user_api_key_team_id: null,
    user_api_key_user_id: null,
    batch_failed_requests: null,
    guardrail_information: null,
    litellm_roi_estimator: false,
    model_map_information: modelMap(model, options.slim ?? false),
    mcp_tool_call_metadata: null,
    verified_human_user_id: null,
    additional_usage_values: additionalUsage(call, usage, beforeHook),
    cold_storage_object_key: null,
    used_client_oauth_token: beforeHook ? null : false,
    user_api_key_project_id: null,
    user_api_key_team_alias: null,
    litellm_overhead_time_ms: success ? 3 + (call.salt % 9000) / 1000 : null,
    batch_successful_requests: null,
    user_api_key_project_alias: null,
    autorouter_savings_estimate: null,
    vector_store_request_metadata: null,
    litellm_gateway_injected_cache: null,
    autorouter_baseline_observation: null,
  }
}

/** Rows carry a longer message than the push record when the provider failed. */
function rowError(call: Call) {
  const error = errorInformation(call, call.failure, call.model)
  if (call.failure === null || !ERRORS[call.failure].provider) return error
  const group = call.model?.group ?? ''
  const tail = `\n\nLiteLLM: model group '${group}' failed with the error above. No fallback was attempted.`
  return { ...error, error_message: error.error_message + tail }
}

function additionalUsage(call: Call, usage: Readonly<Record<string, unknown>>, beforeHook: boolean) {
  if (beforeHook) return {}
  const { completion_tokens: _c, prompt_tokens: _p, total_tokens: _t, cost: _cost, ...details } = usage
  const read = call.tokens.cacheRead
  return {
    prompt_tokens_details: null,
    completion_tokens_details: null,
    ...(read > 0 ? { cache_read_input_tokens: read } : {}),
    ...details,
  }
}
