import { USAGE_NAMES } from './names.ts'
import type { Attributes } from './spans.ts'

type Amounts = Readonly<Record<string, number>>

/**
 * Tokens by kind. Langfuse's own attribute stands as it is; of the general ones the parts are taken out of what they are parts
 * of: cache reads and writes out of the input, reasoning and sound out of the output.
 */
export function usageOf(attributes: Attributes): Amounts {
  const own = amountsIn(attributes['langfuse.observation.usage_details'])
  if (own) return own
  const of = (names: readonly string[]): number => numberOf(names.map((name) => attributes[name]).find(isThere)) ?? 0
  const [input, output, total] = [of(USAGE_NAMES.input), of(USAGE_NAMES.output), of(USAGE_NAMES.total)]
  if (input + output + total === 0) return {}
  const [read, written] = [of(USAGE_NAMES.cacheRead), of(USAGE_NAMES.cacheCreation)]
  const [reasoning, audio] = [of(USAGE_NAMES.reasoning), of(USAGE_NAMES.audio)]
  const parts = {
    input_cached_tokens: read,
    input_cache_creation: written,
    output_reasoning_tokens: reasoning,
    output_audio_tokens: audio,
  }
  return {
    input: Math.max(0, input - read - written),
    output: Math.max(0, output - reasoning - audio),
    total: total || input + output,
    ...Object.fromEntries(Object.entries(parts).filter(([, count]) => count > 0)),
  }
}

/** Dollars by kind, when the span says any. */
export function costOf(attributes: Attributes): Amounts | undefined {
  const own = amountsIn(attributes['langfuse.observation.cost_details'])
  if (own) return own
  const total = numberOf(attributes['gen_ai.usage.cost']) ?? numberOf(attributes['llm.cost.total'])
  return total === undefined ? undefined : { total }
}

/** The numbers of an object, be it one or its JSON; undefined when it is neither or has none. */
function amountsIn(value: unknown): Amounts | undefined {
  const read = typeof value === 'string' ? parsed(value) : value
  if (typeof read !== 'object' || read === null || Array.isArray(read)) return undefined
  const amounts = Object.entries(read).flatMap(([kind, amount]) => {
    const number = numberOf(amount)
    return number === undefined ? [] : [[kind, number] as const]
  })
  return amounts.length === 0 ? undefined : Object.fromEntries(amounts)
}

function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  return typeof value === 'string' && value !== '' && Number.isFinite(Number(value)) ? Number(value) : undefined
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
