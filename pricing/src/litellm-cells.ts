import type { Decimal } from './money.ts'
import { readPrice } from './read-price.ts'
import type { ServiceTier, TokenClass } from './tokens.ts'

/** LiteLLM's keys for the price of one token, by class. */
export const TOKEN_KEYS: Readonly<Record<TokenClass, string>> = {
  input: 'input_cost_per_token',
  cache_read: 'cache_read_input_token_cost',
  cache_write_5m: 'cache_creation_input_token_cost',
  cache_write_1h: 'cache_creation_input_token_cost_above_1hr',
  output: 'output_cost_per_token',
  reasoning: 'output_cost_per_reasoning_token',
  input_audio: 'input_cost_per_audio_token',
  output_audio: 'output_cost_per_audio_token',
  input_image: 'input_cost_per_image_token',
  output_image: 'output_cost_per_image_token',
}

const SUFFIXES: Readonly<Record<string, ServiceTier>> = {
  priority: 'priority',
  flex: 'flex',
  balanced: 'balanced',
  ultrafast: 'ultrafast',
  batches: 'batch',
}

const CLASS_OF = new Map(Object.entries(TOKEN_KEYS).map(([name, key]) => [key, name as TokenClass]))
// Longest first, so that …_above_1hr is not read as a threshold of the shorter key.
const KEYS = [...CLASS_OF.keys()].sort((a, b) => b.length - a.length).join('|')
const CELL = new RegExp(`^(${KEYS})(?:_above_(\\d+)(k?)_tokens)?(?:_(${Object.keys(SUFFIXES).join('|')}))?$`)

/** Every per-token price of one entry by class, threshold (0 = none) and service tier. */
export interface Cells {
  get(name: TokenClass, above: number, tier: ServiceTier): Decimal | null
  /** Thresholds that standard or `tier` prices of any class name, ascending. */
  thresholds(tier: ServiceTier): number[]
  /** Whether any price is for this tier alone. */
  has(tier: ServiceTier): boolean
}

interface Cell {
  readonly name: TokenClass
  readonly above: number
  readonly tier: ServiceTier
}

/** A map of 4,000 models has some hundred field names; more than this are junk and are read each time. */
const MOST_FIELDS = 5_000
const fields = new Map<string, Cell | null>()

/** What a field prices; null when it is no price of a token. Remembered: matching every field anew is half the opening. */
function cellOf(field: string): Cell | null {
  const known = fields.get(field)
  if (known !== undefined) return known
  const match = CELL.exec(field)
  const name = CLASS_OF.get(match?.[1] ?? '')
  const above = Number(match?.[2] ?? 0) * (match?.[3] === 'k' ? 1000 : 1)
  const cell = name === undefined ? null : { name, above, tier: SUFFIXES[match?.[4] ?? ''] ?? 'standard' }
  if (fields.size < MOST_FIELDS) fields.set(field, cell)
  return cell
}

/** Reads an entry's per-token prices. Fields that are no price are reported and left out. */
export function readCells(entry: Record<string, unknown>, complain: (reason: string) => void): Cells {
  const cells = new Map<string, Decimal>()
  const thresholds = new Map<ServiceTier, Set<number>>()
  for (const [field, value] of Object.entries(entry)) {
    const cell = cellOf(field)
    if (cell === null) continue
    const price = readPrice(value, (reason) => complain(`${field}: ${reason}`))
    if (price === null) continue
    const { name, above, tier } = cell
    cells.set(cellKey(name, above, tier), price)
    if (!thresholds.has(tier)) thresholds.set(tier, new Set())
    if (above > 0) thresholds.get(tier)?.add(above)
  }
  return {
    get: (name, above, tier) => cells.get(cellKey(name, above, tier)) ?? null,
    thresholds: (tier) =>
      [...new Set([...(thresholds.get('standard') ?? []), ...(thresholds.get(tier) ?? [])])].sort((a, b) => a - b),
    has: (tier) => thresholds.has(tier),
  }
}

function cellKey(name: TokenClass, above: number, tier: ServiceTier): string {
  return `${name} ${above} ${tier}`
}
