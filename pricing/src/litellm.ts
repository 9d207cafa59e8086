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
  const raws = new Map<string, Raw>()
  for (const [key, value] of Object.entries(record(map) ?? {})) {
    const complain = (reason: string) => skip?.({ source: 'litellm', key, reason })
    const read = skip === null ? null : readEntry(key, value, complain)
    const provider = record(value)?.litellm_provider
    if (typeof read === 'string') complain(read)
    else if (typeof provider === 'string') raws.set(key.toLowerCase(), { key, provider, value })
  }
  const providers = new Set([...raws.values()].map((raw) => raw.provider.toLowerCase()))
  const snapshots = newestSnapshots(raws, providers)
  return {
    find: (asked, tier) => slotsOf(findEntry(raws, snapshots, asked), tier),
    providers,
    names: [...raws.keys()],
  }
}

function slotsOf(entry: LitellmEntry | null, tier: ServiceTier): Slot[] {
  if (entry === null) return []
  const standard: Slot = { from: null, to: null, windows: null, quote: quoteOf(entry, tier, false) }
  if (entry.offPeak === null || tier === 'batch') return [standard]
  return [{ from: null, to: null, windows: entry.offPeak.windows, quote: quoteOf(entry, tier, true) }, standard]
}

function findEntry(
  raws: ReadonlyMap<string, Raw>,
  snapshots: ReadonlyMap<string, Raw>,
  asked: Asked,
): LitellmEntry | null {
  const provider = asked.provider ?? vendorOf(asked.bare)
  const newest = families(asked.bare).map((common) => snapshots.get(snapshotKey(provider, common)))
  for (const raw of [...keysOf(asked).map((key) => raws.get(key)), ...newest]) {
    if (raw === undefined || (asked.provider !== null && !acceptsLitellm(asked.provider, raw.provider))) continue
    const entry = readEntry(raw.key, raw.value, () => {})
    if (typeof entry !== 'string') return entry
  }
  return null
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
