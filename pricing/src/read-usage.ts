import { UsageError } from './errors.ts'
import { record, shown } from './read-price.ts'
import { TOKEN_CLASSES, UNITS, type Usage } from './tokens.ts'

type Fields = Readonly<Record<string, unknown>>

/**
 * Usage as a provider's answer states it → disjoint token classes. Understands OpenAI (chat completions, responses,
 * embeddings, images, audio) and whatever is compatible with it (Azure, Mistral, AI21, LiteLLM, self-hosted), Anthropic,
 * Gemini and Vertex, Cohere, Voyage, Bedrock Converse, and the Vercel AI SDK. Usage in our own classes is returned as it is.
 * What is part of another count is taken out of it, and a part never makes more than its whole.
 * Throws a UsageError when no amount is found.
 */
export function readUsage(usage: unknown): Usage {
  const given = record(usage)
  if (given === null) throw new UsageError(`usage is ${shown(usage)}; expected an object of token counts`)
  if ([...TOKEN_CLASSES, ...UNITS].some((name) => name in given)) return given as Usage
  const fields = snake(given)
  const billed = record(fields.billed_units) ?? record(record(fields.meta)?.billed_units)
  if (billed !== null) return ofCohere(billed)
  if ('prompt_token_count' in fields || 'candidates_token_count' in fields) return ofGemini(fields)
  if (fields.type === 'duration' && 'seconds' in fields) return { input_seconds: count(fields.seconds) }
  if (isAnthropic(fields)) return ofAnthropic(fields)
  if ('prompt_tokens' in fields || 'input_tokens' in fields || 'total_tokens' in fields) return ofOpenai(fields)
  const found = Object.keys(given).slice(0, 8).join(', ')
  throw new UsageError(
    `no token counts found in usage with the fields ${found || '(none)'}; expected token classes (${TOKEN_CLASSES.join(', ')}) or a provider's own usage object`,
  )
}

const ANTHROPIC_FIELDS = [
  'cache_read_input_tokens',
  'cache_creation_input_tokens',
  'cache_write_input_tokens',
  'cache_creation',
  'server_tool_use',
]

/** Anthropic and Bedrock count cached tokens beside `input_tokens`, everybody else within it. */
function isAnthropic(fields: Fields): boolean {
  if (!('input_tokens' in fields) || 'prompt_tokens' in fields || inputDetails(fields) !== null) return false
  return ANTHROPIC_FIELDS.some((name) => fields[name] !== undefined && fields[name] !== null)
}

function ofAnthropic(fields: Fields): Usage {
  const writes = cacheWrites(count(fields.cache_creation_input_tokens ?? fields.cache_write_input_tokens), [
    record(fields.cache_creation),
  ])
  const output = count(fields.output_tokens)
  const reasoning = Math.min(output, count(record(fields.output_tokens_details)?.thinking_tokens))
  return used({
    input: count(fields.input_tokens),
    cache_read: count(fields.cache_read_input_tokens),
    ...writes,
    output: output - reasoning,
    reasoning,
    web_searches: count(record(fields.server_tool_use)?.web_search_requests),
  })
}

function ofOpenai(fields: Fields): Usage {
  const read = inputDetails(fields)
  const written =
    record(fields.completion_tokens_details) ??
    record(fields.output_tokens_details) ??
    record(fields.output_token_details)
  const prompt = count(fields.prompt_tokens ?? fields.input_tokens ?? fields.total_tokens)
  const cached = count(
    read?.cached_tokens ??
      read?.cache_read_tokens ??
      fields.cache_read_input_tokens ??
      fields.cached_input_tokens ??
      fields.prompt_cache_hit_tokens,
  )
  const creation = count(read?.cache_write_tokens ?? read?.cache_creation_tokens ?? fields.cache_creation_input_tokens)
  const writes = cacheWrites(creation, [record(read?.cache_creation_token_details), record(fields.cache_creation)])
  const completion = count(fields.completion_tokens ?? fields.output_tokens)
  return used({
    ...split(prompt, 'input', {
      cache_read: cached,
      ...writes,
      input_audio: count(read?.audio_tokens),
      input_image: count(read?.image_tokens),
    }),
    ...split(completion, 'output', {
      reasoning: count(written?.reasoning_tokens ?? written?.thinking_tokens ?? fields.reasoning_tokens),
      output_audio: count(written?.audio_tokens),
      output_image: count(written?.image_tokens),
    }),
  })
}

function ofGemini(fields: Fields): Usage {
  const prompt = count(fields.prompt_token_count) + count(fields.tool_use_prompt_token_count)
  const read = modalities(fields.prompt_tokens_details)
  const written = modalities(fields.candidates_tokens_details)
  return used({
    ...split(prompt, 'input', {
      cache_read: count(fields.cached_content_token_count),
      input_audio: read('AUDIO'),
      input_image: read('IMAGE'),
    }),
    ...split(count(fields.candidates_token_count), 'output', {
      output_audio: written('AUDIO'),
      output_image: written('IMAGE'),
    }),
    // Gemini counts thoughts beside the candidates.
    reasoning: count(fields.thoughts_token_count),
  })
}

function ofCohere(billed: Fields): Usage {
  return used({
    input: count(billed.input_tokens),
    output: count(billed.output_tokens),
    queries: count(billed.search_units),
    input_images: count(billed.images),
  })
}

function inputDetails(fields: Fields): Fields | null {
  return (
    record(fields.prompt_tokens_details) ?? record(fields.input_tokens_details) ?? record(fields.input_token_details)
  )
}

/** Cache writes by lifetime where they are told apart; what is not is a 5-minute write, the default everywhere. */
function cacheWrites(total: number, details: readonly (Fields | null)[]) {
  const known = details.find((detail) => detail !== null)
  const hour = count(known?.ephemeral_1h_input_tokens)
  const short = Math.max(total - hour, count(known?.ephemeral_5m_input_tokens))
  return { cache_write_5m: short, cache_write_1h: hour }
}

/** Takes parts out of a whole, each at most what is left of it; the rest is the plain class. */
function split(whole: number, plain: 'input' | 'output', parts: Readonly<Record<string, number>>) {
  let left = whole
  const taken = Object.entries(parts).map(([name, part]) => {
    const amount = Math.min(part, left)
    left -= amount
    return [name, amount] as const
  })
  return { ...Object.fromEntries(taken), [plain]: left }
}

function modalities(details: unknown): (name: string) => number {
  const list = Array.isArray(details) ? details.map(record).map((detail) => (detail === null ? {} : snake(detail))) : []
  return (name) => list.reduce((sum, detail) => sum + (detail.modality === name ? count(detail.token_count) : 0), 0)
}

/** Only what was used, so that a usage reads as it was. */
function used(amounts: Readonly<Record<string, number>>): Usage {
  return Object.fromEntries(Object.entries(amounts).filter(([, amount]) => amount > 0))
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0
}

/** Field names in snake case, one level of objects deep: Gemini, Bedrock and JavaScript clients write camel case. */
function snake(fields: Fields, deep = true): Fields {
  const named = Object.entries(fields).map(([name, value]) => {
    const inner = deep ? record(value) : null
    const key = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    return [key, inner === null ? value : snake(inner, false)]
  })
  return Object.fromEntries(named)
}
