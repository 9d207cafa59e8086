import type { Call } from '../../call.ts'
import { clientTags, HOOK_CALL_ID } from '../../litellm/parts.ts'
import { mix } from '../../random.ts'
import { inputTokens, outputTokens } from '../../tokens.ts'
import type { ObservationInput } from '../observation.ts'
import type { ScoreInput } from '../score.ts'
import { bareName, litellmObservations, otelTrace, spanId } from './spans.ts'

export interface TraceOptions {
  /**
   * `gateway`: the call went through LiteLLM, whose `langfuse_otel` callback wrote it below the application's own span.
   * `direct`: the application called the provider itself and traced it with Langfuse's library: no cost, no id of ours.
   * `named`: it called the gateway, whose callback writes nothing, and traced the call itself under our id.
   */
  readonly way?: 'gateway' | 'direct' | 'named'
  /** Whether our gateway hook stamped the call. Default true. */
  readonly hook?: boolean
  /** What LiteLLM says of its environment; the same for all calls of a gateway. Default `production`. */
  readonly environment?: string
}

/** What Langfuse keeps of a call. The last of `generations` is the call itself, those before it are tries that failed. */
export interface Trace {
  readonly root: ObservationInput
  readonly generations: readonly ObservationInput[]
  /** LiteLLM's span of the raw request, and one observation for each tool that the answer called. */
  readonly others: readonly ObservationInput[]
  readonly scores: readonly ScoreInput[]
}

const TOOLS = ['search_docs', 'run_sql', 'send_mail', 'fetch_page']
/** Share of the answers to agents that call tools, of tool calls that fail, and of calls that are judged in each way. */
const CALLS_TOOLS = 0.35
const TOOL_FAILS = 0.04
const JUDGED = { helpful: 0.08, resolved: 0.03, tone: 0.02 }
const TONES = ['warm', 'neutral', 'cold']

/** The trace of a call, the same each time: the application's root span without cost, generations, tools and scores. */
export function traceOf(
  call: Call,
  { way = 'gateway', hook = true, environment = 'production' }: TraceOptions = {},
): Trace {
  const rootId = spanId(call, 'root')
  const written =
    way === 'gateway'
      ? litellmObservations(call, { hook, environment, parent: rootId })
      : [directGeneration(call, rootId, way === 'named')]
  const named = toolsOf(call)
  const [generations, rest] = [written.filter(isGeneration), written.filter((one) => !isGeneration(one))]
  const called = generations.map((one, index) =>
    index === generations.length - 1 ? withPrompt(call, { ...one, calledToolNames: named }) : one,
  )
  const tools = named.map((name, index) => toolRow(call, name, index, rootId))
  const end = Math.max(call.end, ...tools.map((tool) => tool.end ?? 0))
  const start = Math.min(...generations.map((one) => one.start))
  const root: ObservationInput = {
    ...ownOf(call),
    id: rootId,
    start: start - 2,
    end: end + 3,
    type: call.agent === null ? 'SPAN' : 'AGENT',
    name: call.agent ?? call.operation ?? 'request',
  }
  return { root, generations: called, others: [...rest, ...tools], scores: scoresOf(call) }
}

/** All observations of a trace, in the order in which they end. */
export function observationsOf({ root, generations, others }: Trace): ObservationInput[] {
  return [...generations, ...others, root].sort((a, b) => (a.end ?? a.start) - (b.end ?? b.start))
}

function isGeneration({ type }: ObservationInput): boolean {
  return type === 'GENERATION'
}

/** What the application's own library says with each of its observations. */
function ownOf(call: Call) {
  return {
    traceId: otelTrace(call),
    traceName: call.operation ?? '',
    userId: call.customer ?? '',
    sessionId: call.session ?? '',
    tags: clientTags(call),
    environment: call.environment ?? 'default',
    release: 'app-3.2.1',
  }
}

