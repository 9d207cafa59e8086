import type { TokenClass, Tokens } from '../../usage.ts'
import { count, type Json } from '../litellm/read.ts'

/** Names under which instrumentors and Langfuse itself put the classes of tokens. Maps, not objects: what is looked up comes from outside. */
const CLASSES: ReadonlyMap<string, TokenClass> = new Map<string, TokenClass>([
  ...(['input', 'prompt_tokens', 'input_tokens', 'promptTokens', 'input_text'] as const).map(
    (name): [string, TokenClass] => [name, 'input'],
  ),
  ...(
    [
      'input_cached_tokens',
      'input_cache_read',
      'input_cache_read_tokens',
      'cache_read_input_tokens',
      'cached_content_token_count',
      'input_cached',
      'cached_tokens',
    ] as const
  ).map((name): [string, TokenClass] => [name, 'cache_read']),
  ...(
    [
      'input_cache_creation',
      'input_cache_creation_5m',
      'input_cache_write',
      'cache_creation_input_tokens',
      'input_cache_creation_tokens',
    ] as const
  ).map((name): [string, TokenClass] => [name, 'cache_write_5m']),
  ['input_cache_creation_1h', 'cache_write_1h'],
  ...(
    [
      'output',
      'completion_tokens',
      'output_tokens',
      'completionTokens',
      'output_text',
      'candidates_token_count',
    ] as const
  ).map((name): [string, TokenClass] => [name, 'output']),
  ...(
    [
      'output_reasoning_tokens',
      'output_reasoning',
      'reasoning_tokens',
      'thoughts_token_count',
      'completion_reasoning_tokens',
    ] as const
  ).map((name): [string, TokenClass] => [name, 'reasoning']),
  ...(['input_audio_tokens', 'input_audio', 'prompt_audio_tokens'] as const).map((name): [string, TokenClass] => [
    name,
    'input_audio',
  ]),
  ...(['output_audio_tokens', 'output_audio', 'completion_audio_tokens'] as const).map((name): [string, TokenClass] => [
    name,
    'output_audio',
  ]),
  ['input_image_tokens', 'input_image'],
  ['input_image', 'input_image'],
  ['output_image_tokens', 'output_image'],
  ['output_image', 'output_image'],
])
const TOTALS = new Set(['total', 'total_tokens', 'totalTokens'])

/** Classes that some instrumentors count within the input or output too, in the groups in which they do it. */
const GROUPS: readonly { readonly of: 'input' | 'output'; readonly classes: readonly TokenClass[] }[] = [
  { of: 'input', classes: ['cache_read'] },
  { of: 'input', classes: ['cache_write_5m', 'cache_write_1h'] },
  { of: 'input', classes: ['input_audio', 'input_image'] },
  { of: 'output', classes: ['reasoning', 'output_audio', 'output_image'] },
]

/** All tokens as Langfuse has them: its `total`, else the sum of the kinds. Null when there are none. Throws Refused. */
export function totalOf(usage: Json): number | null {
  const names = Object.keys(usage)
  if (names.length === 0) return null
  const total = names.find((name) => TOTALS.has(name))
  if (total !== undefined) return count(usage[total], `usageDetails.${total}`)
  return names.reduce((sum, name) => sum + count(usage[name], 'usageDetails'), 0)
}

/**
 * The disjoint classes of a row's tokens. Langfuse's own mapping keeps input and cache apart; some instrumentors send an input
 * that holds the cached part, and then the kinds add up to more than the total: what they hold twice is taken out once, where
 * that makes the total. A kind of an unknown name counts as input or output, by its name, where it fits into the total. Null when
 * there is no usage. Throws Refused.
 */
export function tokensOf(usage: Json): Tokens | null {
  const found: Counts = {}
  const others: Counts = {}
  for (const name of Object.keys(usage)) {
    if (TOTALS.has(name)) continue
    const tokenClass = CLASSES.get(name)
    const n = count(usage[name], `usageDetails.${name}`)
    if (tokenClass !== undefined) add(found, tokenClass, n)
    else if (SIDES.test(name)) add(others, /output|completion/i.test(name) ? 'output' : 'input', n)
  }
  const total = totalOf(usage)
  if (sumOf(found) + sumOf(others) === 0) return total === null ? null : total === 0 ? {} : { input: total }
  // Kinds of a modality repeat what plain input and output hold already; then they do not fit beside them.
  if (total === null || sumOf(found) + sumOf(others) <= total)
    for (const side of ['input', 'output'] as const) add(found, side, others[side] ?? 0)
  return disjoint(found, total)
}

type Counts = Partial<Record<TokenClass, number>>
const SIDES = /input|prompt|output|completion/i

function add(counts: Counts, tokenClass: TokenClass, n: number): void {
  if (n > 0) counts[tokenClass] = (counts[tokenClass] ?? 0) + n
}

function sumOf(counts: Counts): number {
  return Object.values(counts).reduce((sum, n) => sum + n, 0)
}

function disjoint(found: Counts, total: number | null): Tokens {
  const sum = sumOf(found)
  if (total === null || total === 0 || sum <= total) return found
  const sizes = GROUPS.map(({ classes }) => classes.reduce((all, name) => all + (found[name] ?? 0), 0))
  // Each choice of groups that stand within their input or output; fewest first.
  const choices = Array.from({ length: 2 ** GROUPS.length }, (_, bits) => bits).sort((a, b) => ones(a) - ones(b))
  for (const bits of choices) {
    const within = { input: 0, output: 0 }
    GROUPS.forEach(({ of }, i) => {
      if (bits & (1 << i)) within[of] += sizes[i] as number
    })
    const fits = within.input <= (found.input ?? 0) && within.output <= (found.output ?? 0)
    if (fits && sum - within.input - within.output === total) return without(found, within)
  }
  return found
}

function without(found: Counts, within: { input: number; output: number }): Tokens {
  const input = (found.input ?? 0) - within.input
  const output = (found.output ?? 0) - within.output
  const { input: _input, output: _output, ...rest } = found
  return { ...(input > 0 ? { input } : {}), ...rest, ...(output > 0 ? { output } : {}) }
}

function ones(bits: number): number {
  return bits === 0 ? 0 : (bits & 1) + ones(bits >> 1)
}
