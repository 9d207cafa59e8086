import { createHash } from 'node:crypto'
import { type Call, sentAs } from '../call.ts'
import { inputTokens, outputTokens, type TokenCounts } from '../tokens.ts'
import { KEY_HASHES } from '../company.ts'
import { ERRORS } from './errors.ts'
import { type FloatCost, floatCost, LITELLM_MODELS, type Model } from '../models.ts'

/** How much of a record is built. */
export interface RecordOptions {
  /** Leaves out what no reader of usage needs: 7 kB of price map, prompts and answers. */
  readonly slim?: boolean
  /** Whether prompts and answers are in it (`store_prompts…`, no redaction). Default: they are, unless `slim`. */
  readonly prompts?: boolean
  /** Whether our gateway hook stamped the call. */
  readonly hook?: boolean
}

/** Name under which the hook's call id travels in `spend_logs_metadata`. */
export const HOOK_CALL_ID = 'marginwatch_call_id'
/** What it notes beside it: the model that the client asked for, and the session as the client named it, '' for none. */
export const HOOK_MODEL_ASKED = 'marginwatch_model_asked'
export const HOOK_SESSION = 'marginwatch_session'
/** What it did with the call, and why. */
export const HOOK_ACTION = 'marginwatch_action'
export const HOOK_REASON = 'marginwatch_reason'
/** The tag that it puts on a call that a cheaper model answers. */
export const DEGRADED_TAG = 'marginwatch:degrade'

const AGENTS_OF_CLIENTS = ['acme-app/3.2.1', 'python-httpx/0.28.1', 'node', 'OpenAI/JS 6.9.0']

export function userAgent(call: Call): string {
  return AGENTS_OF_CLIENTS[call.salt % AGENTS_OF_CLIENTS.length] ?? ''
}

/** Tags that the application sent. */
export function clientTags(call: Call): string[] {
  const tags: string[] = []
  if (call.tier !== null) tags.push(`plan_tier:${call.tier}`)
  if (call.queryType !== null) tags.push(`query_type:${call.queryType}`)
  if (call.agent !== null) tags.push(`agent:${call.agent}`)
  if (call.operation !== null) tags.push(`operation:${call.operation}`)
  if (call.environment !== null) tags.push(`environment:${call.environment}`)
  if (call.user !== null) tags.push(`user_id:${call.user}`)
  return tags
}

/** The application's tags, and the hook's. */
export function taggedWith(call: Call): string[] {
  return call.decision?.action === 'degrade' ? [...clientTags(call), DEGRADED_TAG] : clientTags(call)
}

/** `request_tags`: those of the application and of the hook, then those that LiteLLM adds; a native rejection has none of these. */
export function requestTags(call: Call): string[] {
  if (call.failure === 'bad_key') return []
  const tags = taggedWith(call)
  if (call.failure === 'native_budget') return tags
  const name = userAgent(call)
  const slash = name.indexOf('/')
  if (slash > 0) tags.push(`User-Agent: ${name.slice(0, slash)}`)
  tags.push(`User-Agent: ${name}`)
  return tags
}

export function spendLogsMetadata(call: Call, options: RecordOptions): Record<string, string> | null {
  return options.hook && call.failure !== 'bad_key' && call.failure !== 'native_budget'
    ? {
        [HOOK_CALL_ID]: call.hookId,
        [HOOK_MODEL_ASKED]: call.asked,
        [HOOK_SESSION]: call.session ?? '',
        ...(call.decision ? { [HOOK_ACTION]: call.decision.action, [HOOK_REASON]: call.decision.reason } : {}),
      }
    : null
}

/** What the router notes of a call; nothing of one that was turned away before it. */
export function routed(call: Call) {
  const turnedAway = call.failure !== null && !ERRORS[call.failure].provider
  if (turnedAway) return { attempted_retries: null, attempted_fallbacks: null, original_model_group: null }
  return {
    attempted_retries: call.attempts.length,
    attempted_fallbacks: call.model !== null && call.model.group !== sentAs(call) ? 1 : 0,
    original_model_group: sentAs(call),
  }
}

export function apiKeyHash(call: Call): string {
  return KEY_HASHES[call.keyAlias ?? ''] ?? hexOf(call.traceId)
}

/** 64 hexadecimal digits that belong to a text. */
export function hexOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** The session that LiteLLM notes: the client's, or a made-up uuid that looks no different in a row. */
export function notedSession(call: Call): string {
  const ignored = call.failure === 'native_budget' || call.failure === 'bad_key'
  return (ignored ? null : call.session) ?? call.traceId
}

