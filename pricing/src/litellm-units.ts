import type { UnitRate, UnitRates } from './price.ts'
import { readPrice, record } from './read-price.ts'
import type { Unit } from './tokens.ts'

/** LiteLLM's keys for prices that are not per token; the first that an entry has counts. */
export const UNIT_KEYS: Readonly<Partial<Record<Unit, readonly string[]>>> = {
  requests: ['input_cost_per_request'],
  queries: ['input_cost_per_query'],
  pages: ['ocr_cost_per_page'],
  input_images: ['input_cost_per_image'],
  output_images: ['output_cost_per_image'],
  input_seconds: ['input_cost_per_second', 'input_cost_per_audio_per_second', 'input_cost_per_video_per_second'],
  output_seconds: ['output_cost_per_second', 'output_cost_per_video_per_second'],
  run_seconds: ['cost_per_second'],
  input_characters: ['input_cost_per_character'],
  output_characters: ['output_cost_per_character'],
}

/** Reads an entry's prices per unit. A web search is taken at LiteLLM's medium context size, its default. */
export function readUnits(entry: Record<string, unknown>, complain: (reason: string) => void): UnitRates {
  const units: { [name in Unit]?: UnitRate } = {}
  for (const [unit, fields] of Object.entries(UNIT_KEYS) as [Unit, readonly string[]][]) {
    for (const field of fields) {
      const price = field in entry ? readPrice(entry[field], (reason) => complain(`${field}: ${reason}`)) : null
      if (price !== null) units[unit] ??= { price }
    }
  }
  const search = record(entry.search_context_cost_per_query)?.search_context_size_medium
  const price = readPrice(search, (reason) => complain(`search_context_cost_per_query: ${reason}`))
  if (price !== null) units.web_searches = perPrompt(entry) ? { price, atMost: 1 } : { price }
  return units
}

/** Gemini 2 bills a grounded prompt once, however many searches it took; LiteLLM's default for Google's models. */
function perPrompt(entry: Record<string, unknown>): boolean {
  const provider = String(entry.litellm_provider)
  return (provider === 'gemini' || provider.startsWith('vertex_ai')) && entry.web_search_billing_unit !== 'per_query'
}
