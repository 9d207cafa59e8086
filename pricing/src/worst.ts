import type { Compiled, Level } from './compile.ts'
import { unitCost } from './cost.ts'
import { type Nano, plus, scaled } from './money.ts'
import { READ_CLASSES, TOKEN_CLASSES, type TokenClass, type Unit } from './tokens.ts'

/** What a call to come reads besides its answer. */
interface Asked {
  /** Tokens that the model is going to read, at most. */
  readonly input: number
  /** The input may hold pictures or sound, which some models bill dearer than text. Absent = text only. */
  readonly media?: boolean | undefined
  /** The input may be written to the provider's cache, which some bill dearer. Absent = it may. */
  readonly cacheWrites?: boolean | undefined
  /** Amounts that are no tokens (requests, web searches, …), at most. */
  readonly units?: { readonly [name in Unit]?: number | undefined } | undefined
}

/** How large a call to come can get. */
export interface CallSize extends Asked {
  /** Tokens that the model is going to write, at most, hidden reasoning among them. */
  readonly output: number
}

/** A call to come and what it may cost. */
export interface CallBudget extends Asked {
  readonly budget: Nano
}

/** What can be billed at one context step: a fixed part, and each output token, in `10^exponent` dollars. */
interface Bound {
  readonly fixed: bigint
  /** Null = output has no price. */
  readonly perOutput: bigint | null
}

interface Bounds {
  readonly exponent: number
  /** The steps that some input of at most so many tokens is billed at; the one that all of it reaches is the last. */
  readonly steps: readonly [...Bound[], Bound]
}

/** Classes as which text that is sent can be billed: it may be written to a cache or, at an odd price, read from one. */
const TEXT_CLASSES: readonly TokenClass[] = ['input', 'cache_read', 'cache_write_5m', 'cache_write_1h']
/** Nothing in a request says whether a model answers in text, hidden reasoning, sound or pictures. */
const WRITTEN_CLASSES = TOKEN_CLASSES.filter((name) => !READ_CLASSES.includes(name))

const NANO_EXPONENT = -9
const MOST_TOKENS = BigInt(Number.MAX_SAFE_INTEGER)

/**
 * The most that a call within `size` can cost, rounded up to whole nano-dollars: each token at the dearest class that it can
 * be billed as, at whichever context step makes that most. No usage whose input classes and output classes stay within their
 * counts costs more. Null when tokens of a side have no price and no unit pays for it. Throws a RangeError on a broken count.
 */
export function worstOf(compiled: Compiled, size: CallSize): Nano | null {
  const output = BigInt(checked('output', size.output))
  const bounds = boundsOf(compiled, size)
  if (bounds === null || (output > 0n && isUnpriced(bounds))) return null
  const costs = bounds.steps.map(({ fixed, perOutput }) => fixed + output * (perOutput ?? 0n))
  return roundedUp(greatest(costs), bounds.exponent)
}

/**
 * The largest count of output tokens whose `worstOf` stays within a budget, at most Number.MAX_SAFE_INTEGER. 0 when not even
 * the input fits, Infinity when output costs nothing; null when output has no price. Throws a RangeError on a broken count.
 */
export function largestOutput(compiled: Compiled, { budget, ...asked }: CallBudget): number | null {
  const bounds = boundsOf(compiled, asked)
  if (bounds === null || isUnpriced(bounds)) return null
  const limit = scaled({ digits: budget, exponent: NANO_EXPONENT }, bounds.exponent)
  if (bounds.steps.some(({ fixed }) => fixed > limit)) return 0
  const counts = bounds.steps.flatMap(({ fixed, perOutput }) => (perOutput ? [(limit - fixed) / perOutput] : []))
  if (counts.length === 0) return Infinity
  const least = counts.reduce((least, count) => (count < least ? count : least), MOST_TOKENS)
  return Number(least)
}

function isUnpriced({ steps }: Bounds): boolean {
  return steps.at(-1)?.perOutput === null
}

/** Null when the model has no price for tokens, or none for the input. */
function boundsOf(compiled: Compiled, asked: Asked): Bounds | null {
  const input = checked('input', asked.input)
  const units = unitCost(compiled, asked.units ?? {})
  if (!compiled.byTokens) return null
  const unitsTotal = plus(units.input, units.output)
  const exponent = Math.min(compiled.exponent, unitsTotal.exponent, NANO_EXPONENT)
  const scale = 10n ** BigInt(compiled.exponent - exponent)
  const paid = scaled(unitsTotal, exponent)
  const bound = ({ level, least, most }: Step, reached: boolean): Bound | null => {
    // What has no plain price at the step that the input reaches has none; a step below is billed by whichever class has one.
    const plain = (name: 'input' | 'output') => !reached || priceOf(level, name) !== null
    const perInput = (plain('input') ? dearest(level, readClasses(asked)) : null) ?? (units.usedInput ? 0n : null)
    const perOutput = (plain('output') ? dearest(level, WRITTEN_CLASSES) : null) ?? (units.usedOutput ? 0n : null)
    // Without a price for input a step below bills only a call that reads nothing.
    if (perInput === null && (reached ? most : least) > 0) return null
    const fixed = BigInt(most) * (perInput ?? 0n) * scale + paid
    return { fixed, perOutput: perOutput === null ? null : perOutput * scale }
  }
  const steps = stepsUpTo(compiled, input).map((step, i, all) => bound(step, i === all.length - 1))
  const reached = steps.pop()
  if (reached === undefined || reached === null) return null
  return { exponent, steps: [...steps.filter((step) => step !== null), reached] }
}

function readClasses({ media = false, cacheWrites = true }: Asked): readonly TokenClass[] {
  const classes = media ? READ_CLASSES : TEXT_CLASSES
  return cacheWrites ? classes : classes.filter((name) => !name.startsWith('cache_write'))
}

/** A context step, and the least and the most tokens of the input that are billed at it. */
interface Step {
  readonly level: Level
  readonly least: number
  readonly most: number
}

/** Fewer tokens than the input's can cost more, where a higher step is cheaper: every step below counts too. */
function stepsUpTo({ levels, inclusive }: Compiled, input: number): Step[] {
  return levels.flatMap((level, index) => {
    const least = index === 0 ? 0 : firstOf(level.above, inclusive)
    const next = levels[index + 1]
    const most = Math.min(input, next === undefined ? input : firstOf(next.above, inclusive) - 1)
    return least <= most ? [{ level, least, most }] : []
  })
}

/** The smallest context that is billed at a step. */
function firstOf(above: number, inclusive: boolean): number {
  return inclusive ? Math.ceil(above) : Math.floor(above) + 1
}

function priceOf({ prices }: Level, name: TokenClass): bigint | null {
  return prices[TOKEN_CLASSES.indexOf(name)] ?? null
}

/** Null when none of the classes has a price. */
function dearest(level: Level, classes: readonly TokenClass[]): bigint | null {
  const prices = classes.map((name) => priceOf(level, name)).filter((price) => price !== null)
  return prices.length === 0 ? null : greatest(prices)
}

function greatest(values: readonly bigint[]): bigint {
  return values.reduce((most, value) => (value > most ? value : most), 0n)
}

function roundedUp(total: bigint, exponent: number): Nano {
  const unit = 10n ** BigInt(NANO_EXPONENT - exponent)
  return (total + unit - 1n) / unit
}

function checked(name: 'input' | 'output', tokens: number): number {
  if (Number.isSafeInteger(tokens) && tokens >= 0) return tokens
  throw new RangeError(`${name} is ${tokens}; expected a whole number of tokens from 0 up`)
}
