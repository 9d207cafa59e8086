import type { Basis, Nano, Status, Tokens } from '../../usage.ts'
import type { Prices } from '../prices.ts'
import type { Call } from './call.ts'

export interface Charge {
  readonly cost: Nano | null
  readonly basis: Basis
  readonly tokens: Tokens
  readonly saved: Nano | null
}

/** About this many characters make a token, for a call whose answer came without usage. */
const CHARACTERS_A_TOKEN = 4
const TOOL = 'tool'

/**
 * What a call cost, and where the figure comes from.
 *
 * - What the gateway charged, when it charged something: `gateway`. A stream that the client left is counted by LiteLLM
 *   itself, so its cost is `estimated`.
 * - Tokens but no cost: the price book's cost (`priced`), or `free` when the model is known to be; else `unpriced`, null.
 * - No usage at all: about 4 characters a token where the text could be measured, `estimated`.
 * - A cache hit costs nothing and uses no tokens; what it saved is the gateway's figure, else the price book's.
 * - A call that failed and cost nothing has no tokens: rows count its prompt and records do not, and nobody is charged for it.
 * - In the development profile everything is `free`.
 */
export function chargeOf(call: Call, status: Status, context: { prices: Prices; development: boolean }): Charge {
  if (call.cacheHit && call.success) return cachedCharge(call, context)
  const tokens = call.success || (call.cost ?? 0n) > 0n ? (call.tokens ?? {}) : {}
  if (context.development) return { cost: 0n, basis: 'free', tokens, saved: null }
  if (!call.success) return { cost: call.cost ?? 0n, basis: 'gateway', tokens, saved: null }
  if (call.cost !== null && call.cost > 0n)
    return { cost: call.cost, basis: status === 'cancelled' ? 'estimated' : 'gateway', tokens, saved: null }
  if (call.tokens === null && call.characters !== null) return estimated(call, call.characters, context.prices)
  const listed = call.tokens === null ? null : listPrice(call, call.tokens, context.prices)
  if (listed) return { ...listed, basis: listed.cost > 0n ? 'priced' : 'free', tokens, saved: null }
  // Tools are not models: what the gateway gives away for nothing is free.
  if (call.callType === TOOL && call.cost === 0n) return { cost: 0n, basis: 'free', tokens, saved: null }
  return { cost: null, basis: 'unpriced', tokens, saved: null }
}

function cachedCharge(call: Call, { prices, development }: { prices: Prices; development: boolean }): Charge {
  const nothing = { cost: 0n, basis: 'cached', tokens: {} } as const
  if (development) return { ...nothing, saved: 0n }
  if (call.saved !== null && call.saved > 0n) return { ...nothing, saved: call.saved }
  return { ...nothing, saved: call.tokens === null ? null : (listPrice(call, call.tokens, prices)?.cost ?? null) }
}

function estimated(call: Call, characters: { input: number; output: number }, prices: Prices): Charge {
  const input = Math.ceil(characters.input / CHARACTERS_A_TOKEN)
  const output = Math.ceil(characters.output / CHARACTERS_A_TOKEN)
  const tokens: Tokens = { ...(input > 0 ? { input } : {}), ...(output > 0 ? { output } : {}) }
  const listed = listPrice(call, tokens, prices)
  if (listed) return { cost: listed.cost, basis: 'estimated', tokens, saved: null }
  return { cost: null, basis: 'unpriced', tokens, saved: null }
}

function listPrice(call: Call, tokens: Tokens, prices: Prices): { cost: Nano } | null {
  if (call.model === null) return null
  const found = prices.cost(call.model, tokens, {
    at: call.start,
    ...(call.provider === null ? {} : { provider: call.provider }),
    ...(call.serviceTier === null ? {} : { serviceTier: call.serviceTier }),
  })
  return found === null ? null : { cost: found.cost }
}
