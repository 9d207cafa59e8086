import type { Call } from '../../call.ts'
import type { Litellm } from '../../litellm/server.ts'
import { allTokens } from '../../tokens.ts'
import type { ObservationInput } from '../observation.ts'
import type { Project } from '../project.ts'
import { type Disturbance, type Edit, type Passed, plan, wayOf } from './plan.ts'
import { observationsOf, type Trace, type TraceOptions, traceOf } from './trace.ts'

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
  readonly gatewayLate: number
  readonly lent: number
  readonly edited: Readonly<Record<Edit['what'], number>>
  /** Observations and scores that were written, repeats not counted. */
  readonly observations: number
  readonly scores: number
  readonly tools: Readonly<Record<string, { readonly calls: number; readonly failed: number }>>
}

export interface MixtureOptions extends Disturbance, Pick<TraceOptions, 'hook' | 'environment'> {
  readonly gateway: Pick<Litellm, 'add'> & Partial<Pick<Litellm, 'begin'>>
  readonly langfuse: Pick<Project, 'put' | 'repeat' | 'edit' | 'score'>
  readonly onPassed?: (passed: Passed) => void
}

/** Sends calls on to gateway and Langfuse; can be the server of a `replay`. */
export interface Mixture extends Pick<Litellm, 'add'>, Partial<Pick<Litellm, 'begin'>> {
  truth(): MixtureTruth
}

/** Lets calls leave what they leave in both places, and disturbs some of them, each time in the same way. */
export function mixture(options: MixtureOptions): Mixture {
  const { gateway, langfuse, onPassed } = options
  const truth = keepMixture()
  const pass = (call: Call): Passed => {
    const passed = plan(call, options)
    const trace = passed.way === 'gateway' ? null : traceOf(call, traceOptions(passed, options))
    if (trace) write(trace, passed, langfuse)
    truth.add(passed, trace ? observationsOf(trace) : [], trace?.scores.length ?? 0)
    onPassed?.(passed)
    return passed
  }
  const { begin } = gateway
  return {
    add(calls, how) {
      const onTime: Call[] = []
      for (const call of calls) {
        const { gatewayLateMs, lent } = pass(call)
        const told = lent ? { ...call, session: null } : call
        if (gatewayLateMs === 0) onTime.push(told)
        else if (gatewayLateMs !== null) gateway.add([told], { ...how, lateMs: gatewayLateMs })
      }
      gateway.add(onTime, how)
    },
    // Whoever calls a provider itself asks nobody before.
    ...(begin ? { begin: async (call: Call) => (wayOf(call, options) === 'langfuse' ? call : begin(call)) } : {}),
    truth: truth.read,
  }
}

function traceOptions({ way, lent }: Passed, { hook, environment }: MixtureOptions): TraceOptions {
  return {
    way: way === 'langfuse' ? 'direct' : lent ? 'named' : 'gateway',
    ...(hook === undefined ? {} : { hook }),
    ...(environment === undefined ? {} : { environment }),
  }
}

/** Writes a trace: each observation so long after its end as that of the call. What its tools did goes along with an edit. */
function write(
  trace: Trace,
  { call, observation, from, twiceAfterMs, edit }: Passed,
  langfuse: MixtureOptions['langfuse'],
): void {
  const lag = (from ?? call.end) - call.end
  const parts = observationsOf(trace)
  for (const part of parts) langfuse.put(part, { from: endOf(part) + lag })
  for (const score of trace.scores) langfuse.score(score, { from: score.at + lag })
  if (twiceAfterMs !== null)
    for (const part of parts) langfuse.repeat(part.id, { from: endOf(part) + lag + twiceAfterMs })
  if (edit === null) return
  for (const part of parts) {
    if (part.id === observation) langfuse.edit(part.id, changesOf(part, edit), { from: edit.at })
    else if (part.type === 'TOOL')
      langfuse.edit(part.id, edit.what === 'time' ? changesOf(part, edit) : {}, { from: edit.at })
  }
}

function endOf({ start, end }: ObservationInput): number {
  return end ?? start
}

function changesOf(part: ObservationInput, edit: Edit): Partial<ObservationInput> {
  if (edit.what === 'cost') return { cost: { total: edit.usd } }
  if (edit.what === 'tokens') return { usage: { input: edit.tokens, total: edit.tokens } }
  return { start: part.start + edit.byMs, end: endOf(part) + edit.byMs }
}

function keepMixture() {
  const sums = { both: empty(), gateway: empty(), langfuse: empty() }
  const count = { late: 0, twice: 0, gatewayLate: 0, lent: 0, observations: 0, scores: 0 }
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
      count.twice += Number(passed.twiceAfterMs !== null)
      count.gatewayLate += Number((passed.gatewayLateMs ?? 0) > 0)
      count.lent += Number(passed.lent)
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
