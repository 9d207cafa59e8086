import type { Nano } from '../usage.ts'
import type { Ask, MeterReading } from './ask.ts'
import type { ModelFacts, Size } from './models.ts'

/** Input tokens that a call cannot pass, and whether they are known well enough. */
export interface InputBound {
  readonly tokens: number
  readonly counted: boolean
}

/** Roles, names and separators that a chat format puts around its messages. */
const OVERHEAD = 256
/** No provider bills a picture with more at any setting known in 2026. */
const IMAGE_TOKENS = 5_000
const UNKNOWN_WINDOW = 200_000

/**
 * A bound of the input: a token is made of at least one byte, so bytes bound it whatever the tokenizer. A count is far nearer,
 * and is raised by what counts of this model fell short of before.
 */
export function inputBound({ input }: Ask, model: ModelFacts, countRatio: number): InputBound {
  const window = model.contextWindow ?? UNKNOWN_WINDOW
  const beside = input.images * IMAGE_TOKENS + (input.opaque > 0 ? window : 0)
  const text = input.tokens === null ? input.bytes + OVERHEAD : Math.ceil(input.tokens * countRatio) + OVERHEAD / 16
  return { tokens: Math.min(text + beside, Math.max(window, text)), counted: input.tokens !== null }
}

/** How much a call may hold. */
export interface Room {
  /** What no meter has spent or held. Null = nothing limits. */
  readonly free: Nano | null
  /** What it may hold without standing in others' way. */
  readonly fair: Nano | null
}

/**
 * A call may hold a sixth of what is free, divided by the calls that are on their way at a time: then no hold of a call that
 * takes its time is so large that others are refused for it while money is really free (docs/budgets.md works it out). Twenty
 * callers who begin at one moment are told from one caller only when they have begun, so that there are never fewer than eight.
 */
export function roomIn(readings: readonly MeterReading[]): Room {
  let free: Nano | null = null
  let fair: Nano | null = null
  for (const { meter, spent, held, crowd } of readings) {
    if (meter.budget.line === null) continue
    const left = meter.budget.line - spent - held
    const share = left / BigInt(SHARE * Math.max(crowd, CROWD))
    if (free === null || left < free) free = left
    if (fair === null || share < fair) fair = share
  }
  return { free, fair }
}
/** By simulation: fewer refuse too early, more cut more answers short and refuse no fewer (`npm run bench -- bound`). */
const SHARE = 6
const CROWD = 8

/** What a call may cost at most, as it is sent on. */
export interface Fit {
  readonly amount: Nano
  readonly input: number
  readonly output: number
  /** Bound of the answer where it is not the client's own. */
  readonly maxTokens: number | null
}

export type Fitting = Fit | 'count' | 'refused'

export interface FitOptions {
  readonly ask: Ask
  /** The chosen model and those that may answer in its place. */
  readonly models: readonly ModelFacts[]
  readonly room: Room
  /** Tokens of an answer that 99 of 100 do not pass. */
  readonly usual: number
  /** An answer is not cut shorter than this. */
  readonly least: number
  readonly input: InputBound
}

/** The bound of an answer where neither client nor model has one. */
const UNKNOWN_OUTPUT = 32_768

/**
 * Finds what a call may hold: all that it could cost while that is fair, else less by bounding its answer, but for as long as
 * there is money never below a usual answer; refused when not even the least answer fits.
 */
export function fit({ ask, models, room, usual, least, input }: FitOptions): Fitting {
  const writes = models.some((model) => model.writes)
  const bound = models.reduce((most, model) => Math.max(most, model.maxOutput ?? UNKNOWN_OUTPUT), 0)
  const asked = writes ? Math.min(ask.maxTokens ?? bound, bound) : 0
  const { serviceTier } = ask
  const { images, opaque, cacheWrites } = ask.input
  const size = { input: input.tokens, media: images > 0 || opaque > 0, cacheWrites, serviceTier }
  const cost = (output: number) => dearest(models, size, output * ask.answers)
  const whole = { amount: cost(asked), input: input.tokens, output: asked * ask.answers, maxTokens: null }
  // Without a bound of its own an answer could be longer than was thought of.
  const boundless = writes && ask.maxTokens === null && models.some((model) => model.maxOutput === null)
  const asSent = boundless ? { ...whole, maxTokens: asked } : whole
  if (room.free === null || room.fair === null) return asSent
  if (whole.amount <= room.fair) return asSent
  // No count makes a call fit where nothing is left.
  if (!input.counted) return room.free <= 0n ? 'refused' : 'count'
  if (!writes) return whole.amount <= room.free ? whole : 'refused'

  const usualCost = cost(Math.min(usual, asked))
  const wanted = usualCost > room.fair ? usualCost : room.fair
  const amount = wanted < room.free ? wanted : room.free
  const output = Math.min(asked, ...models.map((model) => Math.floor(model.output(size, amount) / ask.answers)))
  const held = cost(output)
  // Where no answer is asked for, or none need be left, the input alone can be too dear.
  if (amount <= 0n || held > room.free || output < Math.min(asked, least, usual)) return 'refused'
  const shortened = output < asked || boundless
  return {
    amount: held,
    input: input.tokens,
    output: output * ask.answers,
    maxTokens: shortened ? output : null,
  }
}

function dearest(models: readonly ModelFacts[], size: Size, output: number): Nano {
  let most = 0n
  for (const model of models) {
    const cost = model.worst(size, model.writes ? output : 0)
    if (cost > most) most = cost
  }
  return most
}

/** So little is left that it does not matter how small a call is. */
export function isSpent({ meter, spent }: MeterReading): boolean {
  const { line, limit } = meter.budget
  return line !== null && (line - spent) * 100n <= limit
}
