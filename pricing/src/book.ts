import { bundledLitellmMap } from './bundled.ts'
import { type Compiled, compile } from './compile.ts'
import { type Cost, costOf } from './cost.ts'
import { findGenai, GENAI_AS_OF } from './genai.ts'
import type { ModelLimits } from './limits.ts'
import { type LitellmSource, readLitellmMap } from './litellm.ts'
import { memoised } from './memo.ts'
import type { Nano } from './money.ts'
import { takeApart } from './names.ts'
import { namedProviders, type OverrideSource, type PriceOverride, readOverrides } from './overrides.ts'
import type { ModelPrice, PriceSource, Quote } from './price.ts'
import { canonicalProvider, isProviderName } from './provider.ts'
import type { Skipped } from './read-price.ts'
import { holds, type Slot } from './slots.ts'
import { type ServiceTier, serviceTier, TOKEN_CLASSES, type Usage } from './tokens.ts'
import { type CallBudget, type CallSize, largestOutput, worstOf } from './worst.ts'

export type PriceProfile = 'production' | 'development'

export interface PriceBookOptions {
  /** LiteLLM's map as parsed from its JSON; kept, so do not change it afterwards. Absent: the bundled copy. Null: none. */
  readonly litellmMap?: unknown
  /** When that map's data is from, epoch milliseconds; null or absent = unknown. */
  readonly litellmMapDate?: number | null
  /** Prices of one's own; they stand over both books. */
  readonly overrides?: readonly PriceOverride[]
  /** `development` prices every model, known or not, at zero. */
  readonly profile?: PriceProfile
}

/** Which price is meant. */
export interface PriceQuery {
  /** Who served the call; without one a prefix of the model's name or its vendor decides. */
  readonly provider?: string | null
  /** Moment of the call, epoch milliseconds. */
  readonly at: number
  /** A provider's word for the service tier; unknown words mean standard. */
  readonly serviceTier?: string | null
}

/** All prices, fixed at one moment. A newer map or other overrides make a new book. */
export interface PriceBook {
  readonly profile: PriceProfile
  /** The price of a model; null when no source knows it. */
  price(model: string, query: PriceQuery): ModelPrice | null
  /**
   * What a usage costs; null when the model is unknown or the usage holds an amount that it has no price for. Null is never
   * zero: the caller marks the call `unpriced`. Throws a RangeError on a negative or broken amount.
   */
  cost(model: string, usage: Usage, query: PriceQuery): Cost | null
  /**
   * The most that a call to come can cost, whole nano-dollars rounded up; null when the model is unknown or has no price for
   * such tokens. No usage within `size` costs more. Throws a RangeError on a negative or broken count.
   */
  worst(model: string, size: CallSize, query: PriceQuery): Nano | null
  /**
   * The most output tokens with which a call to come stays within a budget: the largest `output` whose `worst` is not above
   * it. 0 when not even the input fits, Infinity when output is free; null when the model is unknown or has no price for
   * output. Throws a RangeError as `worst` does.
   */
  maxOutputFor(model: string, budget: CallBudget, query: PriceQuery): number | null
  /**
   * What a model can do by LiteLLM's map, whichever source prices it; its moment and service tier do not matter. Null when no
   * source knows a limit of the model.
   */
  limits(model: string, query: Pick<PriceQuery, 'provider'>): ModelLimits | null
  /** The sources in use, weakest first, and when their data is from (epoch milliseconds; null = unknown). */
  sources(): readonly { readonly name: PriceSource; readonly asOf: number | null }[]
  /** What the sources held that could not be used, and why. */
  readonly skipped: readonly Skipped[]
  /** Names of known models, for suggestions; not every name that is found is here. */
  names(): readonly string[]
}

/** How many (model, provider, service tier) the book remembers; outside names cannot make it grow past that. */
const REMEMBERED = 10_000
/** A longer name is no model's. */
const LONGEST_NAME = 300

interface Timed {
  readonly slot: Slot
  readonly compiled: Compiled
}

/**
 * Opens a price book. Whole prices win, never single fields: an override over LiteLLM's map over genai-prices. Junk in a map
 * or in overrides is left out and listed in `skipped`; a map without one usable price is replaced by the bundled copy.
 */
