import type { Call } from '../../call.ts'
import { mix } from '../../random.ts'
import { allTokens } from '../../tokens.ts'
import { spanId } from './spans.ts'
import { happens } from './trace.ts'

/** What was done with a call on its way. Moments are epoch milliseconds. */
export interface Passed {
  readonly call: Call
  /** Where it left something. `langfuse`: the application called the provider itself. */
  readonly way: 'both' | 'gateway' | 'langfuse'
  /** Id of the observation that is the call; null where there is none. */
  readonly observation: string | null
  /** From when on Langfuse shows it. */
  readonly from: number | null
  readonly late: boolean
  /** So long after that it is delivered to Langfuse a second time, with all of its trace, under the same ids; null = it is not. */
  readonly twiceAfterMs: number | null
  /** What was changed in Langfuse afterwards, and to what. */
  readonly edit: Edit | null
  /** How much later than at its end the gateway tells of it; null where it did not pass. */
  readonly gatewayLateMs: number | null
  /** The gateway was not told of its session; the application's own trace names it, and the gateway's id of the call. */
  readonly lent: boolean
}

export type Edit =
  | { readonly what: 'cost'; readonly at: number; readonly usd: number }
  | { readonly what: 'tokens'; readonly at: number; readonly tokens: number }
  /** Start and end moved by so much. */
  | { readonly what: 'time'; readonly at: number; readonly byMs: number }

type Range = readonly [from: number, to: number]

/** Shares of the calls, 0 … 1, and delays in milliseconds. All shares are 0 when nobody says. */
export interface Disturbance {
  readonly gatewayOnly?: number
  readonly langfuseOnly?: number
  readonly late?: number
  readonly twice?: number
  /** Only what both places have is edited: nobody could tell it of anything else. */
  readonly edited?: number
  /** The gateway tells of them late. */
  readonly gatewayLate?: number
  /** Of what reached both places. */
  readonly lent?: number
  /** How long after its end an observation can be read: usually, and when it is late. */
  readonly lagMs?: Range
  readonly lateMs?: Range
  /** How long after that it is delivered again, and edited. */
  readonly twiceAfterMs?: Range
  readonly editAfterMs?: Range
  readonly gatewayLateMs?: Range
}

const LAG: Range = [1000, 6000]
const LATE: Range = [600_000, 3_600_000]
const TWICE_AFTER: Range = [1000, 1000]
const EDIT_AFTER: Range = [30_000, 30_000]
const GATEWAY_LATE: Range = [7_200_000, 18_000_000]
const MOVE_MS = 3_600_000

/** What befalls a call, by its own salt: the same call is disturbed in the same way each time. */
export function plan(call: Call, options: Disturbance): Passed {
  const way = wayOf(call, options)
  const gatewayLate = way !== 'langfuse' && happens(call, 0xa00a, options.gatewayLate ?? 0)
  const gatewayLateMs =
    way === 'langfuse' ? null : gatewayLate ? within(call, 0xa00b, GATEWAY_LATE, options.gatewayLateMs) : 0
  const nowhere = { observation: null, from: null, late: false, twiceAfterMs: null, edit: null, lent: false }
  if (way === 'gateway') return { call, way, ...nowhere, gatewayLateMs }
  const late = happens(call, 0xa002, options.late ?? 0)
  const from = call.end + (late ? within(call, 0xa003, LATE, options.lateMs) : within(call, 0xa003, LAG, options.lagMs))
  const edited = way === 'both' && call.outcome === 'success' && happens(call, 0xa005, options.edited ?? 0)
  return {
    call,
    way,
    observation: spanId(call, 'call'),
    from,
    late,
    twiceAfterMs: happens(call, 0xa004, options.twice ?? 0)
      ? within(call, 0xa00e, TWICE_AFTER, options.twiceAfterMs)
      : null,
    edit: edited ? editOf(call, from + within(call, 0xa00c, EDIT_AFTER, options.editAfterMs)) : null,
    gatewayLateMs,
    lent: way === 'both' && wasSent(call) && happens(call, 0xa00d, options.lent ?? 0),
  }
}

/** Where a call leaves something. Those that were refused before they left always pass the gateway, as do its cache's answers. */
export function wayOf(call: Call, { gatewayOnly = 0, langfuseOnly = 0 }: Disturbance): Passed['way'] {
  const chance = mix(call.salt, 0xa001) / 4294967296
  if (chance < gatewayOnly) return 'gateway'
  return chance < gatewayOnly + langfuseOnly && wasSent(call) ? 'langfuse' : 'both'
}

function wasSent({ outcome, cacheHit }: Call): boolean {
  return (outcome === 'success' || outcome === 'failed') && !cacheHit
}

function within(call: Call, what: number, usual: Range, [least, most] = usual): number {
  return Math.round(least + ((most - least) * mix(call.salt, what)) / 4294967296)
}

function editOf(call: Call, at: number): Edit {
  const kind = mix(call.salt, 0xa006) % 3
  if (kind === 0) return { what: 'cost', at, usd: (1000 + (mix(call.salt, 0xa007) % 1000)) / 1e5 }
  if (kind === 1) return { what: 'tokens', at, tokens: allTokens(call.tokens) + 1 + (mix(call.salt, 0xa008) % 50) }
  return { what: 'time', at, byMs: mix(call.salt, 0xa009) % 2 === 0 ? MOVE_MS : -MOVE_MS }
}
