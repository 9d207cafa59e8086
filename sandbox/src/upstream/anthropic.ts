import { outputTokens, type TokenCounts } from '../tokens.ts'
import { type Answer, type Dialect, event, limit, type ToolCall } from './dialect.ts'

const FINISH = { stop: 'end_turn', length: 'max_tokens', tools: 'tool_use' } as const
const ERRORS: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  429: 'rate_limit_error',
  529: 'overloaded_error',
}

/** Anthropic's `/v1/messages`. */
export const anthropic: Dialect = {
  path: /^\/v1\/messages$/,
  ask: ({ model, stream, max_tokens: most }) => ({
    model: String(model),
    stream: stream === true,
    maxTokens: limit(most),
    wantsUsage: true,
  }),
  // Reasoning is told as output.
  count: (tokens) => ({ ...tokens, output: outputTokens(tokens), reasoning: 0 }),
  whole: (answer) => ({
    ...head(answer),
    content: [...texts(answer), ...answer.tools.map(toolUse)],
    stop_reason: FINISH[answer.finish],
    stop_sequence: null,
    usage: usage(answer.tokens),
  }),
  stream(answer) {
    const { tokens, tools } = answer
    // What is written is known at the end only.
    const begun = usage({ ...tokens, output: 1 })
    const message = { ...head(answer), content: [], stop_reason: null, stop_sequence: null, usage: begun }
    const end = { stop_reason: FINISH[answer.finish], stop_sequence: null }
    return {
      open: send('message_start', { message }) + begin(0, { type: 'text', text: '' }) + send('ping', {}),
      pieces: answer.pieces.map((text) => delta(0, { type: 'text_delta', text })),
      close:
        stop(0) +
        tools.map((tool, index) => toolBlock(tool, index + 1)).join('') +
        send('message_delta', { delta: end, usage: usage(tokens) }) +
        send('message_stop', {}),
    }
  },
  error: (status, message) => ({
    type: 'error',
    error: { type: ERRORS[status] ?? 'api_error', message },
    request_id: null,
  }),
}

function head({ id, model }: Answer): object {
  return { id: `msg_${id}`, type: 'message', role: 'assistant', model }
}

function texts({ pieces }: Answer): object[] {
  return pieces.length === 0 ? [] : [{ type: 'text', text: pieces.join('') }]
}

function toolUse({ id, name, arguments: args }: ToolCall): object {
  return { type: 'tool_use', id, name, input: JSON.parse(args) as object }
}

function toolBlock(tool: ToolCall, index: number): string {
  const opened = begin(index, { ...toolUse(tool), input: {} })
  return opened + delta(index, { type: 'input_json_delta', partial_json: tool.arguments }) + stop(index)
}

function begin(index: number, block: object): string {
  return send('content_block_start', { index, content_block: block })
}

function delta(index: number, change: object): string {
  return send('content_block_delta', { index, delta: change })
}

function stop(index: number): string {
  return send('content_block_stop', { index })
}

function send(type: string, data: object): string {
  return event({ type, ...data }, type)
}

function usage({ input, cacheRead, cacheWrite5m, cacheWrite1h, output }: TokenCounts): object {
  return {
    input_tokens: input,
    cache_creation_input_tokens: cacheWrite5m + cacheWrite1h,
    cache_read_input_tokens: cacheRead,
    cache_creation: { ephemeral_5m_input_tokens: cacheWrite5m, ephemeral_1h_input_tokens: cacheWrite1h },
    output_tokens: output,
    service_tier: 'standard',
  }
}
