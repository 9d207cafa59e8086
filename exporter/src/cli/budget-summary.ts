import type { BudgetPolicy, Ladder, LimitedLadder, Policy } from '../policy/policy.ts'
import { dollarsText, percentText } from '../policy/units.ts'

/** What the policy says of limits, of what happens at them, and of models that take another's place. */
export function budgetSummary(policy: Policy): string[] {
  return [`budgets: ${limits(policy)}`, `thresholds: ${ladders(policy.budgets)}`, `models: ${models(policy)}`]
}

function limits({ tiers, budgets }: Policy): string {
  const { customers, agents, tenantDay, agent, unknownCustomers, global } = budgets
  const planned = Object.entries(tiers).flatMap(([name, { budget }]) =>
    budget === null ? [] : [`${name} ${dollarsText(budget)}`],
  )
  const { period } = budgets.customer
  return [
    planned.length === 0 ? 'no tier has one' : `a customer and ${period} ${planned.join(', ')}`,
    ...own(customers, 'customer'),
    ...(tenantDay ? [`a customer and day ${dollarsText(tenantDay.limit)}`] : []),
    agent ? `an agent and ${agent.period} ${dollarsText(agent.limit)}` : 'agents have none',
    ...own(agents, 'agent'),
    session(budgets),
    ...Object.entries(budgets.tiers).map(([name, one]) => `all of ${name} together ${amount(one)}`),
    ...(unknownCustomers ? [`all unknown customers together ${amount(unknownCustomers)}`] : []),
    ...global.map((one) => `everything together ${amount(one)}`),
  ].join('; ')
}

function own(limits: Readonly<Record<string, bigint>>, what: string): string[] {
  const n = Object.keys(limits).length
  return n === 0 ? [] : [`${n} ${what}${n === 1 ? ' has one of its own' : 's have one of their own'}`]
}

function session({ session: { limit, tokensPerMinute, calls } }: BudgetPolicy): string {
  const parts = [
    ...(limit === null ? [] : [dollarsText(limit)]),
    ...(tokensPerMinute === null ? [] : [`${tokensPerMinute} tokens a minute`]),
    ...(calls === null ? [] : [`${calls} calls`]),
  ]
  return parts.length === 0 ? 'sessions have none' : `a session ${parts.join(', ')}`
}

function amount({ limit, period }: LimitedLadder): string {
  return `${dollarsText(limit)} a ${period}`
}

function ladders({ customer, agent, spend, onUnreachable }: BudgetPolicy): string {
  return [
    `customers ${ladder(customer)}`,
    ...(agent ? [`agents ${ladder(agent)}`] : []),
    `${spend.length} of spend`,
    `calls without a decision are ${onUnreachable === 'allow' ? 'let through' : 'refused'}`,
  ].join('; ')
}

function ladder({ thresholds, grace }: Ladder): string {
  const steps = thresholds.map(({ at, do: action }) => `${percentText(at)} ${action}`).join(', ')
  return `${steps || 'none'}${grace === 0 || steps === '' ? '' : `, with ${percentText(grace)} grace`}`
}

function models({ degrade, routes }: Policy): string {
  const cheaper = degrade.map(({ from, to }) => `${from} → ${to}`).join(', ')
  const routed = Object.entries(routes?.byQueryType ?? {}).map(([type, { model }]) => `${type} → ${model}`)
  return [
    cheaper === '' ? 'none has a cheaper one' : `cheaper ${cheaper}`,
    routes === null ? 'no routes' : `auto: ${[...routed, `else ${routes.otherwise.model}`].join(', ')}`,
  ].join('; ')
}
