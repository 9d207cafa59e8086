import { type Agent, type Company, type Customer, INDEXER } from './company.ts'
import type { Dataset } from './dataset.ts'
import { ATLAS, EMBEDDING, FLASH, GPT_4O, GPT_4O_MINI, HAIKU, LOCAL, type Model, PRO, SONNET } from './models.ts'
import { cumulate, hex, pickWeighted, type Rng, uuid } from './random.ts'

/** What the calls of one conversation have in common. */
export interface Session {
  /** The name the client gave it; null = it gave none. */
  readonly name: string | null
  readonly customer: Customer | null
  readonly user: string | null
  readonly agent: Agent | null
  readonly operation: string
  readonly environment: string
  readonly start: number
  readonly calls: number
  /** Mean wait between two calls, milliseconds. */
  readonly paceMs: number
  /** Where in the data set it reads its token sizes. */
  readonly row: number
  /** A call id that the client sends with every call; null = the gateway makes one. */
  readonly fixedCallId: string | null
  /** An agent that does not stop: its context grows with every call. */
  readonly runaway: boolean
}

/** No call of a session starts later than this after the session's start. */
export const SESSION_LIMIT_MS = 90 * 60_000

const UNATTRIBUTED_SHARE = 0.012
const UNNAMED_SHARE = 0.14
const STAGING_SHARE = 0.05
const AGENTLESS_SHARE = 0.08
const FIXED_ID_SHARE = 0.004

/** An ordinary conversation that starts at `start`. */
export function planSession(rng: Rng, company: Company, data: Dataset, start: number): Session {
  const known = !rng.chance(UNATTRIBUTED_SHARE)
  const customer = known ? (company.customers[pickWeighted(rng, company.customerWeights)] ?? null) : null
  const agent = company.agents[pickWeighted(rng, company.agentWeights)] ?? null
  const named = !rng.chance(UNNAMED_SHARE)
  return {
    name: named ? `chat-${hex(rng, 12)}` : null,
    customer,
    user: customer?.users[rng.below(customer.users.length)] ?? null,
    agent: rng.chance(AGENTLESS_SHARE) && agent?.name !== INDEXER ? null : agent,
    operation: agent?.operations[rng.below(agent.operations.length)] ?? 'chat',
    environment: rng.chance(STAGING_SHARE) ? 'staging' : 'production',
    start,
    calls: named ? 5 + Math.floor(36 * rng.unit() ** 2.3) : 1 + rng.below(3),
    paceMs: rng.between(12_000, 70_000),
    row: rng.below(data.size),
    fixedCallId: rng.chance(FIXED_ID_SHARE) ? `nightly-export-${uuid(rng).slice(0, 8)}` : null,
    runaway: false,
  }
}

/** An agent of a small customer that got into a loop; `scale` (0 … 1) makes it shorter when traffic is thin. */
export function planRunaway(rng: Rng, company: Company, start: number, scale: number): Session {
  const small = company.customers.filter((customer) => customer.tier === 'tier_1')
  const customer = small[rng.below(small.length)] ?? null
  const agent = company.agents.find((one) => one.name === 'research-scout') ?? null
  return {
    name: `chat-${hex(rng, 12)}`,
    customer,
    user: customer?.users[0] ?? null,
    agent,
    operation: agent?.operations[0] ?? 'chat',
    environment: 'production',
    start,
    calls: Math.round(rng.between(320, 700) * scale),
    paceMs: 6_500,
    row: 0,
    fixedCallId: null,
    runaway: true,
  }
}

type Mix = { readonly models: readonly Model[]; readonly weights: Float64Array }

function mix(...parts: readonly (readonly [Model, number])[]): Mix {
  return { models: parts.map(([model]) => model), weights: cumulate(parts.map(([, weight]) => weight)) }
}

/** Which models serve which class of question. */
const MIXES: Readonly<Record<string, Mix>> = {
  simple_lookup: mix([GPT_4O_MINI, 38], [FLASH, 30], [HAIKU, 20], [LOCAL, 9], [GPT_4O, 3]),
  cost_analysis: mix([GPT_4O, 30], [HAIKU, 24], [SONNET, 18], [PRO, 14], [FLASH, 14]),
  recommendation: mix([SONNET, 30], [PRO, 22], [GPT_4O, 22], [HAIKU, 26]),
  action: mix([HAIKU, 42], [GPT_4O_MINI, 34], [GPT_4O, 12], [FLASH, 12]),
}
const UNTAGGED = mix([GPT_4O_MINI, 40], [HAIKU, 25], [GPT_4O, 18], [ATLAS, 17])

const TYPE_WEIGHTS = new WeakMap<Agent, Float64Array>()

/** Class of question and model of the next call. */
export function pickQuestion(rng: Rng, session: Session): { readonly queryType: string | null; readonly model: Model } {
  const agent = session.agent
  if (session.runaway) return { queryType: 'recommendation', model: SONNET }
  if (agent?.name === INDEXER) return { queryType: null, model: EMBEDDING }
  const queryType = agent ? (agent.queryTypes[pickWeighted(rng, weightsOf(agent))]?.[0] ?? null) : null
  const choice = (queryType === null ? null : MIXES[queryType]) ?? UNTAGGED
  return { queryType, model: choice.models[pickWeighted(rng, choice.weights)] ?? GPT_4O_MINI }
}

function weightsOf(agent: Agent): Float64Array {
  let weights = TYPE_WEIGHTS.get(agent)
  if (!weights) {
    weights = cumulate(agent.queryTypes.map(([, weight]) => weight))
    TYPE_WEIGHTS.set(agent, weights)
  }
  return weights
}
