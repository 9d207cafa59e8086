import { findProvider } from '@pydantic/genai-prices'

/** How the books spell a provider, best first. `litellm` names are key prefixes and the starts of `litellm_provider`. */
interface Spellings {
  readonly litellm: readonly string[]
  readonly genai: string | null
}

/**
 * Providers whose name differs between callers, LiteLLM's map and genai-prices. Later LiteLLM names are where a price is
 * looked for when the provider has none of its own: Azure bills OpenAI's models at OpenAI's prices, as LiteLLM assumes too.
 */
const SPELLINGS: ReadonlyMap<string, Spellings> = new Map(
  Object.entries({
    openai: { litellm: ['openai', 'text-completion-openai'], genai: 'openai' },
    anthropic: { litellm: ['anthropic'], genai: 'anthropic' },
    gemini: { litellm: ['gemini', 'vertex_ai'], genai: 'google' },
    vertex_ai: { litellm: ['vertex_ai', 'gemini'], genai: 'google' },
    azure: { litellm: ['azure', 'azure_text', 'openai'], genai: 'azure' },
    azure_ai: { litellm: ['azure_ai', 'azure', 'openai'], genai: 'azure' },
    bedrock: { litellm: ['bedrock', 'bedrock_converse', 'bedrock_mantle'], genai: 'aws' },
    cohere: { litellm: ['cohere', 'cohere_chat'], genai: 'cohere' },
    mistral: { litellm: ['mistral', 'codestral', 'text-completion-codestral'], genai: 'mistral' },
    xai: { litellm: ['xai'], genai: 'x-ai' },
    together_ai: { litellm: ['together_ai'], genai: 'together' },
    fireworks_ai: { litellm: ['fireworks_ai'], genai: 'fireworks' },
    moonshot: { litellm: ['moonshot'], genai: 'moonshotai' },
    voyage: { litellm: ['voyage'], genai: 'voyageai' },
    github_copilot: { litellm: ['github_copilot'], genai: 'github-copilot' },
  }),
)

/** What callers, OpenTelemetry (`gen_ai.provider.name`) and client libraries call providers. */
const ALIASES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    claude: 'anthropic',
    google: 'gemini',
    google_ai_studio: 'gemini',
    'google-generative-ai': 'gemini',
    google_genai: 'gemini',
    'gcp.gemini': 'gemini',
    'gcp.gen_ai': 'gemini',
    'google.generative-ai': 'gemini',
    vertex: 'vertex_ai',
    vertexai: 'vertex_ai',
    vertex_ai_beta: 'vertex_ai',
    google_vertex: 'vertex_ai',
    'google-vertex': 'vertex_ai',
    'gcp.vertex_ai': 'vertex_ai',
    'google.vertex': 'vertex_ai',
    azure_openai: 'azure',
    'azure-openai': 'azure',
    azureopenai: 'azure',
    'az.ai.openai': 'azure',
    'azure.ai.openai': 'azure',
    'az.ai.inference': 'azure_ai',
    'azure.ai.inference': 'azure_ai',
    aws: 'bedrock',
    aws_bedrock: 'bedrock',
    'aws.bedrock': 'bedrock',
    'aws-bedrock': 'bedrock',
    'amazon-bedrock': 'bedrock',
    amazon: 'bedrock',
    bedrock_converse: 'bedrock',
    cohere_chat: 'cohere',
    mistral_ai: 'mistral',
    mistralai: 'mistral',
    x_ai: 'xai',
    'x-ai': 'xai',
    together: 'together_ai',
    togetherai: 'together_ai',
    fireworks: 'fireworks_ai',
    moonshotai: 'moonshot',
    voyageai: 'voyage',
    'ibm.watsonx.ai': 'watsonx',
    'github-copilot': 'github_copilot',
    ai21labs: 'ai21',
  }),
)

/** Gateways and placeholders that name no provider: the model's name decides. */
const NO_PROVIDER = new Set(['litellm', 'litellm_proxy', 'unknown', 'other', 'custom', 'auto'])

