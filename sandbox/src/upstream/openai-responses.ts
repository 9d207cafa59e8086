import { allTokens, inputTokens, outputTokens } from '../tokens.ts'
import { type Answer, type Dialect, event, limit, type ToolCall, withoutWriting } from './dialect.ts'
import { openaiError } from './openai.ts'

/** OpenAI's `/v1/responses`. */
export const openaiResponses: Dialect = {
  path: /^\/v1\/responses$/,
  count: withoutWriting,
  ask: ({ model, stream, max_output_tokens: most }) => ({
    model: String(model),
    stream: stream === true,
    maxTokens: limit(most),
    wantsUsage: true,
  }),
  whole: finished,
  stream(answer) {
    const number = counter()
    const send = (type: string, data: object) => event({ type, sequence_number: number(), ...data }, type)
    const at = { item_id: messageId(answer), output_index: 0, content_index: 0 }
    const text = answer.pieces.join('')
    return {
      open:
        send('response.created', { response: underWay(answer) }) +
        send('response.in_progress', { response: underWay(answer) }) +
        send('response.output_item.added', { output_index: 0, item: message(answer, 'in_progress', []) }) +
        send('response.content_part.added', { ...at, part: part('') }),
      pieces: answer.pieces.map((delta) => send('response.output_text.delta', { ...at, delta, logprobs: [] })),
      close:
        send('response.output_text.done', { ...at, text, logprobs: [] }) +
        send('response.content_part.done', { ...at, part: part(text) }) +
        output(answer)
          .map((item, index) => send('response.output_item.done', { output_index: index, item }))
          .join('') +
        send(isWhole(answer) ? 'response.completed' : 'response.incomplete', { response: finished(answer) }),
    }
  },
  error: openaiError,
}

function finished(answer: Answer): object {
  return {
    ...head(answer),
    status: isWhole(answer) ? 'completed' : 'incomplete',
    incomplete_details: isWhole(answer) ? null : { reason: 'max_output_tokens' },
    output: output(answer),
    usage: usage(answer),
  }
}

function underWay(answer: Answer): object {
  return { ...head(answer), status: 'in_progress', incomplete_details: null, output: [], usage: null }
}

function head({ id, model, created }: Answer): object {
  return {
    id: `resp_${id}`,
    object: 'response',
    created_at: created,
    model,
    error: null,
    instructions: null,
    metadata: {},
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
  }
}

function output(answer: Answer): object[] {
  return [message(answer, 'completed', [part(answer.pieces.join(''))]), ...answer.tools.map(functionCall)]
}

function message(answer: Answer, status: string, content: readonly object[]): object {
  return { id: messageId(answer), type: 'message', role: 'assistant', status, content }
}

function messageId({ id }: Answer): string {
  return `msg_${id}`
}

function part(text: string): object {
  return { type: 'output_text', text, annotations: [], logprobs: [] }
}

function functionCall({ id, name, arguments: args }: ToolCall): object {
  return { id: `fc_${id}`, type: 'function_call', status: 'completed', call_id: id, name, arguments: args }
}

function usage({ tokens }: Answer): object {
  return {
    input_tokens: inputTokens(tokens),
    input_tokens_details: { cached_tokens: tokens.cacheRead },
    output_tokens: outputTokens(tokens),
    output_tokens_details: { reasoning_tokens: tokens.reasoning },
    total_tokens: allTokens(tokens),
  }
}

function isWhole({ finish }: Answer): boolean {
  return finish !== 'length'
}

function counter(): () => number {
  let next = 0
  return () => next++
}
