import { NO_TOKENS, type TokenCounts } from './tokens.ts'
import { FLASH, type Model, PRO } from './models.ts'
import type { Rng } from './random.ts'

/** Providers cache prompts from this length on; OpenAI and Gemini in steps of 128 tokens. */
const CACHEABLE = 1024
const STEP = 128

export interface Size {
  readonly input: number
  readonly output: number
  /** The session's first call: it writes the cache that the later ones read. */
  readonly first: boolean
}

/** Splits a request of the data set into the classes that this provider would report. */
export function pickTokens(rng: Rng, model: Model, { input, output, first }: Size): TokenCounts {
  if (model.kind === 'embedding') return { ...NO_TOKENS, input }
  if (model.provider === 'anthropic') return anthropicTokens(rng, input, output, first)
  const cacheRead =
    input > CACHEABLE && !first && rng.chance(0.3) ? Math.floor((input * rng.between(0.3, 0.85)) / STEP) * STEP : 0
  // Its answers tell nothing of a cache, so for everybody else there is none.
  const told = model.provider === 'hosted_vllm' ? 0 : cacheRead
  const reasons = model === PRO ? 0.7 : model === FLASH ? 0.25 : 0
  const reasoning = reasons > 0 && rng.chance(reasons) ? Math.floor(output * rng.between(0.2, 0.7)) : 0
  return {
    input: input - told,
    cacheRead: told,
    cacheWrite5m: 0,
    cacheWrite1h: 0,
    output: output - reasoning,
    reasoning,
  }
}

function anthropicTokens(rng: Rng, input: number, output: number, first: boolean): TokenCounts {
  const cached = input > CACHEABLE && rng.chance(0.35) ? Math.floor(input * rng.between(0.5, 0.9)) : 0
  const written = first ? cached : Math.floor(cached * rng.between(0, 0.3))
  const hour = rng.chance(0.2) ? Math.floor(written * rng.between(0.3, 1)) : 0
  return {
    input: input - cached,
    cacheRead: cached - written,
    cacheWrite5m: written - hour,
    cacheWrite1h: hour,
    output,
    reasoning: 0,
  }
}

/** A stream whose reader left: LiteLLM counts what it sent, without classes. */
export function abortedTokens(rng: Rng, input: number, output: number): TokenCounts {
  return { ...NO_TOKENS, input, output: Math.max(1, Math.floor(output * rng.between(0.05, 0.7))) }
}
