import type { Calendar } from '../calendar.ts'
import { fromJson } from '../ledger/entry-json.ts'
import type { Recorded } from '../ledger/ledger.ts'
import { printOf } from '../policy/print.ts'
import type { Action, Correction, Crossing, Nano, Usage } from '../usage.ts'
import { AGENT_SUBJECT, type Agents, createAgents } from './agents.ts'
import type { Meter } from './ask.ts'
import type { CompiledBudgets } from './compiled.ts'
import type { Loaded } from './load.ts'
import { createMeters, type Meters, type Payer } from './meters.ts'
import { type Cause, type Crossings, createCrossings, type Reached } from './reached.ts'
import type { Usual } from './usual.ts'

/** What budgets are judged by: a fold over the ledger, the same whatever the cut between `load` and `apply`. */
export interface BudgetFold {
  readonly meters: Meters
  readonly agents: Agents
  readonly crossings: Crossings
  readonly usual: Usual
  load(loaded: Loaded): void
  apply(batch: readonly Recorded[]): void
  /** Thresholds that are reached and were not told of yet, over everybody: after a start. */
  unsaid(): Reached[]
}

export interface FoldDeps {
  readonly budgets: CompiledBudgets
  readonly calendar: Calendar
  /** What is known of answers outlives a policy. */
  readonly usual: Usual
  readonly now: () => number
  /** What is held of a meter. */
  readonly held: (key: string) => Nano
  readonly onReached: (reached: Reached) => void
  /** An agent has spent all that it may. */
  readonly onSpent: (meter: Meter, cause: Cause) => void
  /** An agent was paused or resumed, or its budget changed. */
  readonly onAgent: (agent: string) => void
}

export function createFold(deps: FoldDeps): BudgetFold {
  const { budgets, calendar, usual, now, held, onReached, onSpent, onAgent } = deps
  const agents = createAgents()
  const meters = createMeters(budgets, calendar, agents)
  const crossings = createCrossings(budgets.policy.budgets.cooldownMs, printOf(budgets.policy))

  const spend = (entry: Usage | Correction, calls: number) => {
    const { customer, tier, agent, session, start } = entry
    const cost = entry.cost ?? 0n
    if (meters.add({ customer, tier, agent, session, start, cost, calls })) judge(entry)
  }
  const judge = (entry: Usage | Correction) => {
    // A period that is long over is not kept, and nobody could act on it.
    if (calendar.day(entry.start) < calendar.day(now()) - LONGEST_BACK) return
    for (const meter of meters.of(entry, entry.start)) judgeMeter(meter, () => causeOf(entry))
    meters.looked(entry, entry.start, nextOf)
  }
  const judgeMeter = (meter: Meter, cause: () => Cause) => {
    for (const reached of passed(meter, cause)) onReached(reached)
    const { scope, line, last } = meter.budget
    const pauses = scope === 'agent' && last?.do === 'pause' && line !== null
    if (pauses && meter.end !== null && meter.end > now() && meters.spent(meter) >= line) onSpent(meter, cause())
  }
  /** What an agent has spent already can be all that it may from now on. */
  const judgeAgent = (agent: string, of: string) => {
    const who = { customer: '', tier: null, session: null, agent }
    for (const meter of meters.of(who, now()))
      if (meter.budget.scope === 'agent') judgeMeter(meter, () => ({ ...who, customer: null, trace: null, of }))
  }
  /** The least amount at which something happens that did not happen yet. */
  const nextOf = (meter: Meter): Nano | null => {
    const { rungs, scope, line } = meter.budget
    const spent = meters.spent(meter)
    const rung = rungs.find(({ amount }) => amount > spent)?.amount ?? null
    if (scope !== 'agent' || line === null || spent >= line) return rung
    return rung === null || line < rung ? line : rung
  }
  /** Thresholds of a meter that are reached and not written down yet. */
  const passed = (meter: Meter, cause: () => Cause): Reached[] => {
    const { rungs } = meter.budget
    if (rungs[0] === undefined) return []
    const spent = meters.spent(meter)
    const found: Reached[] = []
    for (const rung of rungs) {
      if (rung.amount > spent) break
      if (crossings.has(meter, rung)) continue
      const closed = meter.end !== null && meter.end <= now()
      found.push({ meter, rung, spent, held: held(meter.key), cause: cause(), closed })
    }
    return found
  }
  return {
    meters,
    agents,
    crossings,
    usual,
    load(loaded) {
      for (const sum of loaded.sums) meters.load(sum)
      for (const one of loaded.sessions) meters.sessions.load(one)
      for (const { at, body } of loaded.entries) {
        const entry = fromJson(body) as Action | Crossing
        if (entry.kind === 'action') agents.apply(entry)
        else crossings.known(entry, at)
      }
      for (const { model, tokens } of loaded.outputs) usual.note(model, tokens)
    },
    apply(batch) {
      for (const { entry, at } of batch) {
        if (entry.kind === 'usage') {
          spend(entry, isLetThrough(entry) ? 1 : 0)
          noteUsual(usual, entry)
        } else if (entry.kind === 'correction') spend(entry, isLetThrough(entry) ? entry.calls : 0)
        else if (entry.kind === 'crossing') crossings.known(entry, at)
        else if (entry.kind === 'action') {
          agents.apply(entry)
          if (!entry.subject.startsWith(AGENT_SUBJECT)) continue
          const agent = entry.subject.slice(AGENT_SUBJECT.length)
          meters.stir(agent)
          if (entry.action === 'budget') judgeAgent(agent, entry.key)
          onAgent(agent)
        }
      }
    },
    unsaid() {
      const seen = new Set<string>()
      const found: Reached[] = []
      for (const payer of meters.payers()) {
        for (const meter of meters.of(payer, now())) {
          const key = `${meter.key}\u001f${meter.budget.limit}`
          if (seen.has(key) || (payer.session !== null && meter.budget.scope !== 'session')) continue
          seen.add(key)
          found.push(...passed(meter, () => nobody(payer)))
        }
      }
      return found
    },
  }
}

/** Two months and a week, in days. */
const LONGEST_BACK = 69

/** Calls that were refused before they left are none. */
export function isLetThrough({ status }: Pick<Usage, 'status'>): boolean {
  return status !== 'blocked' && status !== 'rejected'
}

function noteUsual(usual: Usual, { status, cacheHit, model, tokens }: Usage): void {
  const output = (tokens.output ?? 0) + (tokens.reasoning ?? 0)
  if (status === 'success' && !cacheHit && model !== null && output > 0) usual.note(model, output)
}

function causeOf(entry: Usage | Correction): Cause {
  const { customer, tier, session, agent, key } = entry
  return { customer, tier, session, agent, trace: entry.kind === 'usage' ? entry.trace : null, of: key }
}

/** Nobody knows any more which call it was. */
function nobody({ customer, tier, session, agent }: Payer): Cause {
  return { customer: customer || null, tier, session, agent, trace: null, of: '' }
}
