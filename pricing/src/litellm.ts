import { type LitellmEntry, quoteOf, readEntry } from './litellm-entry.ts'
import { type Asked, families, family, forms, litellmKeys, takeApart } from './names.ts'
import { acceptsLitellm, canonicalProvider, litellmNames, ofLitellm, vendorOf } from './provider.ts'
import { record, type Skipped } from './read-price.ts'
import type { Slot } from './slots.ts'
import type { ServiceTier } from './tokens.ts'

/** LiteLLM's map, indexed. */
export interface LitellmSource {
  /** Prices of a model, in the order in which they hold; empty when the map does not know it. */
  find(asked: Asked, tier: ServiceTier): Slot[]
  /** Provider names that the map uses, in lower case. */
  readonly providers: ReadonlySet<string>
  readonly names: readonly string[]
}

/** Reads LiteLLM's map (as parsed from its JSON). Entries of no use are told to `skip`; it never throws on them. */
export function readLitellmMap(map: unknown, skip: (skipped: Skipped) => void): LitellmSource {
  const entries = new Map<string, LitellmEntry>()
  for (const [key, value] of Object.entries(record(map) ?? {})) {
    const complain = (reason: string) => skip({ source: 'litellm', key, reason })
    const entry = readEntry(key, value, complain)
    if (typeof entry === 'string') complain(entry)
    else entries.set(key.toLowerCase(), entry)
  }
  const providers = new Set([...entries.values()].map((entry) => entry.provider.toLowerCase()))
  const snapshots = newestSnapshots(entries, providers)
  return {
    find: (asked, tier) => slotsOf(findEntry(entries, snapshots, asked), tier),
    providers,
    names: [...entries.keys()],
  }
}

function slotsOf(entry: LitellmEntry | null, tier: ServiceTier): Slot[] {
  if (entry === null) return []
  const standard: Slot = { from: null, to: null, windows: null, quote: quoteOf(entry, tier, false) }
  if (entry.offPeak === null || tier === 'batch') return [standard]
  return [{ from: null, to: null, windows: entry.offPeak.windows, quote: quoteOf(entry, tier, true) }, standard]
}

function findEntry(
  entries: ReadonlyMap<string, LitellmEntry>,
  snapshots: ReadonlyMap<string, LitellmEntry>,
  asked: Asked,
): LitellmEntry | null {
  const fits = (entry: LitellmEntry | undefined): entry is LitellmEntry =>
    entry !== undefined && (asked.provider === null || acceptsLitellm(asked.provider, entry.provider))
  for (const key of keysOf(asked)) {
    const entry = entries.get(key)
    if (fits(entry)) return entry
  }
  const provider = asked.provider ?? vendorOf(asked.bare)
  const newest = families(asked.bare).map((common) => snapshots.get(snapshotKey(provider, common)))
  return newest.find(fits) ?? null
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
function newestSnapshots(
  entries: ReadonlyMap<string, LitellmEntry>,
  providers: ReadonlySet<string>,
): ReadonlyMap<string, LitellmEntry> {
  const newest = new Map<string, LitellmEntry>()
  for (const [key, entry] of entries) {
    const { bare } = takeApart(key, null, (prefix) => canonicalProvider(prefix, (name) => providers.has(name)))
    const common = family(bare)
    const placed = key.slice(0, Math.max(0, key.length - bare.length - 1)).includes('/')
    if (common === bare || placed) continue
    const at = snapshotKey(ofLitellm(entry.provider), common)
    if (key > (newest.get(at)?.key.toLowerCase() ?? '')) newest.set(at, entry)
  }
  return newest
}

function snapshotKey(provider: string | null, common: string): string {
  return `${provider} ${common}`
}