export function openPriceBook(options: PriceBookOptions = {}): PriceBook {
  const skipped: Skipped[] = []
  const told = new Set<string>()
  const skip = (entry: Skipped) => {
    const text = `${entry.source} ${entry.key} ${entry.reason}`
    if (!told.has(text)) skipped.push(entry)
    told.add(text)
  }
  const { source: litellm, asOf } = openLitellm(options, skip)
  const named = namedProviders(options.overrides)
  const isKnown = (name: string) => isProviderName(name) || litellm.providers.has(name) || named.has(name)
  const overrides = readOverrides(options.overrides, isKnown, skip)
  const canonical = (name: string | null) => canonicalProvider(name, isKnown)
  const ask = (model: string, provider: string | null) => takeApart(model, canonical(provider), canonical)
  const find = memoised(REMEMBERED, (model: string, provider: string | null, tier: ServiceTier): readonly Timed[] => {
    if (model.length > LONGEST_NAME) return []
    const asked = ask(model, provider)
    const found = [...overrides.find(asked, tier), ...litellm.find(asked, tier)]
    return compiled([...found, ...findGenai(asked, tier, skip)])
  })
  const limits = memoised(REMEMBERED, (model: string, provider: string | null, tier: ServiceTier) => {
    if (model.length > LONGEST_NAME) return null
    return withWindow(litellm.limits(ask(model, provider)), find(model, provider, tier))
  })
  const at = (model: string, query: PriceQuery): Compiled | null => {
    for (const { slot, compiled } of find(model, query.provider ?? null, serviceTier(query.serviceTier))) {
      if (holds(slot, query.at)) return compiled
    }
    return null
  }
  const free = memoised(REMEMBERED, zeroPrice)
  const freeOf = (model: string, query: PriceQuery) =>
    free(model, query.provider ?? null, serviceTier(query.serviceTier))
  const pick = options.profile === 'development' ? freeOf : at
  const sources = listSources(overrides, litellm, asOf)
  return Object.freeze({
    profile: options.profile ?? 'production',
    price: (model: string, query: PriceQuery) => pick(model, query)?.price ?? null,
    cost: (model: string, usage: Usage, query: PriceQuery) => {
      const price = pick(model, query)
      return price === null ? null : costOf(price, usage)
    },
    worst: (model: string, size: CallSize, query: PriceQuery) => {
      const price = pick(model, query)
      return price === null ? null : worstOf(price, size)
    },
    maxOutputFor: (model: string, budget: CallBudget, query: PriceQuery) => {
      const price = pick(model, query)
      return price === null ? null : largestOutput(price, budget)
    },
    limits: (model: string, query: Pick<PriceQuery, 'provider'>) => limits(model, query.provider ?? null, 'standard'),
    sources: () => sources,
    skipped,
    names: () => litellm.names,
  })
}

function openLitellm(
  options: PriceBookOptions,
  skip: (skipped: Skipped) => void,
): { source: LitellmSource; asOf: number | null } {
  const { litellmMap, litellmMapDate } = options
  if (litellmMap === null) return { source: readLitellmMap({}, null), asOf: null }
  if (litellmMap !== undefined) {
    const source = readLitellmMap(litellmMap, skip)
    if (source.names.length > 0) return { source, asOf: litellmMapDate ?? null }
    skip({ source: 'litellm', key: '', reason: 'no usable price in the whole map; the bundled copy stands in' })
  }
  const bundled = bundledLitellmMap()
  return { source: readLitellmMap(bundled.map, null), asOf: bundled.asOf }
}

/** Limits whose context window, where the map has none, is the one that a price was stated with. */
function withWindow(limits: ModelLimits | null, found: readonly Timed[]): ModelLimits | null {
  const stated = found.map(({ compiled }) => compiled.price.contextWindow).find((window) => window !== null) ?? null
  if (stated === null || (limits !== null && limits.contextWindow !== null)) return limits
  const unknown = { maxOutput: null, mode: null, tools: null, images: null }
  return Object.freeze({ ...(limits ?? unknown), contextWindow: stated })
}

function zeroPrice(model: string, provider: string | null, tier: ServiceTier): Compiled | null {
  const zero = { base: { digits: 0n, exponent: 0 }, steps: [] }
  const quote: Quote = {
    model,
    provider,
    source: 'development',
    from: null,
    to: null,
    mode: null,
    contextWindow: null,
    serviceTier: tier,
    serviceTierPriced: true,
    rates: Object.fromEntries(TOKEN_CLASSES.map((name) => [name, zero])),
    units: {},
    inclusive: false,
  }
  return compile(quote)
}

function compiled(slots: readonly Slot[]): readonly Timed[] {
  return slots.flatMap((slot) => {
    const ready = compile(slot.quote)
    return ready === null ? [] : [{ slot, compiled: ready }]
  })
}

function listSources(overrides: OverrideSource, litellm: LitellmSource, asOf: number | null) {
  const sources: { name: PriceSource; asOf: number | null }[] = [{ name: 'genai-prices', asOf: GENAI_AS_OF }]
  if (litellm.names.length > 0) sources.push({ name: 'litellm', asOf })
  if (overrides.count > 0) sources.push({ name: 'override', asOf: null })
  return Object.freeze(sources.map((source) => Object.freeze(source)))
}
