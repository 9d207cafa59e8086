import type { Call } from '../../call.ts'
import type { Litellm } from '../../litellm/server.ts'
import { mix } from '../../random.ts'
import { allTokens } from '../../tokens.ts'
import type { ObservationInput } from '../observation.ts'
import type { Project } from '../project.ts'
import { spanId } from './spans.ts'
import { happens, observationsOf, type TraceOptions, traceOf } from './trace.ts'

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
  /** Delivered to Langfuse a second time, under the same id. */
  readonly twice: boolean
  /** What was changed in Langfuse afterwards, and to what. */
  readonly edit: Edit | null
}

export type Edit =
  | { readonly what: 'cost'; readonly at: number; readonly usd: number }
  | { readonly what: 'tokens'; readonly at: number; readonly tokens: number }
  /** Start and end moved by so much. */
  | { readonly what: 'time'; readonly at: number; readonly byMs: number }

/** How much there was of something. */
export interface MixtureSum {
  readonly calls: number
  /** Nano-dollars, as the gateway or the price list has them. */
  readonly cost: bigint
  readonly tokens: number
}

/** The truth about a mixture. The sums by way part all calls. */
export interface MixtureTruth {
  readonly both: MixtureSum
  readonly gateway: MixtureSum
  readonly langfuse: MixtureSum
  readonly late: number
  readonly twice: number
  readonly edited: Readonly<Record<Edit['what'], number>>
  /** Observations and scores that were written, repeats not counted. */
  readonly observations: number
  readonly scores: number
  readonly tools: Readonly<Record<string, { readonly calls: number; readonly failed: number }>>
}

export interface MixtureOptions extends Pick<TraceOptions, 'hook' | 'environment'> {
  readonly gateway: Pick<Litellm, 'add'> & Partial<Pick<Litellm, 'begin'>>
  readonly langfuse: Pick<Project, 'put' | 'repeat' | 'edit' | 'score'>
  /** Shares of the calls, 0 … 1. All are 0 when nobody says. */
  readonly gatewayOnly?: number
  readonly langfuseOnly?: number
  readonly late?: number
  readonly twice?: number
  readonly edited?: number
  /** How long after its end an observation can be read: usually, and when it is late. */
  readonly lagMs?: readonly [from: number, to: number]
  readonly lateMs?: readonly [from: number, to: number]
  readonly onPassed?: (passed: Passed) => void
}

/** Sends calls on to gateway and Langfuse; can be the server of a `replay`. */
export interface Mixture extends Pick<Litellm, 'add'>, Partial<Pick<Litellm, 'begin'>> {
  truth(): MixtureTruth
}

const LAG: readonly [number, number] = [1000, 6000]
const LATE: readonly [number, number] = [600_000, 3_600_000]
const EDIT_AFTER_MS = 30_000
const MOVE_MS = 3_600_000

/**
 * Lets calls leave what they leave in both places, and disturbs some of them, by their own salt: the same calls are disturbed
 * in the same way each time. Calls that were refused before they left always pass the gateway.
 */
export function mixture(options: MixtureOptions): Mixture {
  const { gateway, langfuse, onPassed } = options
  const truth = keepMixture()
  const one = (call: Call): boolean => {
    const passed = plan(call, options)
    const trace = passed.way === 'gateway' ? null : traceOf(call, traceOptions(passed.way, options))
    if (trace && passed.observation !== null && passed.from !== null) {
      const lag = passed.from - call.end
      for (const observation of observationsOf(trace))
        langfuse.put(observation, { from: (observation.end ?? observation.start) + lag })
      for (const score of trace.scores) langfuse.score(score, { from: score.at + lag })
      if (passed.twice) langfuse.repeat(passed.observation, { from: passed.from + 1000 })
      if (passed.edit) langfuse.edit(passed.observation, changesOf(call, passed.edit), { from: passed.edit.at })
    }
    truth.add(passed, trace ? observationsOf(trace) : [], trace?.scores.length ?? 0)
    onPassed?.(passed)
    return passed.way !== 'langfuse'
  }
  const { begin } = gateway
  return {
    add: (calls, how) => gateway.add([...calls].filter(one), how),
    // Whoever calls a provider itself asks nobody before.
    ...(begin ? { begin: async (call: Call) => (wayOf(call, options) === 'langfuse' ? call : begin(call)) } : {}),
    truth: truth.read,
  }
}

