import type { Action, Nano } from '../usage.ts'

/** What people and thresholds have done to an agent. */
export interface AgentState {
  readonly paused: boolean
  /** Who paused or resumed it last, why and when (epoch milliseconds); null when nobody did. */
  readonly by: string | null
  readonly reason: string | null
  readonly at: number | null
  /** The trace that made it stop; null when that is not known. */
  readonly trace: string | null
  /** Limit of a period that stands over the policy's; null = the policy's. */
  readonly limit: Nano | null
  /** What a reset has forgiven of a period. */
  readonly forgiven: { readonly periodStart: number; readonly amount: Nano } | null
}

const UNTOUCHED: AgentState = {
  paused: false,
  by: null,
  reason: null,
  at: null,
  trace: null,
  limit: null,
  forgiven: null,
}

export const AGENT_SUBJECT = 'agent:'

/** The agents as a fold over the ledger's actions. */
export interface Agents {
  apply(action: Action): void
  get(agent: string): AgentState
  all(): Iterable<[string, AgentState]>
}

export function createAgents(): Agents {
  const byName = new Map<string, AgentState>()
  return {
    apply(action) {
      if (!action.subject.startsWith(AGENT_SUBJECT)) return
      const name = action.subject.slice(AGENT_SUBJECT.length)
      byName.set(name, changed(byName.get(name) ?? UNTOUCHED, action))
    },
    get: (agent) => byName.get(agent) ?? UNTOUCHED,
    all: () => byName.entries(),
  }
}

function changed(state: AgentState, { action, by, reason, at, details }: Action): AgentState {
  switch (action) {
    case 'pause':
      return { ...state, paused: true, by, reason, at, trace: details.trace ?? null }
    case 'unpause':
      return { ...state, paused: false, by, reason, at, trace: null }
    case 'budget':
      return { ...state, limit: amount(details.limit) }
    case 'reset': {
      const periodStart = Number(details.period_start)
      return { ...state, forgiven: { periodStart, amount: amount(details.spent) ?? 0n } }
    }
    default:
      return state
  }
}

/** Nano-dollars as text. */
function amount(text: string | undefined): Nano | null {
  return text !== undefined && /^\d+$/.test(text) ? BigInt(text) : null
}
