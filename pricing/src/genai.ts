import { calcPrice, type ModelInfo, type ModelPrice as GenaiPrices, type Provider } from '@pydantic/genai-prices'
import { type Decimal, times } from './money.ts'
import type { Asked } from './names.ts'
import type { Quote, Rate, UnitRates } from './price.ts'
import { genaiId, vendorOf } from './provider.ts'
import { readPrice, record, type Skipped } from './read-price.ts'
import type { Slot } from './slots.ts'
import type { ServiceTier, TokenClass, Unit } from './tokens.ts'
import type { Window } from './windows.ts'

/** When version 0.1.8 of the package, and with it its data, was published. A test holds it against the version in use. */
export const GENAI_VERSION = '0.1.8'
export const GENAI_AS_OF = Date.UTC(2026, 8, 23)

const TOKEN_KEYS: Readonly<Record<TokenClass, string>> = {
  input: 'input_mtok',
  cache_read: 'cache_read_mtok',
  cache_write_5m: 'cache_write_mtok',
  cache_write_1h: 'cache_write_1h_mtok',
  output: 'output_mtok',
  reasoning: 'output_reasoning_mtok',
  input_audio: 'input_audio_mtok',
  output_audio: 'output_audio_mtok',
  input_image: 'input_image_mtok',
  output_image: 'output_image_mtok',
}

const UNIT_KEYS: Readonly<Partial<Record<Unit, string>>> = {
  requests: 'requests_kcount',
  queries: 'rerank_searches_kcount',
  web_searches: 'web_searches_kcount',
  pages: 'input_document_kpages',
}

const PER_MILLION: Decimal = { digits: 1n, exponent: -6 }
const PER_THOUSAND: Decimal = { digits: 1n, exponent: -3 }

type Complain = (reason: string) => void

/**
 * Prices of a model by genai-prices, in the order in which they hold. The package itself matches names (its patterns, its
 * fallback providers); we read its prices as decimals and its conditions in its own order: the last one that holds counts,
 * and the first price when none does. Prices per hour are left out: a second of them is no exact decimal.
 */
export function findGenai(asked: Asked, tier: ServiceTier, skip: (skipped: Skipped) => void): Slot[] {
  const found = lookUp(asked)
  if (found === null) return []
  const { provider, model } = found
  const complain: Complain = (reason) => skip({ source: 'genai-prices', key: `${provider.id}/${model.id}`, reason })
  const conditional = Array.isArray(model.prices) ? model.prices : [{ prices: model.prices }]
  const slots = conditional.flatMap(({ constraint, prices }, index) => {
    const condition = readConstraint(constraint)
    if (condition === null) {
      complain(`unknown condition ${JSON.stringify(constraint)}`)
      return []
    }
    const later = conditional.slice(index + 1).map((next) => readConstraint(next.constraint)?.from ?? null)
    const to = later.filter((from) => from !== null).sort((a, b) => a - b)[0] ?? null
    const quote = quoteOf(found, prices, { tier, from: condition.from, to, complain })
    return [{ from: condition.from, to: null, windows: condition.windows, quote }]
  })
  const [first] = slots
  return first === undefined ? [] : [...slots.toReversed(), { ...first, from: null, windows: null }]
}

interface Found {
  readonly provider: Provider
  readonly model: ModelInfo
}

function lookUp(asked: Asked): Found | null {
  const provider = asked.provider ?? (vendorOf(asked.bare) === 'bedrock' ? 'bedrock' : null)
  const id = provider === null ? null : genaiId(provider)
  if (provider !== null && id === null) return null
  try {
    const found = calcPrice({}, asked.bare, id === null ? {} : { providerId: id })
    return found === null || (id !== null && found.provider.id !== id) ? null : found
  } catch {
    // The package throws on a model whose prices it cannot read; to us it has none then.
    return null
  }
}

function readConstraint(value: unknown): { from: number | null; windows: readonly Window[] | null } | null {
  if (value === undefined) return { from: null, windows: null }
  const constraint = record(value)
  if (constraint?.type === 'start_date') {
    const from = Date.parse(`${constraint.start_date}T00:00:00Z`)
    return Number.isNaN(from) ? null : { from, windows: null }
  }
  const start = timeOfDay(constraint?.start_time)
  const end = timeOfDay(constraint?.end_time)
  if (start === null || end === null) return null
  return { from: null, windows: [{ start, end, weekdays: null, zone: null }] }
}

/** `HH:MM:SSZ` → milliseconds since midnight UTC. */
function timeOfDay(value: unknown): number | null {
  const match = typeof value === 'string' ? /^(\d{2}):(\d{2}):(\d{2})Z$/.exec(value) : null
  if (!match) return null
  const [hours, minutes, seconds] = match.slice(1).map(Number) as [number, number, number]
  return ((hours * 60 + minutes) * 60 + seconds) * 1000
}

interface Conditions {
  readonly tier: ServiceTier
  readonly from: number | null
  readonly to: number | null
  readonly complain: Complain
}

function quoteOf({ provider, model }: Found, prices: GenaiPrices, conditions: Conditions): Quote {
  const { tier, from, to, complain } = conditions
  const rates: { [name in TokenClass]?: Rate } = {}
  for (const [name, key] of Object.entries(TOKEN_KEYS) as [TokenClass, string][]) {
    const rate = readRate(prices[key], (reason) => complain(`${key}: ${reason}`))
    if (rate !== null) rates[name] = tier === 'batch' ? scaleRate(rate, { digits: 5n, exponent: -1 }) : rate
  }
  return {
    model: model.id,
    provider: provider.id,
    source: 'genai-prices',
    from,
    to,
    mode: null,
    contextWindow: model.context_window ?? null,
    serviceTier: tier,
    serviceTierPriced: tier === 'standard',
    rates,
    units: readUnits(prices, complain),
    inclusive: false,
  }
}

function readRate(value: unknown, complain: Complain): Rate | null {
  const tiered = record(value)
  const base = readPrice(tiered === null ? value : tiered.base, complain)
  if (base === null) return null
  const tiers = Array.isArray(tiered?.tiers) ? tiered.tiers.map(record) : []
  const steps = tiers.flatMap((tier) => {
    const price = readPrice(tier?.price, complain)
    const above = tier?.start
    return price !== null && typeof above === 'number' ? [{ above, price }] : []
  })
  return scaleRate({ base, steps: steps.sort((a, b) => a.above - b.above) }, PER_MILLION)
}

function scaleRate(rate: Rate, factor: Decimal): Rate {
  const scale = (price: Decimal | null) => (price === null ? null : times(price, factor))
  return { base: scale(rate.base), steps: rate.steps.map(({ above, price }) => ({ above, price: scale(price) })) }
}

function readUnits(prices: GenaiPrices, complain: Complain): UnitRates {
  const units: { [name in Unit]?: { price: Decimal } } = {}
  for (const [unit, key] of Object.entries(UNIT_KEYS) as [Unit, string][]) {
    const price = readPrice(prices[key], (reason) => complain(`${key}: ${reason}`))
    if (price !== null) units[unit] = { price: times(price, PER_THOUSAND) }
  }
  return units
}