function traceOptions(way: Passed['way'], { hook, environment }: MixtureOptions): TraceOptions {
  return {
    way: way === 'langfuse' ? 'direct' : 'gateway',
    ...(hook === undefined ? {} : { hook }),
    ...(environment === undefined ? {} : { environment }),
  }
}

/** Where a call leaves something, by the shares of a mixture. */
export function wayOf(
  call: Call,
  { gatewayOnly = 0, langfuseOnly = 0 }: Pick<MixtureOptions, 'gatewayOnly' | 'langfuseOnly'>,
): Passed['way'] {
  const chance = mix(call.salt, 0xa001) / 4294967296
  const sent = call.outcome === 'success' || call.outcome === 'failed'
  if (chance < gatewayOnly) return 'gateway'
  return chance < gatewayOnly + langfuseOnly && sent && !call.cacheHit ? 'langfuse' : 'both'
}

function plan(call: Call, options: MixtureOptions): Passed {
  const { lagMs = LAG, lateMs = LATE } = options
  const way = wayOf(call, options)
  if (way === 'gateway') return { call, way, observation: null, from: null, late: false, twice: false, edit: null }
  const late = happens(call, 0xa002, options.late ?? 0)
  const [least, most] = late ? lateMs : lagMs
  const from = call.end + Math.round(least + ((most - least) * mix(call.salt, 0xa003)) / 4294967296)
  const edited = call.outcome === 'success' && happens(call, 0xa005, options.edited ?? 0)
  return {
    call,
    way,
    observation: spanId(call, 'call'),
    from,
    late,
    twice: happens(call, 0xa004, options.twice ?? 0),
    edit: edited ? editOf(call, from + EDIT_AFTER_MS) : null,
  }
}

function editOf(call: Call, at: number): Edit {
  const kind = mix(call.salt, 0xa006) % 3
  if (kind === 0) return { what: 'cost', at, usd: (1000 + (mix(call.salt, 0xa007) % 1000)) / 1e5 }
  if (kind === 1) return { what: 'tokens', at, tokens: allTokens(call.tokens) + 1 + (mix(call.salt, 0xa008) % 50) }
  return { what: 'time', at, byMs: mix(call.salt, 0xa009) % 2 === 0 ? MOVE_MS : -MOVE_MS }
}

function changesOf(call: Call, edit: Edit): Partial<ObservationInput> {
  if (edit.what === 'cost') return { cost: { total: edit.usd } }
  if (edit.what === 'tokens') return { usage: { input: edit.tokens, total: edit.tokens } }
  return { start: call.start + edit.byMs, end: call.end + edit.byMs }
}

function keepMixture() {
  const sums = { both: empty(), gateway: empty(), langfuse: empty() }
  const count = { late: 0, twice: 0, observations: 0, scores: 0 }
  const edited: Record<Edit['what'], number> = { cost: 0, tokens: 0, time: 0 }
  const tools = new Map<string, { calls: number; failed: number }>()
  return {
    add(passed: Passed, observations: readonly ObservationInput[], scores: number): void {
      const { call, way } = passed
      const sum = sums[way]
      sum.calls += 1
      sum.cost += call.cost ?? 0n
      sum.tokens += allTokens(call.tokens)
      count.late += Number(passed.late)
      count.twice += Number(passed.twice)
      count.observations += observations.length
      count.scores += scores
      if (passed.edit) edited[passed.edit.what] += 1
      for (const { type, name = '', level } of observations) {
        if (type !== 'TOOL') continue
        const tool = tools.get(name) ?? { calls: 0, failed: 0 }
        tools.set(name, { calls: tool.calls + 1, failed: tool.failed + Number(level === 'ERROR') })
      }
    },
    read: (): MixtureTruth => ({
      both: { ...sums.both },
      gateway: { ...sums.gateway },
      langfuse: { ...sums.langfuse },
      ...count,
      edited: { ...edited },
      tools: Object.fromEntries(tools),
    }),
  }
}

function empty() {
  return { calls: 0, cost: 0n, tokens: 0 }
}
