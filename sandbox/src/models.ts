import { readFileSync } from 'node:fs'
import type { TokenCounts } from './tokens.ts'

/** Prices in nano-dollars a token. */
export interface Prices {
  readonly input: number
  readonly cacheRead: number
  readonly cacheWrite5m: number
  readonly cacheWrite1h: number
  readonly output: number
  readonly reasoning: number
}

export interface Model {
  /** Public name at the gateway (`model_group`). */
  readonly group: string
  /** Provider and model as LiteLLM writes them, e.g. `openai/gpt-4o`. */
  readonly name: string
  readonly provider: string
  /** Where LiteLLM looks it up in its price map. */
  readonly mapKey: string
  /** Identity of the deployment. */
  readonly id: string
  readonly apiBase: string
  /** Null when nobody knows the price: LiteLLM then reports a cost of zero. */
  readonly prices: Prices | null
  readonly kind: 'chat' | 'embedding'
  /** Milliseconds to the first token and per token after it. */
  readonly firstTokenMs: number
  readonly tokenMs: number
}

interface ModelFile {
  readonly keys: readonly string[]
  readonly info: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly prices: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/** What LiteLLM 1.106.2 knows of these models; see `data/README.md`. */
export const LITELLM_MODELS = JSON.parse(
  readFileSync(new URL('../data/litellm-models.json', import.meta.url), 'utf8'),
) as ModelFile

type Speed = readonly [firstTokenMs: number, tokenMs: number]

function model(group: string, name: string, id: string, speed: Speed): Model {
  const info = LITELLM_MODELS.info[name] ?? {}
  const provider = name.slice(0, name.indexOf('/'))
  const kind = info.mode === 'embedding' ? 'embedding' : 'chat'
  const mapKey = LITELLM_MODELS.prices[name] ? name : name.slice(provider.length + 1)
  const apiBase = API_BASES[provider] ?? ''
  const [firstTokenMs, tokenMs] = speed
  return { group, name, provider, mapKey, id, apiBase, prices: pricesOf(name, info), kind, firstTokenMs, tokenMs }
}

const API_BASES: Readonly<Record<string, string>> = {
  anthropic: 'https://api.anthropic.com/v1/messages',
  hosted_vllm: 'http://vllm.internal:8000/v1',
}
const FREE: Prices = { input: 0, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0, output: 0, reasoning: 0 }

function pricesOf(name: string, info: Readonly<Record<string, unknown>>): Prices | null {
  if (name.startsWith('hosted_vllm/')) return FREE
  const input = perToken(info.input_cost_per_token)
  const output = perToken(info.output_cost_per_token)
  if (input === 0 && output === 0) return null
  const write = perToken(info.cache_creation_input_token_cost) || input
  return {
    input,
    cacheRead: perToken(info.cache_read_input_token_cost) || input,
    cacheWrite5m: write,
    cacheWrite1h: perToken(info.cache_creation_input_token_cost_above_1hr) || write,
    output,
    reasoning: perToken(info.output_cost_per_reasoning_token) || output,
  }
}

/** Dollars a token → nano-dollars a token; every price of the table is a whole number of them. */
function perToken(value: unknown): number {
  return typeof value === 'number' ? Math.round(value * 1e9) : 0
}

export const SONNET = model(
  'claude-sonnet',
  'anthropic/claude-sonnet-4-5-20250929',
  '8c37eed34de83c60d0fabf6d94041ee8fa2e35b50831016267b96f2a90234bd8',
  [700, 14],
)
export const HAIKU = model(
  'claude-haiku',
  'anthropic/claude-haiku-4-5-20251001',
  '40136debbf210c69e3e04f2cb7d1e3378f7d92a0a576f9f28c27ce002571829c',
  [380, 7],
)
export const GPT_4O = model(
  'gpt-4o',
  'openai/gpt-4o',
  '76236462b7f51f2e136fa73bef29a4657a408fbf619b79277a074d1525e9c157',
  [450, 11],
)
export const GPT_4O_MINI = model(
  'gpt-4o-mini',
  'openai/gpt-4o-mini',
  'aeb74e70be0c628d992afda87239683da775bc3c476b8c09c3763148de698b22',
  [320, 8],
)
export const FLASH = model(
  'gemini-flash',
  'gemini/gemini-2.5-flash',
  '3d1b45bd30aa75a4e888b8eed6debe1a7be44ec4b89ec017d2e6835341fe66f7',
  [300, 5],
)
export const PRO = model(
  'gemini-pro',
  'gemini/gemini-2.5-pro',
  '5a1c0f3d7ab94a5e1be6e0a7f3a04cc2b8d37c20cc45a4d5f1f9f1c83cf8e3b6',
  [1400, 9],
)
export const EMBEDDING = model(
  'embeddings',
  'openai/text-embedding-3-large',
  'c19a3f0b5e6d4c72a8e0b7d16f2c9384e5a1f0c3d7b2984a6e0f5c1d3b7a9e28',
  [90, 0],
)
/** Self-hosted: its deployment says that it costs nothing. */
export const LOCAL = model(
  'local',
  'hosted_vllm/qwen3-32b',
  'd826b55969d8210b062773ad66c6f0bdcffde3bd41de92ab6dcfb3329b84f08d',
  [210, 18],
)
/** Fine-tuned for us; no price list knows it. */
export const ATLAS = model(
  'atlas',
  'openai/acme-atlas-7b',
  'cff929bf7ed2887ce5b7cc70129b8923bfd8e487e59d7c794c9fc1f2d2060ef2',
  [260, 6],
)

export const MODELS: readonly Model[] = [SONNET, HAIKU, GPT_4O, GPT_4O_MINI, FLASH, PRO, EMBEDDING, LOCAL, ATLAS]

/** Exact cost in nano-dollars: a safe integer below nine million dollars. Null without a price. */
export function nanoCost(model: Model, tokens: TokenCounts): number | null {
  const p = model.prices
  if (!p) return null
  return (
    tokens.input * p.input +
    tokens.cacheRead * p.cacheRead +
    tokens.cacheWrite5m * p.cacheWrite5m +
    tokens.cacheWrite1h * p.cacheWrite1h +
    tokens.output * p.output +
    tokens.reasoning * p.reasoning
  )
}

/** The parts of a cost as LiteLLM computes them: binary floats, in its order, with their noise. */
export interface FloatCost {
  readonly input: number
  readonly output: number
  readonly total: number
  readonly cacheRead: number
  readonly cacheWrite: number
  readonly reasoning: number
}

/** What LiteLLM 1.106.2 would report, bit for bit (checked against its own answers in `models.test.ts`). */
export function floatCost(model: Model, tokens: TokenCounts): FloatCost {
  const p = model.prices ?? FREE
  const cacheRead = tokens.cacheRead * usdOf(p.cacheRead)
  const cacheWrite = tokens.cacheWrite5m * usdOf(p.cacheWrite5m) + tokens.cacheWrite1h * usdOf(p.cacheWrite1h)
  const reasoning = tokens.reasoning * usdOf(p.reasoning)
  const input = tokens.input * usdOf(p.input) + cacheRead + cacheWrite
  const output = tokens.output * usdOf(p.output) + reasoning
  return { input, output, total: input + output, cacheRead, cacheWrite, reasoning }
}

/** The float nearest to the decimal price: division by a power of ten rounds once. */
function usdOf(nanoPerToken: number): number {
  return nanoPerToken / 1e9
}
