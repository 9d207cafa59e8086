import type { Call } from './call.ts'
import { charactersOf, countedCharacters } from './characters.ts'
import { callTypeOf, extraHeaders, modelOf, toolNames, toolsCalled } from './names.ts'
import { dollars, type Json, list, moment, object, start, text, whole, word } from './read.ts'
import { contextWindowOf, errorOf, fallbackOf, fieldsOf, isTrue, metadataOf, tagsOf, windowOf } from './shared.ts'
import { type Stamp, stampOf } from './stamp.ts'
import { tokensOf } from './tokens.ts'

/**
 * Reads a call as it was pushed: a StandardLoggingPayload of LiteLLM's `generic_api` callback, or a slim record of our gateway,
 * which has the same names and, instead of the answer and the price map, flat fields of what is read of them. Fields that are
 * not known are ignored. Throws Refused when a field that counts is absurd.
 */
export function readRecord(record: Json): Call {
  const metadata = object(record.metadata)
  const spendLog = object(metadata.spend_logs_metadata)
  const stamp = stampOf(spendLog)
  const response = object(record.response)
  const success = record.status !== 'failure'
  const tokens = tokensOf(record, object(metadata.usage_object))
  const prompt = object(metadata.prompt_management_metadata)
  return {
    callId: text(record.litellm_call_id, 200),
    responseId: text(record.id, 600),
    stamp,
    success,
    start: start(record.startTime, 'startTime'),
    end: moment(record.endTime),
    firstToken: moment(record.completionStartTime),
    stream: isTrue(record.stream),
    cacheHit: isTrue(record.cache_hit),
    callType: callTypeOf(record.call_type),
    ...modelOf(record.model, record.custom_llm_provider),
    serviceTier: text(record.service_tier ?? object(metadata.usage_object).service_tier ?? response.service_tier, 32),
    contextWindow: windowOf(record.context_window) ?? contextWindowOf(record.model_map_information),
    cost: dollars(record.response_cost, 'response_cost'),
    saved: dollars(record.saved_cache_cost, 'saved_cache_cost'),
    tokens,
    characters: success && tokens === null ? (countedCharacters(record.characters) ?? charactersOf(record)) : null,
    error: errorOf(object(record.error_information), record.error_str),
    fallback: fallbackOf(metadata, record.model_group),
    finishReason:
      word(record.finish_reason) ?? word(object(list(response.choices)[0]).finish_reason) ?? word(response.status),
    temperature: temperatureOf(object(record.model_parameters)),
    dimensions: whole(record.dimensions) ?? dimensionsOf(response),
    toolsCalled: Array.isArray(record.tools) ? toolNames(record.tools) : toolsCalled(response),
    promptName: word(prompt.prompt_id, 128),
    promptVersion: word(prompt.prompt_version, 128),
    keyAlias: text(metadata.user_api_key_alias),
    sessionNamed: stamp.session !== null,
    fields: recordFields(record, metadata, stamp),
    tags: tagsOf(record.request_tags),
    metadata: metadataOf(metadata.user_api_key_auth_metadata, metadata.requester_metadata, spendLog),
    headers: extraHeaders(
      object(metadata.requester_custom_headers),
      object(object(metadata.requester_metadata).headers),
    ),
  }
}

/** The session lies in `trace_id`; only with LiteLLM's `request_correlation_in_logs` is `session_id` filled. */
function recordFields(record: Json, metadata: Json, stamp: Stamp): Json {
  return fieldsOf({
    endUser: text(record.end_user, 2048) ?? metadata.user_api_key_end_user_id,
    trace: record.trace_id,
    session: text(record.session_id) ?? record.trace_id,
    modelGroup: record.model_group,
    originalModelGroup: metadata.original_model_group,
    metadata,
    spendLog: object(metadata.spend_logs_metadata),
    stamp,
    extra: {
      route: metadata.user_api_key_request_route,
      user_api_key_request_route: metadata.user_api_key_request_route,
      call_type: record.call_type,
      agent_id: metadata.agent_id,
      mcp_namespaced_tool_name: object(metadata.mcp_tool_call_metadata).namespaced_tool_name,
    },
  })
}

function temperatureOf(parameters: Json): number | null {
  const { temperature } = parameters
  return typeof temperature === 'number' && Number.isFinite(temperature) ? temperature : null
}

function dimensionsOf(response: Json): number | null {
  const vector = object(list(response.data)[0]).embedding
  return Array.isArray(vector) ? vector.length : null
}
