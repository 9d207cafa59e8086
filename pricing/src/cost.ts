import type { Compiled, Level } from './compile.ts'
import { type Decimal, decimal, type Nano, plus, times, toNano } from './money.ts'
import type { ModelPrice } from './price.ts'
import { READ_CLASSES, TOKEN_CLASSES, type TokenClass, type Usage, WRITTEN_UNITS } from './tokens.ts'

/** What a call cost. `input + output = cost`, to the nano-dollar. */
export interface Cost {
  readonly cost: Nano
  readonly basis: 'priced' | 'free'
  readonly input: Nano
  readonly output: Nano
  readonly price: ModelPrice
}

const CLASSES = TOKEN_CLASSES.map((name) => ({ name, isRead: READ_CLASSES.includes(name) }))
const ZERO: Decimal = { digits: 0n, exponent: 0 }

/**
 * Cost of a usage, exact until one rounding (half to even) of the total to nano-dollars; the input part is rounded the same
 * way and the output part is the rest. Null when tokens have no price, for a cost that leaves them out would be wrong. Two
 * exceptions: tokens on a side that one of the usage's units pays for (video by the second with a prompt), and models billed
 * by units alone, which need one of their units and ignore tokens.
 * Throws a RangeError on an amount that is negative or not a number, and on a fraction of a token.
 */
export function costOf(compiled: Compiled, usage: Usage): Cost | null {
  const tokens = tokenCost(compiled, usage)
  if (compiled.units.length === 0) {
    return tokens.unpricedInput || tokens.unpricedOutput ? null : rounded(compiled.price, tokens.input, tokens.output)
  }
  const units = unitCost(compiled, usage)
  const paid = compiled.byTokens
    ? !(tokens.unpricedInput && !units.usedInput) && !(tokens.unpricedOutput && !units.usedOutput)
    : units.usedInput || units.usedOutput
  return paid ? rounded(compiled.price, plus(tokens.input, units.input), plus(tokens.output, units.output)) : null
}

function tokenCost(compiled: Compiled, usage: Usage) {
  const level = levelFor(compiled, usage)
  let read = 0n
  let written = 0n
  let unpricedInput = false
  let unpricedOutput = false
  for (let index = 0; index < CLASSES.length; index++) {
    const { name, isRead } = CLASSES[index] as (typeof CLASSES)[number]
    const tokens = usage[name]
    if (tokens === undefined || tokens === 0) continue
    const count = BigInt(checkedTokens(name, tokens))
    const price = level.prices[index] ?? null
    if (price !== null) {
      if (isRead) read += count * price
      else written += count * price
    } else if (isRead) unpricedInput = true
    else unpricedOutput = true
  }
  const { exponent } = compiled
  return { input: { digits: read, exponent }, output: { digits: written, exponent }, unpricedInput, unpricedOutput }
}

function rounded(price: ModelPrice, input: Decimal, output: Decimal): Cost {
  const cost = toNano(plus(input, output))
  const inputPart = toNano(input)
  return { cost, basis: price.free ? 'free' : 'priced', input: inputPart, output: cost - inputPart, price }
}

function levelFor(compiled: Compiled, usage: Usage): Level {
  const { levels } = compiled
  if (levels.length === 1) return levels[0]
  let context = 0
  for (const name of READ_CLASSES) context += usage[name] ?? 0
  const past = (level: Level) => context > level.above || (compiled.inclusive && context === level.above)
  return levels.findLast(past) ?? levels[0]
}

/** What a usage's units cost, by side, and which side has any. Throws a RangeError on a negative or broken amount. */
export function unitCost(compiled: Compiled, usage: Usage) {
  const sum = { input: ZERO, output: ZERO, usedInput: false, usedOutput: false }
  for (const [unit, rate] of compiled.units) {
    const amount = usage[unit]
    if (amount === undefined || amount === 0) continue
    if (!(amount > 0 && amount < Infinity))
      throw new RangeError(`usage.${unit} is ${amount}; expected a number from 0 up`)
    const part = times(decimal(Math.min(amount, rate.atMost ?? Infinity)), rate.price)
    if (WRITTEN_UNITS.includes(unit)) {
      sum.output = plus(sum.output, part)
      sum.usedOutput = true
    } else {
      sum.input = plus(sum.input, part)
      sum.usedInput = true
    }
  }
  return sum
}

function checkedTokens(name: TokenClass, tokens: number): number {
  if (Number.isSafeInteger(tokens) && tokens > 0) return tokens
  throw new RangeError(`usage.${name} is ${tokens}; expected a whole number of tokens from 0 up`)
}
