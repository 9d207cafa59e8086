import { type ModelLimits, readLimits, statesLimits } from './limits.ts'
import { DOCUMENTATION, type LitellmEntry, quoteOf, readEntry } from './litellm-entry.ts'
import { type Asked, families, family, forms, litellmKeys, takeApart } from './names.ts'
import { acceptsLitellm, canonicalProvider, litellmNames, ofLitellm, vendorOf } from './provider.ts'
import { record, type Skipped } from './read-price.ts'
import type { Slot } from './slots.ts'
import type { ServiceTier } from './tokens.ts'

/** LiteLLM's map, indexed. */
export interface LitellmSource {
  /** Prices of a model, in the order in which they hold; empty when the map does not know it. */
  find(asked: Asked, tier: ServiceTier): Slot[]
  /** What a model can do, looked up as its price is, also where the map has no price; null when the map does not know it. */
  limits(asked: Asked): ModelLimits | null
  /** Provider names that the map uses, in lower case. */
  readonly providers: ReadonlySet<string>
  readonly names: readonly string[]
}

/** An entry of the map as it stands; read in full when a call asks for it, for a map has thousands. */
interface Raw {
  readonly key: string
  readonly provider: string
  readonly value: unknown
}

/**
 * Indexes LiteLLM's map (as parsed from its JSON). With `skip`, every entry is looked through first and what is of no use is
 * told and left out; without, for the bundled copy, that is known. It never throws on junk.
 */
export function readLitellmMap(map: unknown, skip: ((skipped: Skipped) => void) | null): LitellmSource {
  const priced = new Map<string, Raw>()
  const all = new Map<string, Raw>()
  for (const [key, value] of Object.entries(record(map) ?? {})) {
    const complain = (reason: string) => skip?.({ source: 'litellm', key, reason })
    const read = skip === null ? null : readEntry(key, value, complain)
    const provider = record(value)?.litellm_provider
    const raw = typeof provider === 'string' && key !== DOCUMENTATION ? { key, provider, value } : null
    if (raw !== null) all.set(key.toLowerCase(), raw)
    if (typeof read === 'string') complain(read)
    else if (raw !== null) priced.set(key.toLowerCase(), raw)
  }
  const providers = new Set([...priced.values()].map((raw) => raw.provider.toLowerCase()))
  const prices = index(priced, providers)
  // Nobody may ever ask for limits, and indexing thousands of entries takes as long as all the rest of the opening.
  let limits: Index | null = all.size === priced.size ? prices : null
  return {
    find: (asked, tier) => slotsOf(findEntry(prices, asked), tier),
    limits: (asked) => {
      limits ??= index(all, providers)
      return findLimits(limits, asked)
    },
    providers,
    names: [...priced.keys()],
  }
}

/** Entries by name, and the newest snapshot of each family among them. */
interface Index {
  readonly raws: ReadonlyMap<string, Raw>
  readonly snapshots: ReadonlyMap<string, Raw>
}

function index(raws: ReadonlyMap<string, Raw>, providers: ReadonlySet<string>): Index {
  return { raws, snapshots: newestSnapshots(raws, providers) }
}

function slotsOf(entry: LitellmEntry | null, tier: ServiceTier): Slot[] {
  if (entry === null) return []
  const standard: Slot = { from: null, to: null, windows: null, quote: quoteOf(entry, tier, false) }
  if (entry.offPeak === null || tier === 'batch') return [standard]
  return [{ from: null, to: null, windows: entry.offPeak.windows, quote: quoteOf(entry, tier, true) }, standard]
}

function findEntry(index: Index, asked: Asked): LitellmEntry | null {
  for (const raw of candidates(index, asked)) {
    const entry = readEntry(raw.key, raw.value, () => {})
    if (typeof entry !== 'string') return entry
  }
  return null
}

/** Limits of the first entry that states any; of the first at all, with its mode, when none does. */
function findLimits(index: Index, asked: Asked): ModelLimits | null {
  const found = candidates(index, asked).flatMap((raw) => readLimits(raw.value) ?? [])
  return found.find(statesLimits) ?? found[0] ?? null
}

/** Entries that speak of a model, best first. */
function candidates({ raws, snapshots }: Index, asked: Asked): Raw[] {
  const provider = asked.provider ?? vendorOf(asked.bare)
  const newest = families(asked.bare).map((common) => snapshots.get(snapshotKey(provider, common)))
  return [...keysOf(asked).map((key) => raws.get(key)), ...newest].flatMap((raw) => {
    const refused = raw === undefined || (asked.provider !== null && !acceptsLitellm(asked.provider, raw.provider))
    return refused ? [] : [raw]
  })
}

/** The given provider's own spelling goes first: `deepseek-chat` of `deepseek` is `deepseek/deepseek-chat`. */
function keysOf(asked: Asked): string[] {
  const prefix = asked.given && asked.provider !== null ? `${litellmNames(asked.provider)[0]}/` : null
  const own = prefix === null || asked.name.startsWith(prefix) ? [] : [prefix + asked.name]
  return [...own, asked.name, ...forms(asked.bare).flatMap((form) => litellmKeys(asked, form))]
}

/**
 * Newest snapshot of each family, so that `claude-opus-4` finds `claude-opus-4-20250514`: dates and version numbers sort by
 * their text. A key that holds for one place only (`bedrock/us-gov-west-1/…`) speaks for no other.
 */
function newestSnapshots(raws: ReadonlyMap<string, Raw>, providers: ReadonlySet<string>): ReadonlyMap<string, Raw> {
  const newest = new Map<string, Raw>()
  for (const [key, raw] of raws) {
    const { bare } = takeApart(key, null, (prefix) => canonicalProvider(prefix, (name) => providers.has(name)))
    const common = family(bare)
    const placed = key.slice(0, Math.max(0, key.length - bare.length - 1)).includes('/')
    if (common === bare || placed) continue
    const at = snapshotKey(ofLitellm(raw.provider), common)
    if (key > (newest.get(at)?.key.toLowerCase() ?? '')) newest.set(at, raw)
  }
  return newest
}

function snapshotKey(provider: string | null, common: string): string {
  return `${provider} ${common}`
}
