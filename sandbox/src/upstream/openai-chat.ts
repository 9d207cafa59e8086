import { allTokens, inputTokens, outputTokens } from '../tokens.ts'
import { type Answer, type Dialect, event, limit, type ToolCall, withoutWriting } from './dialect.ts'
import { openaiError } from './openai.ts'

const FINISH = { stop: 'stop', length: 'length', tools: 'tool_calls' } as const

/** OpenAI's `/v1/chat/completions`. */
export const openaiChat: Dialect = {
  path: /^\/v1\/chat\/completions$/,
  count: withoutWriting,
  ask: ({ model, stream, stream_options: options, max_tokens: old, max_completion_tokens: most }) => ({
    model: String(model),
    stream: stream === true,
    maxTokens: limit(old, most),
    wantsUsage: stream !== true || (options as { include_usage?: unknown } | undefined)?.include_usage === true,
  }),
  whole: (answer) => ({
    ...head(answer, 'chat.completion'),
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: answer.pieces.join('') || null,
          refusal: null,
          ...(answer.tools.length > 0 ? { tool_calls: answer.tools.map(toolCall) } : {}),
        },
        logprobs: null,
        finish_reason: FINISH[answer.finish],
      },
    ],
    ...(answer.tellsUsage ? { usage: usage(answer) } : {}),
  }),
  stream: (answer) => ({
    open: chunk(answer, { role: 'assistant', content: '' }),
    pieces: [
      ...answer.pieces.map((content) => chunk(answer, { content })),
      ...answer.tools.map((tool, index) => chunk(answer, { tool_calls: [{ index, ...toolCall(tool) }] })),
    ],
    close:
      chunk(answer, {}, FINISH[answer.finish]) +
      (answer.tellsUsage ? event({ ...head(answer, CHUNK), choices: [], usage: usage(answer) }) : '') +
      event('[DONE]'),
  }),
  error: openaiError,
}

const CHUNK = 'chat.completion.chunk'

function chunk(answer: Answer, delta: object, finish: string | null = null): string {
  const choice = { index: 0, delta, logprobs: null, finish_reason: finish }
  return event({ ...head(answer, CHUNK), choices: [choice] })
}

function head({ id, model, created }: Answer, object: string): object {
  return { id: `chatcmpl-${id}`, object, created, model, service_tier: 'default', system_fingerprint: 'fp_upstream' }
}

function toolCall({ id, name, arguments: args }: ToolCall): object {
  return { id, type: 'function', function: { name, arguments: args } }
}

function usage({ tokens }: Answer): object {
  return {
    prompt_tokens: inputTokens(tokens),
    completion_tokens: outputTokens(tokens),
    total_tokens: allTokens(tokens),
    prompt_tokens_details: { cached_tokens: tokens.cacheRead, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: tokens.reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  }
}
