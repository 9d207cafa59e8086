/**
 * Token classes. They are disjoint: their sum is every token of a call. The exporter declares the same list and a test of
 * its compares the two, because neither package may import the other's vocabulary.
 */
export const TOKEN_CLASSES = [
  'input',
  'cache_read',
  'cache_write_5m',
  'cache_write_1h',
  'output',
  'reasoning',
  'input_audio',
  'output_audio',
  'input_image',
  'output_image',
] as const
export type TokenClass = (typeof TOKEN_CLASSES)[number]

/** Amounts that are no tokens and that some models are billed by. Seconds may be fractions, the rest are counts. */
export const UNITS = [
  'requests',
  'queries',
  'web_searches',
  'pages',
  'input_images',
  'output_images',
  'input_seconds',
  'output_seconds',
  'run_seconds',
  'input_characters',
  'output_characters',
] as const
export type Unit = (typeof UNITS)[number]

/** What one call used: tokens by class and, where a provider bills by them, other units. What is absent was not used. */
export type Usage = { readonly [name in TokenClass | Unit]?: number | undefined }

/** Classes that the model read. Their sum is the context that decides a context-length tier. */
export const READ_CLASSES: readonly TokenClass[] = [
  'input',
  'cache_read',
  'cache_write_5m',
  'cache_write_1h',
  'input_audio',
  'input_image',
]

/** Units counted on the output side of a cost; all others stand on the input side. */
export const WRITTEN_UNITS: readonly Unit[] = ['output_images', 'output_seconds', 'output_characters']

/**
 * The class whose price a class without one of its own takes, tried in this order until a price is found. Reasons: providers
 * bill hidden reasoning as output; one that publishes no cache price bills cached tokens as ordinary input; a write without
 * a 1-hour price costs what the 5-minute write costs; audio and images without a rate are ordinary tokens. LiteLLM's own
 * calculator resolves all of them the same way.
 */
export const STANDS_IN: Readonly<Record<TokenClass, TokenClass | null>> = {
  input: null,
  cache_read: 'input',
  cache_write_5m: 'input',
  cache_write_1h: 'cache_write_5m',
  output: null,
  reasoning: 'output',
  input_audio: 'input',
  output_audio: 'output',
  input_image: 'input',
  output_image: 'output',
}

/** Service tiers with prices of their own. */
export const SERVICE_TIERS = ['standard', 'batch', 'flex', 'priority', 'balanced', 'ultrafast'] as const
export type ServiceTier = (typeof SERVICE_TIERS)[number]

const TIER_SPELLINGS: ReadonlyMap<string, ServiceTier> = new Map(
  Object.entries({
    batches: 'batch',
    fast: 'priority',
    on_demand_priority: 'priority',
    on_demand_flex: 'flex',
  } as const),
)

/** A provider's word for a service tier → ours. What is unknown (`default`, `auto`, `scale`, null) is `standard`. */
export function serviceTier(word: string | null | undefined): ServiceTier {
  if (word === null || word === undefined || word === 'standard') return 'standard'
  const lower = word.trim().toLowerCase()
  return SERVICE_TIERS.find((tier) => tier === lower) ?? TIER_SPELLINGS.get(lower) ?? 'standard'
}
