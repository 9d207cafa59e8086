import { readWindow } from './limits.ts'
import { type Cells, readCells, TOKEN_KEYS } from './litellm-cells.ts'
import { ratesAt, tableRates } from './litellm-rates.ts'
import { readUnits } from './litellm-units.ts'
import { times } from './money.ts'
import type { Quote, Rates, UnitRates } from './price.ts'
import { readPrice, record, shown } from './read-price.ts'
import type { ServiceTier, TokenClass } from './tokens.ts'
import { knownZone, parseHours, type Window } from './windows.ts'

/** The entry that explains what the fields mean. */
export const DOCUMENTATION = 'sample_spec'

/** One model of LiteLLM's map, read. */
export interface LitellmEntry {
  readonly key: string
  readonly provider: string
  readonly mode: string | null
  readonly contextWindow: number | null
  readonly cells: Cells
  readonly units: UnitRates
  /** Rates of a `tiered_pricing` table, which stands over the flat prices. */
  readonly table: Rates | null
  /** Flat rates that replace the standard ones inside these windows. */
  readonly offPeak: { readonly windows: readonly Window[]; readonly rates: Rates } | null
}

/** Modes in which a zero token price beside a price per unit means "not billed by tokens". */
const TOKEN_MODES = new Set(['chat', 'completion', 'responses', 'realtime'])

/** Reads one entry. A string says why it is of no use; single fields that are no price are told to `complain`. */
export function readEntry(key: string, value: unknown, complain: (reason: string) => void): LitellmEntry | string {
  if (key === DOCUMENTATION) return 'documentation, not a model'
  const entry = record(value)
  if (entry === null) return `${shown(value)} where an object of prices was expected`
  const provider = entry.litellm_provider
  if (typeof provider !== 'string' || provider === '') return `litellm_provider is ${shown(provider)}`
  const mode = typeof entry.mode === 'string' ? entry.mode : null
  const units = readUnits(entry, complain)
  const billedByUnit = Object.entries(units).some(
    ([unit, rate]) => unit !== 'web_searches' && rate !== undefined && rate.price.digits > 0n,
  )
  const fillers = billedByUnit && mode !== null && !TOKEN_MODES.has(mode) && !pricesTokens(entry)
  const cells = readCells(fillers ? {} : entry, complain)
  const tiers = entry.tiered_pricing
  const table = tiers === undefined ? null : tableRates(tiers, ratesAt(cells, 'standard'), complain)
  if (!cells.has('standard') && table === null && Object.keys(units).length === 0) return 'no price in it'
  return {
    key,
    provider,
    mode,
    contextWindow: readWindow(entry),
    cells,
    units,
    table,
    offPeak: readOffPeak(entry.off_peak_pricing, complain),
  }
}

/** The entry's price at a service tier, inside or outside its off-peak windows. */
export function quoteOf(entry: LitellmEntry, tier: ServiceTier, offPeak: boolean): Quote {
  const standard = entry.table ?? withCacheDefault(entry, ratesAt(entry.cells, tier))
  const priced = tier === 'standard' || (entry.table === null && entry.cells.has(tier))
  return {
    model: entry.key,
    provider: entry.provider,
    source: 'litellm',
    from: null,
    to: null,
    mode: entry.mode,
    contextWindow: entry.contextWindow,
    serviceTier: tier,
    serviceTierPriced: priced,
    rates: offPeak && entry.offPeak !== null ? { ...standard, ...entry.offPeak.rates } : standard,
    units: entry.units,
    // xAI bills the higher step from the threshold on, all others past it.
    inclusive: entry.provider === 'xai',
  }
}

/** Fireworks bills cached tokens at half the input price unless a model says otherwise (LiteLLM has it as a constant). */
function withCacheDefault(entry: LitellmEntry, rates: Rates): Rates {
  const input = rates.input?.base
  if (entry.provider !== 'fireworks_ai' || !input || rates.cache_read?.base) return rates
  return {
    ...rates,
    cache_read: { base: times(input, { digits: 5n, exponent: -1 }), steps: rates.cache_read?.steps ?? [] },
  }
}

function pricesTokens(entry: Record<string, unknown>): boolean {
  return Object.values(TOKEN_KEYS).some((field) => Number(entry[field]) > 0)
}

function readOffPeak(value: unknown, complain: (reason: string) => void): LitellmEntry['offPeak'] {
  const block = record(value)
  if (block === null) return null
  const zone = typeof block.weekday_timezone === 'string' ? block.weekday_timezone.trim() : ''
  const calendar = zone !== '' && knownZone(zone) ? zone : null
  const rules = Array.isArray(block.windows) ? block.windows.map(record) : []
  const windows = [
    ...hours(block.hours_utc, null, null),
    ...rules.flatMap((rule) => (rule === null ? [] : hours(rule.hours_utc, weekdays(rule.weekdays), calendar))),
  ]
  const rates: { [name in TokenClass]?: { base: NonNullable<ReturnType<typeof readPrice>>; steps: [] } } = {}
  for (const name of ['input', 'output', 'cache_read', 'cache_write_5m', 'reasoning'] as const) {
    const field = TOKEN_KEYS[name]
    const price = readPrice(block[field], (reason) => complain(`off_peak_pricing.${field}: ${reason}`))
    if (price !== null) rates[name] = { base: price, steps: [] }
  }
  return windows.length === 0 ? null : { windows, rates }
}

function hours(value: unknown, days: readonly number[] | null, zone: string | null): Window[] {
  const texts = Array.isArray(value) ? value : [value]
  return texts.flatMap((text) => {
    const span = parseHours(text)
    return span === null ? [] : [{ ...span, weekdays: days, zone }]
  })
}

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']

function weekdays(value: unknown): readonly number[] | null {
  if (value === null || value === undefined) return null
  if (!Array.isArray(value)) return []
  return value.flatMap((day) => {
    const number = typeof day === 'string' ? DAYS.indexOf(day.trim().toLowerCase().slice(0, 3)) + 1 : Number(day)
    return Number.isInteger(number) && number >= 1 && number <= 7 ? [number] : []
  })
}
