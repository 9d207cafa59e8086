import type { Cells } from './litellm-cells.ts'
import { TOKEN_KEYS } from './litellm-cells.ts'
import { type Decimal, times } from './money.ts'
import type { Rate, Rates } from './price.ts'
import { record, readPrice } from './read-price.ts'
import { type ServiceTier, TOKEN_CLASSES, type TokenClass } from './tokens.ts'

const HALF: Decimal = { digits: 5n, exponent: -1 }

/** Per-token prices of an entry at a service tier, by the rules of LiteLLM's own calculator (1.106.2). */
export function ratesAt(cells: Cells, tier: ServiceTier): Rates {
  const rates: { [name in TokenClass]?: Rate } = {}
  for (const name of TOKEN_CLASSES) {
    const rate = tier === 'batch' ? batchRate(cells, name) : tierRate(cells, name, tier)
    if (rate !== null) rates[name] = rate
  }
  const image = cells.get('output_image', 0, 'standard')
  // Image models state no text output price, or zero: every token they write is an image token.
  if (image !== null && (rates.output === undefined || rates.output.base?.digits === 0n)) {
    rates.output = { base: rates.output_image?.base ?? image, steps: rates.output?.steps ?? [] }
  }
  return rates
}

/** A tier's own price where there is one, else the standard price; each threshold likewise. */
function tierRate(cells: Cells, name: TokenClass, tier: ServiceTier): Rate | null {
  const at = (above: number) => cells.get(name, above, tier) ?? cells.get(name, above, 'standard')
  // Reasoning follows a tier's output price rather than its own standard price.
  const follows = name === 'reasoning' && cells.get(name, 0, tier) === null && cells.get('output', 0, tier) !== null
  if (tier !== 'standard' && follows) return null
  return made(
    at(0),
    cells.thresholds(tier).map((above) => ({ above, price: at(above) })),
  )
}

/**
 * The batch price. Without one: half the standard price, which every provider that publishes a batch price charges and
 * LiteLLM assumes; but cached tokens and reasoning follow a published batch price of input and output.
 */
function batchRate(cells: Cells, name: TokenClass): Rate | null {
  const own = cells.get(name, 0, 'batch')
  if (own !== null) {
    const steps = cells.thresholds('batch').map((above) => ({ above, price: cells.get(name, above, 'batch') }))
    return made(own, steps)
  }
  const leader = name === 'reasoning' ? 'output' : name.startsWith('cache_') ? 'input' : null
  if (leader !== null && cells.get(leader, 0, 'batch') !== null) return null
  const standard = tierRate(cells, name, 'standard')
  return standard === null
    ? null
    : made(
        halved(standard.base),
        standard.steps.map((step) => ({ above: step.above, price: halved(step.price) })),
      )
}

function halved(price: Decimal | null): Decimal | null {
  return price === null ? null : times(price, HALF)
}

function made(base: Decimal | null, steps: readonly { above: number; price: Decimal | null }[]): Rate | null {
  const stated = steps.filter((step) => step.price !== null)
  return base === null && stated.length === 0 ? null : { base, steps: stated }
}

/**
 * Rates of a `tiered_pricing` table (`range: [from, to]`): one row prices the whole request. A row without an output price
 * leaves output and reasoning at the entry's own. Null when the entry has no such table.
 */
export function tableRates(table: unknown, flat: Rates, complain: (reason: string) => void): Rates | null {
  if (!Array.isArray(table)) return null
  const rows = table.flatMap((value) => {
    const row = record(value)
    const from = Array.isArray(row?.range) && row.range.length === 2 ? Number(row.range[0]) : Number.NaN
    return row !== null && 'input_cost_per_token' in row && Number.isFinite(from) && from >= 0 ? [{ from, row }] : []
  })
  if (rows.length === 0) return null
  rows.sort((a, b) => a.from - b.from)
  const rates: { [name in TokenClass]?: Rate } = {}
  for (const name of TOKEN_CLASSES) {
    const prices = rows.map(({ from, row }) => ({ above: from, price: rowPrice(row, name, flat, complain) }))
    const base = prices[0]?.price ?? null
    if (prices.some(({ price }) => price !== null)) rates[name] = { base, steps: prices.slice(1) }
  }
  return rates
}

function rowPrice(
  row: Record<string, unknown>,
  name: TokenClass,
  flat: Rates,
  complain: (reason: string) => void,
): Decimal | null {
  const field = TOKEN_KEYS[name]
  const own = readPrice(row[field], (reason) => complain(`tiered_pricing.${field}: ${reason}`))
  if (own !== null) return own
  const kept = name.includes('audio') || name.includes('image')
  const entrysOwn = kept || ((name === 'output' || name === 'reasoning') && !('output_cost_per_token' in row))
  return entrysOwn ? (flat[name]?.base ?? null) : null
}
