import { type Json, list, object, text, word } from './read.ts'

/**
 * How LiteLLM's call types are called here; the ones with and without a leading `a` are the same. Maps, not objects: what is
 * looked up comes from outside, and in an object `constructor` would be found.
 */
const CALL_TYPES: ReadonlyMap<string, string> = byName({
  completion: 'chat',
  text_completion: 'completion',
  anthropic_messages: 'chat',
  responses: 'chat',
  generate_content: 'chat',
  generate_content_stream: 'chat',
  embedding: 'embedding',
  image_generation: 'image',
  image_edit: 'image',
  image_variation: 'image',
  transcription: 'transcription',
  speech: 'speech',
  rerank: 'rerank',
  moderation: 'moderation',
  create_batch: 'batch',
  retrieve_batch: 'batch',
  call_mcp_tool: 'tool',
  realtime: 'realtime',
  pass_through_endpoint: 'pass_through',
})

export function callTypeOf(value: unknown): string | null {
  const name = word(value)
  if (name === null) return null
  return CALL_TYPES.get(name) ?? CALL_TYPES.get(name.replace(/^_?a/, '')) ?? name
}

/** Providers by the names used here. */
const PROVIDERS: ReadonlyMap<string, string> = byName({ gemini: 'google', claude: 'anthropic' })
/** Prefixes that name a provider where the record itself names none. Others belong to the model, as in `meta-llama/…`. */
const PREFIXES = new Set([
  ...[
    'openai',
    'azure',
    'azure_ai',
    'anthropic',
    'gemini',
    'vertex_ai',
    'bedrock',
    'cohere',
    'ai21',
    'mistral',
    'groq',
  ],
  ...[
    'deepseek',
    'xai',
    'ollama',
    'ollama_chat',
    'hosted_vllm',
    'openrouter',
    'together_ai',
    'fireworks_ai',
    'perplexity',
  ],
])

/** The model without its provider's prefix, and the provider. */
export function modelOf(model: unknown, provider: unknown): { model: string | null; provider: string | null } {
  const name = text(model)
  const given = word(provider)
  const slash = name?.indexOf('/') ?? -1
  const prefix = slash > 0 ? (name as string).slice(0, slash) : null
  const known = given ?? (prefix !== null && PREFIXES.has(prefix) ? prefix : null)
  return {
    model: name !== null && prefix !== null && prefix === known ? text(name.slice(slash + 1)) : name,
    provider: known === null ? null : (PROVIDERS.get(known) ?? known),
  }
}

/** Names of the tools that an answer calls: of chat completions and of responses. Their arguments are not looked at. */
export function toolsCalled(response: Json): string[] {
  const called = list(response.choices)
    .slice(0, 8)
    .flatMap((choice) => list(object(object(choice).message).tool_calls).slice(0, 64))
    .map((call) => object(object(call).function).name)
  for (const item of list(response.output).slice(0, 64))
    if (object(item).type === 'function_call') called.push(object(item).name)
  return toolNames(called)
}

/** Each name once, at most 16 of them. */
export function toolNames(called: readonly unknown[]): string[] {
  const names = new Set<string>()
  for (const value of called.slice(0, 1024)) {
    const name = word(value)
    if (name !== null && names.size < 16) names.add(name)
  }
  return [...names]
}

/** Request headers that may say who calls: all that begin with `x-`, by lower-case name. */
export function extraHeaders(...maps: readonly Json[]): Record<string, unknown> {
  const headers: Record<string, unknown> = Object.create(null)
  for (const map of maps)
    for (const key of Object.keys(map).slice(0, 128)) {
      const lower = key.toLowerCase()
      if (lower.startsWith('x-') && !(lower in headers)) headers[lower] = map[key]
    }
  return headers
}

function byName(names: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(names))
}
