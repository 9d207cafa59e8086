import type { Call } from './call.ts'
import { callTypeOf, modelOf } from './names.ts'
import { dollars, type Json, moment, object, start, text } from './read.ts'
import { contextWindowOf, errorOf, fallbackOf, fieldsOf, isTrue, mapOf, metadataOf, tagsOf } from './shared.ts'
import { stampOf } from './stamp.ts'
import { tokensOf } from './tokens.ts'

/** What a row says where the gateway knows no model of the name that was asked for; a record says that name. */
const NO_MODEL = 'unknown-model'
/** Without a stream, first token and end differ by a rounding at most. */
const STREAMED_FOR = 5

/**
 * Reads a row of `/spend/logs/v2` as the call that the pushed record of the same call also gives. A row says neither what the
 * client sent beside tags, nor whether it streamed: it did when the first token came clearly before the end. Fields that
 * are not known are ignored. Throws Refused when a field that counts is absurd.
 */
export function readRow(row: Json): Call {
  const metadata = mapOf(row.metadata)
  const spendLog = object(metadata.spend_logs_metadata)
  const stamp = stampOf(spendLog)
  const success = (row.status ?? metadata.status) !== 'failure'
  const began = start(row.startTime, 'startTime')
  const end = moment(row.endTime)
  const firstToken = moment(row.completionStartTime)
  const usage = { ...object(metadata.additional_usage_values), ...object(metadata.usage_object) }
  return {
    callId: text(row.litellm_call_id, 200) ?? text(metadata.litellm_call_id, 200),
    responseId: text(row.request_id, 600),
    stamp,
    success,
    start: began,
    end,
    firstToken,
    stream: success && end !== null && firstToken !== null && firstToken > began && end - firstToken > STREAMED_FOR,
    cacheHit: isTrue(row.cache_hit),
    callType: callTypeOf(row.call_type),
    ...modelOf(
      row.model === NO_MODEL ? (spendLog.marginwatch_model_asked ?? row.model) : row.model,
      row.custom_llm_provider,
    ),
    serviceTier: text(usage.service_tier, 32),
    contextWindow: contextWindowOf(metadata.model_map_information),
    cost: dollars(row.spend, 'spend'),
    saved: null,
    tokens: tokensOf(row, usage),
    characters: null,
    error: errorOf(object(metadata.error_information), null),
    fallback: fallbackOf(metadata, row.model_group),
    finishReason: null,
    temperature: null,
    dimensions: null,
    toolsCalled: [],
    promptName: null,
    promptVersion: null,
    keyAlias: text(metadata.user_api_key_alias),
    sessionNamed: stamp.session !== null,
    fields: fieldsOf({
      endUser: row.end_user,
      trace: row.session_id,
      session: row.session_id,
      modelGroup: row.model_group,
      originalModelGroup: metadata.original_model_group,
      metadata: { ...metadata, user_api_key_user_id: metadata.user_api_key_user_id ?? row.user },
      spendLog,
      stamp,
      extra: {
        call_type: row.call_type,
        agent_id: row.agent_id,
        mcp_namespaced_tool_name: row.mcp_namespaced_tool_name,
      },
    }),
    tags: tagsOf(row.request_tags),
    metadata: metadataOf(null, null, spendLog),
    headers: {},
  }
}
