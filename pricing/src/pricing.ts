import { Amount } from './amount.ts'
import { openPriceBook, type PriceBook, type PriceBookOptions, type PriceProfile } from './book.ts'
import type { Cost } from './cost.ts'
import { UnknownModelError, UnpricedUsageError } from './errors.ts'
import { estimateTokens } from './estimate-tokens.ts'
import { nearNames } from './near.ts'
import type { ModelPrice } from './price.ts'
import { readUsage } from './read-usage.ts'
import type { Usage } from './tokens.ts'

export interface PricingOptions extends Omit<PriceBookOptions, 'profile'> {
  /**
   * `production` (the default) or `development`, which prices everything at zero. Takes the text of an environment
   * variable as it is (`createPricing({ profile: process.env.COST_TRACKING_TIER })`); absent and empty mean production.
   */
  readonly profile?: string | undefined
  /** A book opened before; the other options, `now` apart, do not matter then. */
  readonly book?: PriceBook
  /** The clock, epoch milliseconds. */
  readonly now?: () => number
}

/** What a call is known by besides its model. */
export interface CallOptions {
  readonly provider?: string
  /** Moment of the call, epoch milliseconds; now when absent. */
  readonly at?: number
  /** The provider's word for its service tier: batch, flex, priority, … */
  readonly serviceTier?: string
}

/** Usage in our token classes, or a provider's own usage object (see `readUsage`). */
export type AnyUsage = Usage | Readonly<Record<string, unknown>>

export interface CostBreakdown {
  readonly input: Amount
  readonly output: Amount
  /** `input + output`, exactly. */
  readonly total: Amount
}

/** The functions for callers, over one price book. All throw an UnknownModelError for a model without a price. */
export interface Pricing {
  readonly book: PriceBook
  calculateCost(model: string, inputTokens: number, outputTokens: number, options?: CallOptions): Amount
  calculateCost(model: string, usage: AnyUsage, options?: CallOptions): Amount
  calculateCostBreakdown(model: string, inputTokens: number, outputTokens: number, options?: CallOptions): CostBreakdown
  calculateCostBreakdown(model: string, usage: AnyUsage, options?: CallOptions): CostBreakdown
  /** Cost of a call about to be made: the text's estimated tokens in, `estimatedOutputTokens` out. */
  estimateCost(model: string, text: string, estimatedOutputTokens: number, options?: CallOptions): Amount
  /** The model's price and who asks it; null when unknown. */
  modelPrice(model: string, options?: CallOptions): ModelPrice | null
}

type Args =
  | readonly [inputTokens: number, outputTokens: number, options?: CallOptions | undefined]
  | readonly [usage: AnyUsage, options?: CallOptions | undefined]

/** Makes the callers' functions. Reads the bundled price map from disk at first use, never the environment. */
export function createPricing(options: PricingOptions = {}): Pricing {
  const profile = priceProfile(options.profile)
  const now = options.now ?? Date.now
  let opened = options.book
  const book = () => {
    opened ??= openPriceBook({ ...options, profile })
    return opened
  }
  const costOf = (model: string, args: Args): Cost => {
    const { usage, call } = readArgs(args)
    const query = { ...call, at: call.at ?? now() }
    return book().cost(model, usage, query) ?? fail(book(), model, usage, query)
  }
  return {
    get book() {
      return book()
    },
    calculateCost: (model: string, ...args: Args) => new Amount(costOf(model, args).cost),
    calculateCostBreakdown: (model: string, ...args: Args) => breakdown(costOf(model, args)),
    estimateCost: (model, text, estimatedOutputTokens, call = {}) =>
      new Amount(costOf(model, [estimateTokens(text, { model }), estimatedOutputTokens, call]).cost),
    modelPrice: (model, call = {}) => book().price(model, { ...call, at: call.at ?? now() }),
  }
}

/** Reads a price profile as an environment variable states it; absent and empty are `production`. Throws on other words. */
export function priceProfile(text: string | undefined): PriceProfile {
  const word = text?.trim().toLowerCase() ?? ''
  if (word === '' || word === 'production') return 'production'
  if (word === 'development') return word
  throw new RangeError(`price profile is ${JSON.stringify(text)}; expected production or development`)
}

function readArgs(args: Args): { usage: Usage; call: CallOptions } {
  const [first, second, third] = args
  if (typeof first !== 'number') return { usage: readUsage(first), call: (second as CallOptions | undefined) ?? {} }
  return { usage: { input: first, output: second as number }, call: third ?? {} }
}

function breakdown(cost: Cost): CostBreakdown {
  return Object.freeze({
    input: new Amount(cost.input),
    output: new Amount(cost.output),
    total: new Amount(cost.cost),
  })
}

function fail(book: PriceBook, model: string, usage: Usage, query: CallOptions & { at: number }): never {
  const price = book.price(model, query)
  if (price === null) {
    throw new UnknownModelError(model, query.provider ?? null, nearNames(model, book.names()))
  }
  const used = Object.entries(usage).flatMap(([name, amount]) => (amount ? [name] : []))
  throw new UnpricedUsageError(model, used, [...Object.keys(price.perMillion), ...Object.keys(price.perUnit)])
}

/** The functions over the default instance: production prices, bundled books, the machine's clock. */
const standard = createPricing()

/**
 * What a call cost. `calculateCost('gpt-4', 1000, 500)` is $0.06; `calculateCost('gpt-4', answer.usage)` reads a provider's
 * own usage. Throws an UnknownModelError for a model without a price, an UnpricedUsageError when the price does not cover
 * the usage, a UsageError when there is none to read, a RangeError on a negative or broken count.
 */
export const calculateCost: Pricing['calculateCost'] = standard.calculateCost

/** As `calculateCost`, with the parts: `{ input, output, total }`. */
export const calculateCostBreakdown: Pricing['calculateCostBreakdown'] = standard.calculateCostBreakdown

/** What a call is going to cost, its input estimated from the text (see `estimateTokens`). Throws as `calculateCost`. */
export const estimateCost: Pricing['estimateCost'] = standard.estimateCost

/** The price of a model with its provider; null when unknown. */
export const modelPrice: Pricing['modelPrice'] = standard.modelPrice
