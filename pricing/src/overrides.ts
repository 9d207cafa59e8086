import type { Decimal } from './money.ts'
import type { Asked } from './names.ts'
import type { Quote, Rate } from './price.ts'
import { canonicalProvider, vendorOf } from './provider.ts'
import { record, type Skipped, shown } from './read-price.ts'
import type { Slot } from './slots.ts'
import { type ServiceTier, TOKEN_CLASSES, type TokenClass } from './tokens.ts'

/** A price of one's own, as the policy file states it. Prices are nano-dollars per million tokens, by token class. */
export interface PriceOverride {
  /** Model name, or a pattern with `*`; case does not matter. */
  readonly model: string
  readonly provider: string | null
  /** First moment at which it holds and first at which it no longer does, epoch milliseconds; null = open. */
  readonly from: number | null
  readonly to: number | null
  readonly perMillion: Readonly<Record<string, bigint>>
}

interface Rule {
  readonly matches: (name: string) => boolean
  readonly exact: boolean
  readonly provider: string | null
  readonly slot: Omit<Slot, 'quote'>
  readonly quote: Omit<Quote, 'serviceTier'>
}

export interface OverrideSource {
  /** Overrides of a model, in the order in which they hold. */
  find(asked: Asked, tier: ServiceTier): Slot[]
  readonly count: number
}

/**
 * Reads overrides. One that cannot be used is told to `skip` and left out. Among those that match, a name goes before a
 * pattern, and of two alike the later in the list goes first. They hold for every service tier.
 */
export function readOverrides(
  overrides: unknown,
  isKnown: (provider: string) => boolean,
  skip: (skipped: Skipped) => void,
): OverrideSource {
  const rules: Rule[] = []
  const list = Array.isArray(overrides) ? overrides : []
  list.forEach((value, index) => {
    const rule = readRule(value, isKnown)
    if (typeof rule !== 'string') rules.unshift(rule)
    else skip({ source: 'override', key: nameOf(value, index), reason: rule })
  })
  if (overrides !== undefined && !Array.isArray(overrides)) {
    skip({ source: 'override', key: '', reason: `${shown(overrides)} where a list of overrides was expected` })
  }
  rules.sort((a, b) => Number(b.exact) - Number(a.exact))
  return { find: (asked, tier) => find(rules, asked, tier), count: rules.length }
}

/** Providers that overrides name, in lower case: with a price of their own they are as good as any in a book. */
export function namedProviders(overrides: unknown): ReadonlySet<string> {
  const names = (Array.isArray(overrides) ? overrides : []).map((value) => record(value)?.provider)
  return new Set(names.flatMap((name) => (typeof name === 'string' ? [name.trim().toLowerCase()] : [])))
}

function find(rules: readonly Rule[], asked: Asked, serviceTier: ServiceTier): Slot[] {
  const provider = asked.provider ?? vendorOf(asked.bare)
  const names = [asked.name, asked.bare, ...(provider === null ? [] : [`${provider}/${asked.bare}`])]
  return rules
    .filter((rule) => (rule.provider === null || rule.provider === provider) && names.some(rule.matches))
    .map((rule) => ({ ...rule.slot, quote: { ...rule.quote, serviceTier } }))
}

function readRule(value: unknown, isKnown: (provider: string) => boolean): Rule | string {
  const override = record(value)
  if (override === null) return `${shown(value)} where an override was expected`
  const { model, provider, from, to } = override
  if (typeof model !== 'string' || model.trim() === '') return `model is ${shown(model)}; expected a name or a pattern`
  if (!isText(provider)) return `provider is ${shown(provider)}; expected a name or null`
  if (!isMoment(from)) return `from is ${shown(from)}; expected epoch milliseconds or null`
  if (!isMoment(to)) return `to is ${shown(to)}; expected epoch milliseconds or null`
  const rates = readRates(override.perMillion)
  if (typeof rates === 'string') return rates
  const named = provider ?? null
  const slot = { from: from ?? null, to: to ?? null, windows: null }
  return {
    matches: matcher(model.trim().toLowerCase()),
    exact: !model.includes('*'),
    provider: named === null ? null : (canonicalProvider(named, isKnown) ?? named.trim().toLowerCase()),
    slot,
    quote: {
      model: model.trim(),
      provider: named,
      source: 'override',
      from: slot.from,
      to: slot.to,
      mode: null,
      contextWindow: null,
      serviceTierPriced: true,
      rates,
      units: {},
      inclusive: false,
    },
  }
}

function readRates(value: unknown): Quote['rates'] | string {
  const prices = record(value)
  if (prices === null) return `perMillion is ${shown(value)}; expected prices by token class`
  const rates: { [name in TokenClass]?: Rate } = {}
  for (const [name, price] of Object.entries(prices)) {
    if (!TOKEN_CLASSES.some((known) => known === name)) {
      return `perMillion.${name} is no token class; expected one of ${TOKEN_CLASSES.join(', ')}`
    }
    if (typeof price !== 'bigint' || price < 0n) {
      return `perMillion.${name} is ${shown(price)}; expected nano-dollars from 0n up`
    }
    rates[name as TokenClass] = { base: perToken(price), steps: [] }
  }
  return Object.keys(rates).length === 0 ? 'perMillion names no price' : rates
}

/** Nano-dollars per million tokens are 10^-15 dollars a token. */
function perToken(nanoPerMillion: bigint): Decimal {
  return { digits: nanoPerMillion, exponent: -15 }
}

function matcher(pattern: string): (name: string) => boolean {
  if (!pattern.includes('*')) return (name) => name === pattern
  const parts = pattern.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
  const regex = new RegExp(`^${parts.join('.*')}$`)
  return (name) => regex.test(name)
}

function isText(value: unknown): value is string | null | undefined {
  return value === null || value === undefined || typeof value === 'string'
}

function isMoment(value: unknown): value is number | null | undefined {
  return value === null || value === undefined || (typeof value === 'number' && Number.isFinite(value))
}

function nameOf(value: unknown, index: number): string {
  const model = record(value)?.model
  return typeof model === 'string' ? model : `number ${index + 1}`
}
