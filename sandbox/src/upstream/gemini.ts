import { allTokens, inputTokens } from '../tokens.ts'
import { type Answer, type Body, type Dialect, event, limit, type ToolCall, withoutWriting } from './dialect.ts'

const FINISH = { stop: 'STOP', length: 'MAX_TOKENS', tools: 'STOP' } as const
const ERRORS: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  429: 'RESOURCE_EXHAUSTED',
  503: 'UNAVAILABLE',
}
const PATH = /^\/v1beta\/models\/([^/:]+):(generateContent|streamGenerateContent)$/

/** Gemini's `generateContent` and `streamGenerateContent` (as server-sent events, `alt=sse`). */
export const gemini: Dialect = {
  path: PATH,
  ask(body, path) {
    const [, model = '', action] = PATH.exec(path) ?? []
    const stream = action === 'streamGenerateContent'
    // Google takes its names in either spelling, and gateways mix them.
    const config = (body.generationConfig ?? body.generation_config ?? {}) as Body
    const maxTokens = limit(config.maxOutputTokens, config.max_output_tokens)
    return { model, stream, maxTokens, wantsUsage: true }
  },
  count: withoutWriting,
  whole: (answer) => last(answer, [...texts(answer.pieces), ...answer.tools.map(functionCall)]),
  stream: (answer) => ({
    open: '',
    pieces: answer.pieces.map((text) => event({ ...head(answer), candidates: [candidate(texts([text]))] })),
    close: event(last(answer, answer.tools.map(functionCall))),
  }),
  error: (status, message) => ({ error: { code: status, message, status: ERRORS[status] ?? 'INTERNAL' } }),
}

function last(answer: Answer, parts: readonly object[]): object {
  return {
    ...head(answer),
    candidates: [{ ...candidate(parts), finishReason: FINISH[answer.finish] }],
    ...(answer.tellsUsage ? { usageMetadata: usage(answer) } : {}),
  }
}

function head({ id, model }: Answer): object {
  return { modelVersion: model, responseId: id }
}

function candidate(parts: readonly object[]): object {
  return { index: 0, content: { role: 'model', parts } }
}

function texts(pieces: readonly string[]): object[] {
  return pieces.length === 0 ? [] : [{ text: pieces.join('') }]
}

function functionCall({ name, arguments: args }: ToolCall): object {
  return { functionCall: { name, args: JSON.parse(args) as object } }
}

function usage({ tokens }: Answer): object {
  return {
    promptTokenCount: inputTokens(tokens),
    cachedContentTokenCount: tokens.cacheRead,
    candidatesTokenCount: tokens.output,
    thoughtsTokenCount: tokens.reasoning,
    totalTokenCount: allTokens(tokens),
  }
}
