import { describe, expect, test } from 'vitest'
import { openPriceBook } from './book.ts'

const AT = Date.UTC(2026, 10, 18, 2)
const book = openPriceBook()
const found = (model: string, provider?: string) => {
  const price = book.price(model, { at: AT, provider: provider ?? null })
  return price === null ? null : `${price.source}: ${price.model}`
}

describe('a model is found', () => {
  test.each([
    ['gpt-4o', 'litellm: gpt-4o'],
    [' GPT-4o ', 'litellm: gpt-4o'],
    ['openai/gpt-4o', 'litellm: gpt-4o'],
    ['openai/openai/gpt-4o', 'litellm: gpt-4o'],
    ['litellm_proxy/gpt-4o', 'litellm: gpt-4o'],
    ['azure/gpt-4o', 'litellm: azure/gpt-4o'],
    ['azure/eu/gpt-4o', 'litellm: azure/eu/gpt-4o'],
    ['gemini/gemini-2.5-flash', 'litellm: gemini/gemini-2.5-flash'],
    ['models/gemini-2.5-flash', 'litellm: gemini-2.5-flash'],
    ['publishers/google/models/gemini-2.5-pro', 'litellm: gemini-2.5-pro'],
    ['vertex_ai/claude-3-opus@20240229', 'litellm: vertex_ai/claude-3-opus@20240229'],
    ['mistral-large-latest', 'litellm: mistral/mistral-large-latest'],
    ['sonar', 'litellm: perplexity/sonar'],
    ['voyage-3', 'litellm: voyage/voyage-3'],
    ['claude/claude-haiku-4-5', 'litellm: claude-haiku-4-5'],
    ['openrouter/anthropic/claude-3-opus', 'genai-prices: anthropic/claude-3-opus'],
  ])('by prefix or without: %s', (model, expected) => {
    expect(found(model)).toBe(expected)
  })

  test.each([
    ['gpt-4o-2027-01-01', 'litellm: gpt-4o'],
    ['gpt-4o-2024-05-13', 'litellm: gpt-4o-2024-05-13'],
    ['claude-haiku-4-5-20991231', 'litellm: claude-haiku-4-5'],
    ['gpt-4o-mini@latest', 'litellm: gpt-4o-mini'],
    ['gemini-1.5-pro-002', 'genai-prices: gemini-1.5-pro'],
    ['ft:gpt-3.5-turbo:my-org:custom:id', 'litellm: ft:gpt-3.5-turbo'],
    ['ft:gpt-4o-2024-08-06:my-org::id', 'litellm: ft:gpt-4o-2024-08-06'],
  ])('by what is left without version, snapshot or fine-tuning: %s', (model, expected) => {
    expect(found(model)).toBe(expected)
  })

  test.each([
    ['bedrock/us-east-1/anthropic.claude-instant-v1', 'litellm: bedrock/us-east-1/anthropic.claude-instant-v1'],
    ['bedrock/converse/anthropic.claude-haiku-4-5-20251001-v1:0', 'litellm: anthropic.claude-haiku-4-5-20251001-v1:0'],
    ['bedrock/sa-east-9/anthropic.claude-haiku-4-5-20251001-v1:0', 'litellm: anthropic.claude-haiku-4-5-20251001-v1:0'],
    ['us.anthropic.claude-3-5-haiku-20241022-v1:0', 'litellm: us.anthropic.claude-3-5-haiku-20241022-v1:0'],
    ['sa.anthropic.claude-haiku-4-5-20251001-v1:0', 'litellm: anthropic.claude-haiku-4-5-20251001-v1:0'],
    ['eu.anthropic.claude-sonnet-4-5', 'litellm: eu.anthropic.claude-sonnet-4-5-20250929-v1:0'],
    [
      'arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-haiku-4-5-20251001-v1:0',
      'litellm: us.anthropic.claude-haiku-4-5-20251001-v1:0',
    ],
    ['anthropic.claude-3-haiku-20240307-v1:0', 'genai-prices: regional.anthropic.claude-3-haiku-20240307-v1:0'],
  ])('on Bedrock, in its region or without: %s', (model, expected) => {
    expect(found(model)).toBe(expected)
  })

  test.each([
    ['gpt-4o', 'azure', 'litellm: azure/gpt-4o'],
    ['gpt-4o', 'az.ai.openai', 'litellm: azure/gpt-4o'],
    ['gpt-4o', 'openai.chat', 'litellm: gpt-4o'],
    ['gpt-4o', 'litellm', 'litellm: gpt-4o'],
    ['gpt-4o', 'a-gateway-of-ours', 'litellm: gpt-4o'],
    ['claude-haiku-4-5', 'claude', 'litellm: claude-haiku-4-5'],
    ['claude-3-opus', 'vertex_ai', 'litellm: vertex_ai/claude-3-opus'],
    ['gemini-2.5-flash', 'google', 'litellm: gemini/gemini-2.5-flash'],
    ['gemini-2.5-pro', 'gcp.vertex_ai', 'litellm: gemini-2.5-pro'],
    ['deepseek-chat', 'deepseek', 'litellm: deepseek/deepseek-chat'],
    ['mistral-large-latest', 'mistral_ai', 'litellm: mistral/mistral-large-latest'],
    ['openai/gpt-4o', 'openrouter', 'genai-prices: openai/gpt-4o'],
    ['perplexity/sonar', 'perplexity', 'litellm: perplexity/sonar'],
    ['llama3', 'ollama', 'litellm: ollama/llama3'],
  ])('with the provider beside it: %s of %s', (model, provider, expected) => {
    expect(found(model, provider)).toBe(expected)
  })

  test.each([
    'gpt-4',
    'gpt-4-turbo',
    'gpt-3.5-turbo',
    'gpt-3.5-turbo-0613',
    'claude-3-opus',
    'claude-3-opus-20240229',
    'claude-3-sonnet-20240229',
    'claude-3-haiku-20240307',
    'claude-3-5-sonnet-latest',
    'gemini-1.5-pro',
    'command-r',
    'jamba-1.5-large',
    'text-embedding-ada-002',
  ])('though it is old: %s', (model) => {
    expect(found(model)).not.toBeNull()
  })
})

describe('a model is not found', () => {
  test.each([
    ['gpt-4o', 'ollama'],
    ['gpt-4o', 'hosted_vllm'],
    ['claude-haiku-4-5', 'groq'],
    ['ft:gpt-99:org::id', undefined],
    ['meta-llama/Llama-3.3-70B-Instruct', undefined],
  ])('where borrowing a namesake price would be a guess: %s of %s', (model, provider) => {
    expect(found(model, provider)).toBeNull()
  })
})