/** `usage_object`, as each kind of answer gives it. */
export function usageObject(call: Call, model: Model) {
  const { tokens } = call
  const counts = {
    completion_tokens: outputTokens(tokens),
    prompt_tokens: inputTokens(tokens),
    total_tokens: inputTokens(tokens) + outputTokens(tokens),
  }
  if (model.kind === 'embedding' || call.aborted || model.provider === 'hosted_vllm')
    return { ...counts, completion_tokens_details: null, prompt_tokens_details: null }
  const cost = call.stream ? { cost: floatCost(model, tokens).total } : {}
  if (model.provider === 'anthropic') return { ...counts, ...anthropicUsage(call), ...cost }
  return { ...counts, ...openaiUsage(call), ...cost }
}

function openaiUsage({ tokens, stream }: Call) {
  const streamed = stream ? { text_tokens: null, image_tokens: null, video_tokens: null } : {}
  return {
    completion_tokens_details: {
      accepted_prediction_tokens: 0,
      audio_tokens: 0,
      reasoning_tokens: tokens.reasoning,
      rejected_prediction_tokens: 0,
      ...streamed,
    },
    prompt_tokens_details: { audio_tokens: 0, cached_tokens: tokens.cacheRead, ...streamed },
  }
}

function anthropicUsage({ tokens, stream }: Call) {
  const output = { reasoning_tokens: tokens.reasoning, text_tokens: tokens.output }
  const streamed = {
    accepted_prediction_tokens: null,
    audio_tokens: null,
    rejected_prediction_tokens: null,
    image_tokens: null,
    video_tokens: null,
  }
  const plain = { iterations: null, inference_geo: null, speed: null, service_tier: 'standard' }
  return {
    completion_tokens_details: stream ? { ...streamed, ...output } : output,
    prompt_tokens_details: anthropicPrompt(tokens),
    cache_creation_input_tokens: tokens.cacheWrite5m + tokens.cacheWrite1h,
    cache_read_input_tokens: tokens.cacheRead,
    ...(stream ? {} : plain),
  }
}

function anthropicPrompt(tokens: TokenCounts) {
  const written = tokens.cacheWrite5m + tokens.cacheWrite1h
  return {
    audio_tokens: null,
    cache_write_tokens: written,
    cached_tokens: tokens.cacheRead,
    text_tokens: tokens.input,
    image_tokens: null,
    video_tokens: null,
    cache_creation_tokens: written,
    cache_creation_token_details: {
      ephemeral_5m_input_tokens: tokens.cacheWrite5m,
      ephemeral_1h_input_tokens: tokens.cacheWrite1h,
    },
  }
}

/** `cost_breakdown`. A cache hit carries the full breakdown of what was not paid. */
export function costBreakdown(cost: FloatCost) {
  return {
    input_cost: cost.input,
    output_cost: cost.output,
    total_cost: cost.total,
    tool_usage_cost: 0,
    service_tier: null,
    data_residency: null,
    vertex_location: null,
    original_cost: cost.total,
    discount_percent: 0,
    discount_amount: 0,
    margin_percent: 0,
    margin_fixed_amount: 0,
    margin_total_amount: 0,
    ...(cost.cacheRead > 0 ? { cache_read_cost: cost.cacheRead } : {}),
    ...(cost.cacheWrite > 0 ? { cache_creation_cost: cost.cacheWrite } : {}),
    ...(cost.reasoning > 0 ? { reasoning_cost: cost.reasoning } : {}),
  }
}

/** `model_map_information`: 7 kB of prices and abilities with every record. */
export function modelMap(model: Model | null, slim: boolean) {
  if (model === null) return { model_map_key: '', model_map_value: null }
  return { model_map_key: model.name, model_map_value: slim ? null : fullInfo(model) }
}

const FULL_INFO = new Map<string, Readonly<Record<string, unknown>>>()

function fullInfo(model: Model): Readonly<Record<string, unknown>> {
  let info = FULL_INFO.get(model.name)
  if (!info) {
    const known = LITELLM_MODELS.info[model.name] ?? {}
    info = Object.fromEntries(LITELLM_MODELS.keys.map((key) => [key, known[key] ?? null]))
    FULL_INFO.set(model.name, info)
  }
  return info
}
