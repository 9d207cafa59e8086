import { OTHERWISE } from './budgets.ts'
import { byName } from './by-name.ts'
import type {
  BudgetPolicy,
  DegradeRule,
  Ladder,
  LimitedLadder,
  Route,
  RoutePolicy,
  SessionBudget,
  Severity,
  SpendPeriod,
  SpendThreshold,
  Threshold,
  ThresholdAction,
} from './policy.ts'
import type { PolicyValues } from './schema.ts'

type Values = PolicyValues['budgets']

/** The block `budgets`, checked → the policy's budgets. */
export function budgetPolicy(values: Values): BudgetPolicy {
  const { tenant_day, agent, backstop } = values
  const own = ({ limit_usd }: { readonly limit_usd: bigint }) => limit_usd
  return {
    customer: ladder(values.customer),
    customers: byName(values.customers, own),
    tenantDay: tenant_day ? limited({ ...tenant_day, period: 'day' }) : null,
    agent: agent ? limited(agent) : null,
    agents: byName(values.agents, own),
    session: session(values.session),
    tiers: byName(values.tiers, limited),
    global: values.total.map(limited),
    unknownCustomers: values.unknown_customers ? limited(values.unknown_customers) : null,
    spend: values.spend.map(spend),
    cooldownMs: values.cooldown,
    onUnreachable: values.on_unreachable,
    unpriced: values.unpriced,
    unsettled: values.unsettled,
    undegradable: values.undegradable,
    holdAllowanceMs: values.hold_allowance,
    minOutputTokens: values.min_output_tokens,
    clientFallbacks: values.client_fallbacks === 'keep',
    backstop: backstop ? { above: backstop.above, everyMs: backstop.every } : null,
    messages: values.messages,
  }
}

/** The block `degrade`, checked → the policy's map, in the file's order. */
export function degradeRules(values: PolicyValues['degrade']): DegradeRule[] {
  return Object.entries(values).map(([from, to]) => ({ from, to }))
}

/** The block `routes`, checked → the policy's routes. */
export function routePolicy(values: NonNullable<PolicyValues['routes']>): RoutePolicy | null {
  const { [OTHERWISE]: otherwise, ...byQueryType } = values
  return otherwise ? { byQueryType: byName(byQueryType, route), otherwise: route(otherwise) } : null
}

function route({ model, expect_usd }: NonNullable<PolicyValues['routes']>[string]): Route {
  const [least, most] = expect_usd ?? []
  return { model, expected: least === undefined || most === undefined ? null : [least, most] }
}

function ladder({ period, thresholds, grace, carry_over }: Values['customer']): Ladder {
  return { period, thresholds: thresholds.map(threshold), grace, carryOver: carry_over }
}

function limited(values: Values['tiers'][string]): LimitedLadder {
  return { limit: values.limit_usd, ...ladder(values) }
}

const SEVERITY: Readonly<Record<ThresholdAction, Severity>> = {
  log: 'info',
  notify: 'warning',
  degrade: 'warning',
  block: 'critical',
  pause: 'critical',
}

function threshold(values: Values['customer']['thresholds'][number]): Threshold {
  return { at: values.at, do: values.do, severity: values.severity ?? SEVERITY[values.do], channels: values.channels }
}

function session(values: Values['session']): SessionBudget {
  if (values === null) return { limit: null, warn: null, tokensPerMinute: null, calls: null }
  const { limit_usd, warn_usd, tokens_per_minute, calls } = values
  return { limit: limit_usd, warn: warn_usd, tokensPerMinute: tokens_per_minute, calls }
}

const EXCEEDED = 'threshold exceeded: {cost} > {threshold}'
const MESSAGE: Readonly<Record<SpendPeriod, string>> = {
  day: `Daily cost ${EXCEEDED}`,
  week: `Weekly cost ${EXCEEDED}`,
  month: `Monthly cost ${EXCEEDED}`,
  conversation: `Conversation cost ${EXCEEDED}`,
  'tenant-day': 'Daily cost threshold of {subject} exceeded: {cost} > {threshold}',
}

function spend(values: Values['spend'][number]): SpendThreshold {
  return { ...values, message: values.message ?? MESSAGE[values.period] }
}
