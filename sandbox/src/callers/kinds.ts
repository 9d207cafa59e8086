import { GPT_4O_MINI, HAIKU, type Model, nanoCost, SONNET } from '../models.ts'
import { cumulate, pickWeighted, Rng } from '../random.ts'
import { NO_TOKENS, type TokenCounts } from '../tokens.ts'

/** A call that somebody wants to make, and how it would go were it not bounded. */
export interface PlannedCall {
  readonly kind: string
  readonly model: Model
  readonly inputTokens: number
  /** The client's bound of an answer; null = none. */
  readonly maxTokens: number | null
  /** Tokens that the model would write if it could. */
  readonly output: number
}

/** Calls of one kind: the same model and alike in size. */
export interface CallKind {
  readonly name: string
  readonly model: Model
  readonly weight: number
  /** Tokens, least and most. */
  readonly input: readonly [number, number]
  /** Tokens of an answer: median, and how far the usual ones lie apart (sigma of their logarithm). */
  readonly output: readonly [median: number, sigma: number]
}

/** From a twentieth of a cent to half a dollar a call. */
export const CALL_KINDS: readonly CallKind[] = [
  { name: 'lookup', model: GPT_4O_MINI, weight: 50, input: [1_000, 2_400], output: [320, 0.4] },
  { name: 'chat', model: HAIKU, weight: 30, input: [800, 3_600], output: [400, 0.5] },
  { name: 'analysis', model: SONNET, weight: 15, input: [3_000, 11_000], output: [900, 0.5] },
  { name: 'deep', model: SONNET, weight: 5, input: [40_000, 80_000], output: [1_600, 0.4] },
]

/** Share of the calls whose client bounds the answer, and of those whose answer is far longer than usual. */
const BOUNDED = 0.5
const LONG = 0.01
/** The longest answer, as a multiple of the median. */
const LONGEST = 10
/** What clients allow, as a multiple of the median. */
const BOUNDS = [1, 2, 4]

/** Draws calls of these kinds by their weights. */
export function callsOf(kinds: readonly CallKind[]): (rng: Rng) => PlannedCall {
  const weights = cumulate(kinds.map(({ weight }) => weight))
  const [first] = kinds
  if (!first) throw new RangeError('callsOf needs at least one kind of call, found none')
  return (rng) => {
    const kind = kinds[pickWeighted(rng, weights)] ?? first
    const [median] = kind.output
    const long = rng.chance(LONG)
    return {
      ...usualCall(rng, kind),
      ...(long ? { output: Math.round(median * rng.between(3, LONGEST)) } : {}),
      maxTokens: rng.chance(BOUNDED) ? median * (BOUNDS[rng.below(BOUNDS.length)] ?? 1) : null,
    }
  }
}

function usualCall(rng: Rng, { name, model, input, output: [median, sigma] }: CallKind): PlannedCall {
  const output = Math.min(LONGEST, Math.exp(sigma * normal(rng))) * median
  return {
    kind: name,
    model,
    inputTokens: Math.round(rng.between(...input)),
    maxTokens: null,
    output: Math.max(1, Math.round(output)),
  }
}

/** Normally distributed, mean 0 and deviation 1 (Box and Muller). */
function normal(rng: Rng): number {
  return Math.sqrt(-2 * Math.log(1 - rng.unit())) * Math.cos(2 * Math.PI * rng.unit())
}

const SAMPLES = 4_000

/** What 99 of 100 usual calls of each kind cost at most, nano-dollars: those whose answer is not far longer than usual. */
export function usualCosts(kinds: readonly CallKind[]): ReadonlyMap<string, number> {
  const rng = new Rng(1, 99)
  return new Map(
    kinds.map((kind) => {
      const costs = Float64Array.from({ length: SAMPLES }, () => {
        const { inputTokens, output } = usualCall(rng, kind)
        return costOf(kind.model, tokensOf(inputTokens, output))
      }).sort()
      return [kind.name, costs[Math.ceil(SAMPLES * 0.99) - 1] ?? 0]
    }),
  )
}

export function tokensOf(input: number, output: number): TokenCounts {
  return { ...NO_TOKENS, input, output }
}

/** Nano-dollars; what has no price costs nothing here. */
export function costOf(model: Model, tokens: TokenCounts): number {
  return nanoCost(model, tokens) ?? 0
}