function directGeneration(call: Call, parentObservationId: string, named: boolean): ObservationInput {
  const success = call.outcome === 'success'
  const { tokens } = call
  const usage = {
    input: tokens.input + tokens.cacheWrite5m + tokens.cacheWrite1h,
    output: tokens.output,
    total: inputTokens(tokens) + outputTokens(tokens),
    ...(tokens.cacheRead > 0 ? { input_cached_tokens: tokens.cacheRead } : {}),
    ...(tokens.reasoning > 0 ? { output_reasoning_tokens: tokens.reasoning } : {}),
  }
  return {
    ...ownOf(call),
    id: spanId(call, 'call'),
    parentObservationId,
    start: call.start,
    end: call.end,
    completionStart: success && call.firstTokenMs !== null ? call.start + call.firstTokenMs : null,
    type: 'GENERATION',
    name: call.callType === 'aembedding' ? 'openai-embedding' : 'openai-chat',
    level: success ? 'DEFAULT' : 'ERROR',
    model: bareName(call.model, call.asked),
    usage: success ? usage : {},
    metadata: {
      customer_id: call.customer,
      plan_tier: call.tier,
      ...(named ? { [HOOK_CALL_ID]: call.hookId } : {}),
    },
  }
}

/** Chats are asked with the prompt of their operation, in one of its versions. */
function withPrompt(call: Call, generation: ObservationInput): ObservationInput {
  if (call.operation === null || call.callType !== 'acompletion') return generation
  return { ...generation, promptName: call.operation, promptVersion: 1 + (mix(call.salt, 0x9709) % 3) }
}

function toolsOf(call: Call): string[] {
  const chats = call.outcome === 'success' && call.callType === 'acompletion' && !call.aborted
  if (!chats || call.agent === null || !happens(call, 0x7001, CALLS_TOOLS)) return []
  const first = mix(call.salt, 0x7002)
  return first % 4 === 0 ? [toolName(first), toolName(first >>> 8)] : [toolName(first)]
}

function toolName(number: number): string {
  return TOOLS[(number >>> 4) % TOOLS.length] ?? ''
}

function toolRow(call: Call, name: string, index: number, parentObservationId: string): ObservationInput {
  const start = call.end + 5 + index * 20
  const failed = happens(call, 0x7010 + index, TOOL_FAILS)
  return {
    ...ownOf(call),
    id: spanId(call, `tool ${index}`),
    parentObservationId,
    start,
    end: start + 40 + (mix(call.salt, 0x7020 + index) % 2000),
    type: 'TOOL',
    name,
    level: failed ? 'ERROR' : 'DEFAULT',
    statusMessage: failed ? 'the tool did not answer' : '',
  }
}

function scoresOf(call: Call): ScoreInput[] {
  if (call.outcome !== 'success' || call.callType !== 'acompletion') return []
  const at = call.end + 4000 + (mix(call.salt, 0x5c00) % 60_000)
  const base = { at, traceId: otelTrace(call), environment: call.environment ?? 'default' }
  const id = (name: string): string => `score-${spanId(call, name)}`
  const scores: ScoreInput[] = []
  if (happens(call, 0x5c01, JUDGED.helpful)) {
    const value = (mix(call.salt, 0x5c02) % 101) / 100
    scores.push({
      ...base,
      id: id('helpful'),
      name: 'helpful',
      value,
      observationId: spanId(call, 'call'),
      source: 'EVAL',
    })
  }
  if (happens(call, 0x5c03, JUDGED.resolved))
    scores.push({ ...base, id: id('resolved'), name: 'resolved', value: mix(call.salt, 0x5c04) % 4 > 0 })
  if (happens(call, 0x5c05, JUDGED.tone)) {
    const value = TONES[mix(call.salt, 0x5c06) % TONES.length] ?? ''
    scores.push({ ...base, id: id('tone'), name: 'tone', value, source: 'ANNOTATION' })
  }
  return scores
}

/** Whether something with this share of the calls happens to this one; each `what` by itself. */
export function happens(call: Call, what: number, share: number): boolean {
  return mix(call.salt, what) / 4294967296 < share
}