/** Servers that people run themselves. A model there never borrows the price of a namesake at a paid provider. */
const SELF_HOSTED = new Set([
  'ollama',
  'ollama_chat',
  'vllm',
  'hosted_vllm',
  'lm_studio',
  'lmstudio',
  'llamafile',
  'llamacpp',
  'llama.cpp',
  'localai',
  'local',
  'self_hosted',
  'self-hosted',
  'xinference',
  'oobabooga',
  'tgi',
  'triton',
  'infinity',
  'sglang',
  'docker_model_runner',
  'custom_openai',
  'petals',
])

/** A model's own vendor by the look of its bare name; the first that matches. */
const VENDORS: readonly (readonly [RegExp, string])[] = [
  [
    /^(?:[a-z]{2,6}(?:-gov)?\.)?(?:anthropic|amazon|meta|mistral|cohere|ai21|deepseek|openai|qwen|moonshotai|minimax|nvidia|google|stability|twelvelabs|writer|luma|zai)\./,
    'bedrock',
  ],
  [/^claude/, 'anthropic'],
  [
    /^(?:gpt-|chatgpt|o\d(?:$|-)|ft:|text-embedding-(?:3|ada)|dall-e|whisper-1|tts-1|omni-moderation|davinci|babbage|codex-|computer-use)/,
    'openai',
  ],
  [/^(?:gemini|gemma|imagen|veo|text-embedding-0|text-multilingual-embedding)/, 'gemini'],
  [/^(?:mistral|codestral|devstral|magistral|ministral|pixtral|voxtral|open-mi[sx]tral|mixtral)/, 'mistral'],
  [/^(?:command|embed-(?:english|multilingual|v)|rerank-|c4ai)/, 'cohere'],
  [/^(?:jamba|j2-)/, 'ai21'],
  [/^grok/, 'xai'],
  [/^deepseek/, 'deepseek'],
  [/^sonar/, 'perplexity'],
  [/^voyage/, 'voyage'],
  [/^(?:kimi|moonshot)/, 'moonshot'],
  [/^qwen/, 'dashscope'],
  [/^glm/, 'zai'],
  [/^minimax/, 'minimax'],
]

/**
 * The one name we use for a provider: lower case, aliases resolved (`claude` → `anthropic`, `gemini` and `google` →
 * `gemini`, `openai.chat` → `openai`). Null for null, for gateways, and for names that `isKnown` does not know, except the
 * self-hosted ones.
 */
export function canonicalProvider(name: string | null | undefined, isKnown: (name: string) => boolean): string | null {
  if (name === null || name === undefined) return null
  const lower = name.trim().toLowerCase()
  for (let at = lower; at !== ''; at = at.slice(0, Math.max(at.lastIndexOf('.'), 0))) {
    if (NO_PROVIDER.has(at)) return null
    const known = ALIASES.get(at) ?? at
    if (SPELLINGS.has(known) || SELF_HOSTED.has(known) || isKnown(known)) return known
  }
  return null
}

/** Whether a canonical name is known without any book. */
export function isProviderName(name: string): boolean {
  return SPELLINGS.has(name) || findProvider({ providerId: name })?.id === name
}

/** The LiteLLM names of a provider, best first. */
export function litellmNames(provider: string): readonly string[] {
  return SPELLINGS.get(provider)?.litellm ?? [provider]
}

/** Whether a map entry of `litellmProvider` (`vertex_ai-language-models`) may price a call of `provider`. */
export function acceptsLitellm(provider: string, litellmProvider: string): boolean {
  return litellmNames(provider).some((name) => litellmProvider === name || litellmProvider.startsWith(`${name}-`))
}

/** A `litellm_provider` → our name: `bedrock_converse` → `bedrock`, `vertex_ai-anthropic_models` → `vertex_ai`. */
export function ofLitellm(litellmProvider: string): string {
  const lower = litellmProvider.toLowerCase()
  return lower.startsWith('vertex_ai-') ? 'vertex_ai' : (ALIASES.get(lower) ?? lower)
}

/** The genai-prices id of a provider; null when self-hosted. */
export function genaiId(provider: string): string | null {
  return SELF_HOSTED.has(provider) ? null : (SPELLINGS.get(provider)?.genai ?? provider)
}

/** The vendor that a bare model name gives away; null when it gives none. */
export function vendorOf(bareModel: string): string | null {
  return VENDORS.find(([pattern]) => pattern.test(bareModel))?.[1] ?? null
}
