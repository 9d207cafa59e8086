import { type Decimal, plain, scaled } from './money.ts'
import type { ContextTier, ModelPrice, Quote, Rate, UnitRate } from './price.ts'
import { STANDS_IN, TOKEN_CLASSES, type TokenClass, UNITS, type Unit } from './tokens.ts'

/** Prices from one context length upwards, one per token class in the order of TOKEN_CLASSES; null = no price. */
export interface Level {
  readonly above: number
  /** In `10^exponent` dollars a token. */
  readonly prices: readonly (bigint | null)[]
}

/** A quote made ready for arithmetic: every fallback resolved, every price an integer of one common power of ten. */
export interface Compiled {
  readonly price: ModelPrice
  readonly exponent: number
  /** Ascending; the first one holds from zero. */
  readonly levels: readonly [Level, ...Level[]]
  readonly inclusive: boolean
  readonly units: readonly (readonly [Unit, UnitRate])[]
  /** Some token class has a price. */
  readonly byTokens: boolean
}

const MILLION = 6

/** Makes a quote ready for arithmetic. Null when it has no price at all. */
export function compile(quote: Quote): Compiled | null {
  const thresholds = new Set<number>()
  for (const name of TOKEN_CLASSES) for (const step of quote.rates[name]?.steps ?? []) thresholds.add(step.above)
  const base = resolve(quote, -1)
  const steps = [...thresholds].sort((a, b) => a - b).map((above) => ({ above, prices: resolve(quote, above) }))
  const all = [base, ...steps.map((step) => step.prices)].flat().filter((price) => price !== null)
  const units = UNITS.flatMap((unit) => (quote.units[unit] ? [[unit, quote.units[unit]] as const] : []))
  if (all.length === 0 && units.length === 0) return null
  const exponent = Math.min(0, ...all.map((price) => price.exponent))
  const level = (above: number, prices: (Decimal | null)[]): Level => ({
    above,
    prices: prices.map((price) => (price === null ? null : scaled(price, exponent))),
  })
  return {
    price: describe(quote, [...thresholds], all, units),
    exponent,
    levels: [level(-1, base), ...steps.map((step) => level(step.above, step.prices))],
    inclusive: quote.inclusive,
    units,
    byTokens: all.length > 0,
  }
}

function resolve(quote: Quote, above: number): (Decimal | null)[] {
  return TOKEN_CLASSES.map((name) => {
    for (let at: TokenClass | null = name; at !== null; at = STANDS_IN[at]) {
      const own = ownPrice(quote.rates[at], above)
      if (own !== null) return own
    }
    return null
  })
}

function ownPrice(rate: Rate | undefined, above: number): Decimal | null {
  const step = rate?.steps.findLast((candidate) => candidate.above <= above)
  return step === undefined ? (rate?.base ?? null) : step.price
}

function describe(
  quote: Quote,
  thresholds: readonly number[],
  prices: readonly Decimal[],
  units: readonly (readonly [Unit, UnitRate])[],
): ModelPrice {
  const { rates: _rates, units: _units, inclusive, ...rest } = quote
  const contextTiers: ContextTier[] = [...thresholds]
    .sort((a, b) => a - b)
    .map((above) => Object.freeze({ above, inclusive, perMillion: ownPerMillion(quote, above) }))
  const zero = prices.every((price) => price.digits === 0n) && units.every(([, rate]) => rate.price.digits === 0n)
  return Object.freeze({
    ...rest,
    perMillion: ownPerMillion(quote, -1),
    billedAs: billedAs(quote),
    contextTiers: Object.freeze(contextTiers),
    perUnit: Object.freeze(Object.fromEntries(units.map(([unit, rate]) => [unit, plain(rate.price)]))),
    free: zero,
  })
}

function ownPerMillion(quote: Quote, above: number): ModelPrice['perMillion'] {
  const own = TOKEN_CLASSES.flatMap((name) => {
    const price = ownPrice(quote.rates[name], above)
    return price === null ? [] : [[name, plain({ ...price, exponent: price.exponent + MILLION })]]
  })
  return Object.freeze(Object.fromEntries(own))
}

function billedAs(quote: Quote): ModelPrice['billedAs'] {
  const has = (name: TokenClass) => ownPrice(quote.rates[name], -1) !== null
  const borrowed = TOKEN_CLASSES.filter((name) => !has(name)).flatMap((name) => {
    let at = STANDS_IN[name]
    while (at !== null && !has(at)) at = STANDS_IN[at]
    return at === null ? [] : [[name, at]]
  })
  return Object.freeze(Object.fromEntries(borrowed))
}
