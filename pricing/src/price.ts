import type { Decimal } from './money.ts'
import type { ServiceTier, TokenClass, Unit } from './tokens.ts'

/** Where a price comes from, weakest first; `development` is the profile that costs nothing. */
export type PriceSource = 'genai-prices' | 'litellm' | 'override' | 'development'

/** Price of one token in dollars, by context length. `price: null` in a step takes the class's own price away from there on. */
export interface Rate {
  readonly base: Decimal | null
  /** Ascending. A request whose context is past `above` pays the step's price for all its tokens. */
  readonly steps: readonly { readonly above: number; readonly price: Decimal | null }[]
}

export type Rates = { readonly [name in TokenClass]?: Rate }

/** Price of one unit in dollars. No more than `atMost` units of a call are billed. */
export interface UnitRate {
  readonly price: Decimal
  readonly atMost?: number
}

export type UnitRates = { readonly [name in Unit]?: UnitRate }

/** What a source says of one model at one moment and service tier, before fallbacks and scaling. */
export interface Quote {
  readonly model: string
  readonly provider: string | null
  readonly source: PriceSource
  /** First moment at which it holds and first at which it no longer does, epoch milliseconds. */
  readonly from: number | null
  readonly to: number | null
  readonly mode: string | null
  readonly contextWindow: number | null
  readonly serviceTier: ServiceTier
  /** False when the source has no price for the tier and standard prices (halved for batch) stand in. */
  readonly serviceTierPriced: boolean
  readonly rates: Rates
  readonly units: UnitRates
  /** A context of exactly the threshold already pays the step. */
  readonly inclusive: boolean
}

/** A model's price as people and other programs read it: exact decimal text, no arithmetic needed. */
export interface ModelPrice {
  /** The model's name in its source. */
  readonly model: string
  readonly provider: string | null
  readonly source: PriceSource
  /** First moment at which it holds and first at which it no longer does, epoch milliseconds; null = open. */
  readonly from: number | null
  readonly to: number | null
  /** chat, embedding, …; null where the source does not say. */
  readonly mode: string | null
  /** Tokens that the model can read; null when unknown. */
  readonly contextWindow: number | null
  readonly serviceTier: ServiceTier
  readonly serviceTierPriced: boolean
  /** Dollars per million tokens of each class that has a price of its own. */
  readonly perMillion: { readonly [name in TokenClass]?: string }
  /** Classes billed at another class's price. */
  readonly billedAs: { readonly [name in TokenClass]?: TokenClass }
  /** A request whose context is past `above` (or reaches it, when `inclusive`) pays these prices for all its tokens. */
  readonly contextTiers: readonly ContextTier[]
  /** Dollars per unit. */
  readonly perUnit: { readonly [name in Unit]?: string }
  /** Every price is zero. */
  readonly free: boolean
}

export interface ContextTier {
  readonly above: number
  readonly inclusive: boolean
  readonly perMillion: { readonly [name in TokenClass]?: string }
}
