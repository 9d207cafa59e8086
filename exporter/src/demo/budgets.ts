import { CAST, rushCost } from '@marginwatch/sandbox'
import type { Calendar } from '../calendar.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { BudgetPolicy, Policy } from '../policy/policy.ts'
import type { Action, Nano } from '../usage.ts'

/** What was spent in the running month, by name. */
export interface Spent {
  readonly customers: ReadonlyMap<string, Nano>
  readonly agents: ReadonlyMap<string, Nano>
  /** By customer, as their calls named it last. */
  readonly tiers: ReadonlyMap<string, string>
}

/** Far beyond what anybody spends here. */
const AMPLE = 1_000_000_000_000n

/**
 * The budgets of the demonstration: ladders as they are meant for everybody, with limits where somebody of the cast comes to
 * each threshold within a minute, whatever the day of the month. All that would get in between has no limit.
 */
export function demoBudgets(base: BudgetPolicy, spent: Spent, tiers: Policy['tiers']): BudgetPolicy {
  return Object.freeze({
    ...base,
    customer: Object.freeze({ period: 'month', thresholds: CUSTOMER, grace: 0, carryOver: 0 }),
    customers: named({ ...roomy(spent, tiers), ...customerLimits(spent) }),
    tenantDay: null,
    agent: Object.freeze({ limit: AMPLE, period: 'month', thresholds: AGENT, grace: AGENT_GRACE, carryOver: 0 }),
    agents: named(agentLimits(spent)),
    session: Object.freeze({ limit: 500_000_000n, warn: 300_000_000n, tokensPerMinute: 50_000, calls: 100 }),
    tiers: named({}),
    global: Object.freeze([]),
    unknownCustomers: null,
    onUnreachable: 'allow',
    unpriced: 'allow',
    undegradable: 'allow',
    // The stand-in has no budgets of its own.
    backstop: null,
  } satisfies BudgetPolicy)
}

const WARN = 8_000
const DEGRADE = 9_500
const BLOCK = 10_000
const AGENT_GRACE = 1_000

const CUSTOMER = Object.freeze([
  { at: 5_000, do: 'log', severity: 'info', channels: [] },
  { at: WARN, do: 'notify', severity: 'warning', channels: ['slack', 'email'] },
  { at: DEGRADE, do: 'degrade', severity: 'warning', channels: [] },
  { at: BLOCK, do: 'block', severity: 'critical', channels: [] },
] as const)
const AGENT = Object.freeze([
  { at: 5_000, do: 'log', severity: 'info', channels: [] },
  { at: 7_500, do: 'log', severity: 'info', channels: [] },
  { at: 9_000, do: 'notify', severity: 'warning', channels: ['slack', 'email'] },
  { at: BLOCK, do: 'pause', severity: 'critical', channels: ['slack', 'pagerduty', 'email'] },
] as const)

/** Calls of a rush after which each comes to its threshold: early in it, so that it passes, and the warned one late, so that it stays. */
const CALLS_TO = { warn: 27n, degrade: 20n, block: 5n, pause: 12n }
/** A limit below this is used up while a hundredth of it is less than any call costs: nobody would see the last of it spent. */
const LEAST = 350_000_000n

/** The history was not held to any limit: who is past a plan's there has more, so that only the cast comes near one. */
function roomy({ customers, tiers: tierOf }: Spent, tiers: Policy['tiers']): Record<string, Nano> {
  const limits: Record<string, Nano> = {}
  for (const [customer, spent] of customers) {
    const budget = tiers[tierOf.get(customer) ?? '']?.budget ?? null
    if (budget !== null && spent * 10n >= budget * 4n) limits[customer] = limitFor(spent, 4_000)
  }
  return limits
}

function customerLimits({ customers }: Spent): Record<string, Nano> {
  const { warned, degraded, blocked, paused, runaway } = CAST
  const after = (calls: bigint, role: typeof warned | typeof degraded | typeof blocked) =>
    (customers.get(role.customer) ?? 0n) + calls * rushCost(role)
  return {
    [warned.customer]: limitFor(after(CALLS_TO.warn, warned), WARN),
    [degraded.customer]: limitFor(after(CALLS_TO.degrade, degraded), DEGRADE),
    [blocked.customer]: most(LEAST, after(CALLS_TO.block, blocked)),
    // Their agents stop for other reasons.
    [paused.customer]: AMPLE,
    [runaway.customer]: AMPLE,
  }
}

function agentLimits({ agents }: Spent): Record<string, Nano> {
  const { agent } = CAST.paused
  const reached = (agents.get(agent) ?? 0n) + CALLS_TO.pause * rushCost(CAST.paused)
  return { [agent]: limitFor(most(LEAST, reached), BLOCK + AGENT_GRACE) }
}

function most(a: Nano, b: Nano): Nano {
  return a > b ? a : b
}

/** The limit of which `amount` is the share `at`. */
function limitFor(amount: Nano, at: number): Nano {
  return (amount * 10_000n) / BigInt(at)
}

function named<T>(values: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.freeze(Object.assign(Object.create(null) as Record<string, T>, values))
}

/** What the ledger has of the running month, corrections included. */
export async function spentThisMonth(ledger: Ledger, calendar: Calendar, now: number): Promise<Spent> {
  const from = calendar.monthOf(calendar.day(now))
  const customers = await ledger.query('customers', { from, to: calendar.nextMonth(from), limit: EVERYBODY })
  const { state: agents } = await ledger.snapshot((rows) =>
    rows(
      `SELECT n.agent, sum(e.cost)::BIGINT AS cost FROM event e JOIN name_set n ON n.id = e.names
       WHERE e.day >= $from AND n.agent <> '' GROUP BY n.agent`,
      { from },
    ),
  )
  return {
    customers: new Map(customers.map(({ customer, cost }) => [String(customer), BigInt(String(cost ?? 0))])),
    tiers: new Map(customers.map(({ customer, tier }) => [String(customer), String(tier ?? '')])),
    agents: new Map(agents.map(({ agent, cost }) => [String(agent), BigInt(String(cost ?? 0))])),
  }
}

const EVERYBODY = 1_000_000

/** Lets the agent that was paused in an earlier demonstration work again, so that this one can show it. */
export function resumed(now: number): Action {
  return {
    kind: 'action',
    version: 1,
    key: `demo:unpause:${now}`,
    subject: `agent:${CAST.paused.agent}`,
    action: 'unpause',
    by: 'demonstration',
    reason: 'The demonstration begins anew.',
    at: now,
    details: {},
  }
}
