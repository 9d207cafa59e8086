import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UsageError } from './errors.ts'
import { readUsage } from './read-usage.ts'
import { TOKEN_CLASSES } from './tokens.ts'

describe('usage as a provider states it', () => {
  test.each<[string, unknown, unknown]>([
    ['our own classes', { input: 3, cache_read: 2 }, { input: 3, cache_read: 2 }],
    ['OpenAI chat', { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }, { input: 10, output: 5 }],
    [
      'OpenAI chat with parts',
      {
        prompt_tokens: 100,
        completion_tokens: 50,
        prompt_tokens_details: { cached_tokens: 30, audio_tokens: 20 },
        completion_tokens_details: { reasoning_tokens: 10, audio_tokens: 5, accepted_prediction_tokens: 3 },
      },
      { input: 50, cache_read: 30, input_audio: 20, output: 35, reasoning: 10, output_audio: 5 },
    ],
    [
      'OpenAI responses',
      {
        input_tokens: 100,
        input_tokens_details: { cached_tokens: 40 },
        output_tokens: 60,
        output_tokens_details: { reasoning_tokens: 60 },
      },
      { input: 60, cache_read: 40, reasoning: 60 },
    ],
    ['OpenAI embeddings', { prompt_tokens: 8, total_tokens: 8 }, { input: 8 }],
    ['Voyage embeddings', { total_tokens: 8 }, { input: 8 }],
    ['OpenAI transcription by the second', { type: 'duration', seconds: 12.5 }, { input_seconds: 12.5 }],
    [
      'OpenAI transcription by tokens',
      {
        type: 'tokens',
        input_tokens: 14,
        input_token_details: { text_tokens: 4, audio_tokens: 10 },
        output_tokens: 45,
      },
      { input: 4, input_audio: 10, output: 45 },
    ],
    [
      'OpenAI images',
      {
        input_tokens: 50,
        output_tokens: 4000,
        input_tokens_details: { text_tokens: 10, image_tokens: 40 },
        output_tokens_details: { image_tokens: 4000 },
      },
      { input: 10, input_image: 40, output_image: 4000 },
    ],
    [
      'Anthropic, which counts the cache beside its input',
      {
        input_tokens: 500,
        cache_read_input_tokens: 1000,
        cache_creation_input_tokens: 4000,
        cache_creation: { ephemeral_5m_input_tokens: 3000, ephemeral_1h_input_tokens: 1000 },
        output_tokens: 70,
        output_tokens_details: { thinking_tokens: 20 },
        server_tool_use: { web_search_requests: 2 },
      },
      {
        input: 500,
        cache_read: 1000,
        cache_write_5m: 3000,
        cache_write_1h: 1000,
        output: 50,
        reasoning: 20,
        web_searches: 2,
      },
    ],
    ['Anthropic without cache', { input_tokens: 5, output_tokens: 7 }, { input: 5, output: 7 }],
    [
      'Anthropic with a cache write of unstated lifetime',
      { input_tokens: 5, cache_creation_input_tokens: 9, output_tokens: 7 },
      { input: 5, cache_write_5m: 9, output: 7 },
    ],
    [
      "LiteLLM's record of Anthropic, which counts the cache within",
      {
        prompt_tokens: 5500,
        completion_tokens: 70,
        cache_read_input_tokens: 1000,
        cache_creation_input_tokens: 4000,
        prompt_tokens_details: {
          cached_tokens: 1000,
          cache_creation_tokens: 4000,
          cache_creation_token_details: { ephemeral_5m_input_tokens: 3000, ephemeral_1h_input_tokens: 1000 },
        },
      },
      { input: 500, cache_read: 1000, cache_write_5m: 3000, cache_write_1h: 1000, output: 70 },
    ],
    [
      'Gemini, which counts thoughts beside its candidates',
      {
        promptTokenCount: 1000,
        cachedContentTokenCount: 300,
        candidatesTokenCount: 50,
        thoughtsTokenCount: 200,
        toolUsePromptTokenCount: 20,
        promptTokensDetails: [
          { modality: 'TEXT', tokenCount: 600 },
          { modality: 'AUDIO', tokenCount: 400 },
        ],
        candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 40 }],
      },
      { input: 320, cache_read: 300, input_audio: 400, output: 10, output_image: 40, reasoning: 200 },
    ],
    ['Vertex in snake case', { prompt_token_count: 4, candidates_token_count: 6 }, { input: 4, output: 6 }],
    [
      'Cohere',
      { billed_units: { input_tokens: 4, output_tokens: 6 }, tokens: { input_tokens: 80 } },
      { input: 4, output: 6 },
    ],
    ['Cohere rerank', { meta: { billed_units: { search_units: 2 } } }, { queries: 2 }],
    [
      'Bedrock Converse',
      { inputTokens: 5, outputTokens: 7, totalTokens: 20, cacheReadInputTokens: 6, cacheWriteInputTokens: 2 },
      { input: 5, cache_read: 6, cache_write_5m: 2, output: 7 },
    ],
    [
      'the Vercel AI SDK',
      { inputTokens: 10, outputTokens: 7, totalTokens: 17, reasoningTokens: 3, cachedInputTokens: 6 },
      { input: 4, cache_read: 6, output: 4, reasoning: 3 },
    ],
    [
      'the Vercel AI SDK with details',
      {
        inputTokens: 10,
        inputTokenDetails: { cacheReadTokens: 6, cacheWriteTokens: 1 },
        outputTokens: 7,
        outputTokenDetails: { reasoningTokens: 3 },
      },
      { input: 3, cache_read: 6, cache_write_5m: 1, output: 4, reasoning: 3 },
    ],
    [
      'DeepSeek',
      { prompt_tokens: 10, prompt_cache_hit_tokens: 8, completion_tokens: 1 },
      { input: 2, cache_read: 8, output: 1 },
    ],
  ])('is read: %s', (_name, usage, expected) => {
    expect(Object.fromEntries(Object.entries(readUsage(usage)).filter(([, amount]) => amount))).toEqual(expected)
  })

  test('never makes more of the parts than of the whole', () => {
    const number = fc.oneof(fc.nat(1000), fc.constant(null), fc.constant('5'))
    const usage = fc.record({
      prompt_tokens: fc.nat(1000),
      completion_tokens: fc.nat(1000),
      prompt_tokens_details: fc.record({ cached_tokens: number, audio_tokens: number, cache_creation_tokens: number }),
      completion_tokens_details: fc.record({ reasoning_tokens: number, audio_tokens: number }),
    })
    fc.assert(
      fc.property(usage, (answer) => {
        const read = readUsage(answer)
        const sum = TOKEN_CLASSES.reduce((total, name) => total + (read[name] ?? 0), 0)
        expect(sum).toBe(answer.prompt_tokens + answer.completion_tokens)
      }),
    )
  })

  test.each<[unknown, string]>([
    [null, 'usage is null; expected an object of token counts'],
    ['12', 'usage is "12"; expected an object of token counts'],
    [[1], 'usage is a list; expected an object of token counts'],
    [{}, 'no token counts found in usage with the fields (none); expected token classes'],
    [{ cost: 5 }, 'no token counts found in usage with the fields cost; expected token classes'],
  ])('that holds no amount is refused: %j', (usage, sentence) => {
    expect(() => readUsage(usage)).toThrow(UsageError)
    expect(() => readUsage(usage)).toThrow(sentence)
  })
})
