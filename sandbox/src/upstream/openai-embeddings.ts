import { inputTokens, NO_TOKENS } from '../tokens.ts'
import type { Body, Dialect } from './dialect.ts'
import { openaiError } from './openai.ts'

const USUAL_DIMENSIONS = 8

/** OpenAI's `/v1/embeddings`: for each input a vector, of 8 dimensions unless others are asked for. */
export const openaiEmbeddings: Dialect = {
  path: /^\/v1\/embeddings$/,
  count: (tokens) => ({ ...NO_TOKENS, input: inputTokens(tokens) }),
  ask: ({ model }) => ({ model: String(model), stream: false, maxTokens: null, wantsUsage: true }),
  whole: ({ model, tokens, tellsUsage }, body) => ({
    object: 'list',
    data: vectors(body).map((embedding, index) => ({ object: 'embedding', index, embedding })),
    model,
    ...(tellsUsage ? { usage: { prompt_tokens: tokens.input, total_tokens: tokens.input } } : {}),
  }),
  stream: () => ({ open: '', pieces: [], close: '' }),
  error: openaiError,
}

function vectors({ input, dimensions, encoding_format: format }: Body): (number[] | string)[] {
  const length = typeof dimensions === 'number' ? dimensions : USUAL_DIMENSIONS
  return inputs(input).map((_, index) => {
    const vector = Array.from({ length }, (_, i) => Math.cos(index + i) / Math.sqrt(length))
    return format === 'base64' ? Buffer.from(Float32Array.from(vector).buffer).toString('base64') : vector
  })
}

/** One text, or one list of token numbers, or several of either. */
function inputs(input: unknown): unknown[] {
  return Array.isArray(input) && typeof input[0] !== 'number' ? input : [input]
}
