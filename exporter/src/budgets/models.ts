import type { PriceBook } from '@marginwatch/pricing'
import { ruleFor } from '../policy/pattern.ts'
import type { Policy } from '../policy/policy.ts'
import type { Nano } from '../usage.ts'

/** What must be known of a model to decide about a call to it. */
export interface ModelFacts {
  /** Public name, as clients ask for it. */
  readonly name: string
  /** The provider's name, under which its usage is recorded. */
  readonly own: string
  /** chat, embedding, …; null when nobody says. */
  readonly mode: string | null
  /** It answers in tokens of text, so that an answer can be bounded. */
  readonly writes: boolean
  readonly free: boolean
  /** Its tokens have a price. */
  readonly priced: boolean
  /** Null = unknown. */
  readonly maxOutput: number | null
  readonly contextWindow: number | null
  readonly tools: boolean | null
  readonly images: boolean | null
  /** Public names of those that are asked when it fails. */
  readonly fallbacks: readonly string[]
  /** The most that a call of such a size can cost; 0 without a price. */
  worst(size: Size, output: number): Nano
  /** So many output tokens an amount buys beside the input; 0 when the input alone costs more. */
  output(size: Size, amount: Nano): number
}

/** What goes to a model. */
export interface Size {
  readonly input: number
  /** Pictures or sound are among it. */
  readonly media: boolean
  readonly cacheWrites: boolean
  readonly serviceTier: string | null
}

export interface Models {
  of(name: string): ModelFacts
  /** Public name of the model that takes a model's place near a limit; null when the policy names none. */
  cheaperThan(name: string): string | null
}

const SILENT = new Set(['embedding', 'rerank', 'moderation', 'moderations'])
const UNBOUNDED = new Set(['image_generation', 'image_edit', 'audio_transcription', 'audio_speech', 'video_generation'])
/** Some models cost something for each request. */
const ONE_REQUEST = { requests: 1 } as const
/** Names come from clients. */
const REMEMBERED = 5_000

/** Dated prices change at midnight of some zone: never within a quarter of an hour. */
const QUARTER = 900_000

/** The models of a policy at the prices of a book. Make new ones when either changes. */
export function createModels(policy: Policy, book: PriceBook, now: () => number): Models {
  const known = new Map<string, ModelFacts>()
  let quarter = 0
  return {
    of(name) {
      const at = now()
      if (Math.floor(at / QUARTER) !== quarter) known.clear()
      quarter = Math.floor(at / QUARTER)
      let facts = known.get(name)
      if (!facts) {
        facts = factsOf(name, policy, book, at)
        if (known.size >= REMEMBERED) known.clear()
        known.set(name, facts)
      }
      return facts
    },
    cheaperThan(name) {
      const to = ruleFor(policy.degrade, name)?.to ?? null
      return to === name ? null : to
    },
  }
}

function factsOf(name: string, policy: Policy, book: PriceBook, at: number): ModelFacts {
  const gateway = policy.gateway?.models[name] ?? null
  const priced = gateway?.model ?? name
  const price = book.price(priced, { at })
  const limits = book.limits(priced, {})
  const mode = gateway?.mode ?? price?.mode ?? limits?.mode ?? null
  const writes = !SILENT.has(mode ?? '') && !UNBOUNDED.has(mode ?? '')
  const worst = ({ serviceTier, ...size }: Size, output: number) =>
    book.worst(priced, { ...size, units: ONE_REQUEST, output }, { at, serviceTier })
  return {
    name,
    own: ownName(priced),
    mode,
    writes,
    free: price?.free === true,
    priced:
      !UNBOUNDED.has(mode ?? '') &&
      worst({ input: 1, media: false, cacheWrites: true, serviceTier: null }, writes ? 1 : 0) !== null,
    maxOutput: limits?.maxOutput ?? null,
    contextWindow: price?.contextWindow ?? limits?.contextWindow ?? null,
    tools: limits?.tools ?? null,
    images: limits?.images ?? null,
    fallbacks: followed(name, policy),
    worst: (size, output) => worst(size, output) ?? 0n,
    output: ({ serviceTier, ...size }, amount) =>
      book.maxOutputFor(priced, { ...size, units: ONE_REQUEST, budget: amount }, { at, serviceTier }) ?? 0,
  }
}

/** All that may answer in a model's place: its fallbacks, and theirs. */
function followed(name: string, policy: Policy): string[] {
  const found: string[] = []
  const look = (from: string) => {
    for (const to of policy.gateway?.fallbacks[from] ?? []) {
      if (found.includes(to)) continue
      found.push(to)
      look(to)
    }
  }
  look(name)
  return found
}

/** LiteLLM writes `provider/name`; usage is recorded under the name. */
function ownName(name: string): string {
  return name.includes('/') ? name.slice(name.indexOf('/') + 1) : name
}

/** The models of a policy at the prices in force, made anew when either changes. */
export function modelsBy(prices: () => PriceBook, now: () => number): (policy: Policy) => Models {
  let made: { readonly models: Models; readonly policy: Policy; readonly book: PriceBook } | null = null
  return (policy) => {
    const book = prices()
    if (made?.policy !== policy || made.book !== book) made = { models: createModels(policy, book, now), policy, book }
    return made.models
  }
}
