import type { TokenClass, Tokens } from '../../usage.ts'
import { count, type Json, object } from './read.ts'

interface Counts {
  readonly prompt: number
  readonly completion: number
}

/**
 * Disjoint token classes of a call. LiteLLM's `prompt_tokens` holds what was read from and written to the provider's cache, also
 * for Anthropic, and audio and images; `completion_tokens` holds reasoning, audio and images. Details that do not fit into
 * their total were evidently not part of it (older versions) and are counted beside it. Null when the answer carried no usage.
 * Throws Refused on counts that are none.
 */
export function tokensOf(record: Json, usage: Json): Tokens | null {
  const counts: Counts = {
    prompt: count(record.prompt_tokens ?? usage.prompt_tokens, 'prompt_tokens'),
    completion: count(record.completion_tokens ?? usage.completion_tokens, 'completion_tokens'),
  }
  count(record.total_tokens, 'total_tokens')
  const found: [TokenClass, number][] = [
    ...inputClasses(counts.prompt, usage),
    ...outputClasses(counts.completion, usage),
  ]
  const present = found.filter(([, n]) => n > 0)
  return present.length === 0 ? null : Object.fromEntries(present)
}

function inputClasses(prompt: number, usage: Json): [TokenClass, number][] {
  const details = object(usage.prompt_tokens_details ?? usage.input_tokens_details)
  const read = count(details.cached_tokens ?? usage.cache_read_input_tokens, 'cached_tokens')
  const write = cacheWrites(details, usage)
  const cached = read + write.fiveMinutes + write.oneHour
  let rest = cached > prompt ? prompt : prompt - cached
  const audio = Math.min(count(details.audio_tokens, 'prompt audio_tokens'), rest)
  rest -= audio
  const image = Math.min(count(details.image_tokens, 'prompt image_tokens'), rest)
  return [
    ['input', rest - image],
    ['cache_read', read],
    ['cache_write_5m', write.fiveMinutes],
    ['cache_write_1h', write.oneHour],
    ['input_audio', audio],
    ['input_image', image],
  ]
}

/** What was written lives 5 minutes unless the answer says that it lives an hour. */
function cacheWrites(details: Json, usage: Json): { fiveMinutes: number; oneHour: number } {
  const split = object(details.cache_creation_token_details ?? usage.cache_creation)
  const total = count(
    details.cache_creation_tokens ?? details.cache_write_tokens ?? usage.cache_creation_input_tokens,
    'cache_creation_tokens',
  )
  const oneHour = count(split.ephemeral_1h_input_tokens, 'ephemeral_1h_input_tokens')
  const fiveMinutes = count(split.ephemeral_5m_input_tokens, 'ephemeral_5m_input_tokens')
  return { oneHour, fiveMinutes: Math.max(fiveMinutes, total - oneHour) }
}

function outputClasses(completion: number, usage: Json): [TokenClass, number][] {
  const details = object(usage.completion_tokens_details ?? usage.output_tokens_details)
  const reasoning = count(details.reasoning_tokens, 'reasoning_tokens')
  const audio = count(details.audio_tokens, 'completion audio_tokens')
  const image = count(details.image_tokens, 'completion image_tokens')
  const special = reasoning + audio + image
  return [
    ['output', special > completion ? completion : completion - special],
    ['reasoning', reasoning],
    ['output_audio', audio],
    ['output_image', image],
  ]
}
