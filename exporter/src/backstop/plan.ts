import { usd } from '@marginwatch/pricing'
import type { Nano } from '../usage.ts'
import { type Fate, fateOf, isDue, NEVER, settlingOf } from './fate.ts'
import type { Found, FoundBudget, FoundCustomer } from './found.ts'
import { isOurs, SETTLING, unlimitedBudget } from './names.ts'
import type { ChangeBudget, Plan, Step } from './step.ts'
import type { Wanted } from './wanted.ts'

export interface PlanInput {
  readonly wanted: Wanted
  readonly found: Found
}

const MINUTE = 60_000
const DAY = 86_400_000
/** So near the end of a period LiteLLM's clock may have passed it already. */
const CLOCKS_DIFFER = 15 * MINUTE
/** So many customers are told of a change one by one, wherever they stand. */
const FEW = 100
/** LiteLLM looks every ten minutes by default. */
const LATE = 30 * MINUTE

/**
 * What has to be written so that LiteLLM's budgets are as wanted. Only budgets of ours are touched, and only customers that have
 * one, have none, or are named by the policy. Pure; a plan for what an executed plan leaves is empty but for customers
 * that wait for LiteLLM.
 */
export function planBackstop({ wanted, found }: PlanInput): Plan {
  const customers = [...found.customers.values()]
    .map((customer) => ({ customer, fate: fateOf(customer, wanted, found) }))
    .sort(nearestFirst)
  const situation: Situation = { wanted, found, customers, kept: new Set(wanted.budgets.keys()) }
  keepOccupied(situation)
  const missing = missingCustomers(situation)
  const settled = settlingSteps(situation)
  const budgets = [...wantedBudgets(situation), ...settled.before]
  const removed = removals(situation)
  const nearNow = whoIsNear([...budgets, ...removed.lifted], situation)
  const links = customers.flatMap((one) => linkOf(one, situation) ?? (nearNow(one) ? again(one) : []))
  return {
    steps: [
      ...budgets.filter(({ kind }) => kind === 'create_budget'),
      ...budgets.filter(({ kind }) => kind === 'change_budget'),
      ...removed.lifted,
      ...links,
      ...(found.cut ? [] : missing),
      ...settled.after,
      ...removed.deleted,
    ],
    leftAlone: customers.filter(({ fate }) => fate.kind === 'left alone').map(({ customer }) => customer.id),
    waiting: customers.filter(({ fate }) => fate.kind === 'waits').length + (found.cut ? missing.length : 0),
    late: [...found.budgets.values()].filter((budget) => isLate(budget, found.at)).length,
  }
}

interface Placed {
  readonly customer: FoundCustomer
  readonly fate: Fate
}

interface Situation {
  readonly wanted: Wanted
  readonly found: Found
  /** Who has spent most first: its limit is the nearest, and a change matters to it at once. */
  readonly customers: readonly Placed[]
  /** Budgets of ours that there should be afterwards. */
  readonly kept: Set<string>
}

function nearestFirst(a: Placed, b: Placed): number {
  const [left, right] = [a.customer.spend ?? 0n, b.customer.spend ?? 0n]
  return left < right ? 1 : left > right ? -1 : 0
}

/** Budgets that no tier or customer wants, but that somebody is in or on the way to. */
function keepOccupied({ wanted, customers, kept }: Situation): void {
  for (const { customer, fate } of customers) {
    if (fate.kind === 'settles') kept.add(SETTLING)
    if (fate.kind === 'waits' && customer.budgetId !== null && isOurs(customer.budgetId)) kept.add(customer.budgetId)
  }
  // There from the start, so that its periods begin with those of the others.
  if (wanted.period !== null && wanted.budgets.size > 0) kept.add(unlimitedBudget(wanted.period.duration))
}

/** Null where nothing changes; who is freed of a budget that goes away needs no other. */
function linkOf({ customer, fate }: Placed, { wanted, kept }: Situation): Step[] | null {
  const { id, budgetId: from } = customer
  const link = (budget: string): Step[] => [{ kind: 'link_customer', customer: id, budget, from }]
  if (fate.kind === 'moves') return link(fate.to)
  if (fate.kind === 'settles') return link(SETTLING)
  if (fate.kind !== 'freed' || wanted.period === null) return null
  const unlimited = unlimitedBudget(wanted.period.duration)
  return from !== null && from !== unlimited && kept.has(from) ? link(unlimited) : null
}

function missingCustomers({ wanted, found }: Situation): Step[] {
  const { nameOf = (id: string) => id } = found
  const there = new Set([...found.customers.keys()].map(nameOf))
  return [...wanted.customers].flatMap(([name, { budget }]): Step[] =>
    budget === null || there.has(name) || !isWhole(name) ? [] : [{ kind: 'create_customer', customer: name, budget }],
  )
}

/** False for a name that stands for one that may not be shown, or is too long: LiteLLM knows that by another. */
function isWhole(name: string): boolean {
  return !name.startsWith('hash:') && !/^.{119}~[0-9a-f]{8}$/s.test(name)
}

function wantedBudgets({ wanted, found, kept }: Situation): Step[] {
  if (wanted.period === null) return []
  const { duration, end } = wanted.period
  const unlimited = unlimitedBudget(duration)
  const rows = [...wanted.budgets.values(), ...(kept.has(unlimited) ? [{ id: unlimited, limit: null }] : [])]
  return rows.flatMap(({ id, limit }): Step[] => {
    const budget = found.budgets.get(id)
    if (budget === undefined) return [{ kind: 'create_budget', id, limit, duration, resetAt: end }]
    const change: ChangeBudget = {
      kind: 'change_budget',
      id,
      ...(sameLimit(budget.limit, limit) ? {} : { limit }),
      ...(budget.duration === duration ? {} : { duration }),
      ...(budget.duration === duration && endsRightly(budget, end, found.at) ? {} : { resetAt: end }),
    }
    return Object.keys(change).length === 2 ? [] : [change]
  })
}

/** LiteLLM keeps limits as binary floats. */
function sameLimit(a: Nano | null, b: Nano | null): boolean {
  return a === null || b === null ? a === b : Number(usd(a)) === Number(usd(b))
}

/** True also for one whose end has come: LiteLLM is about to begin the next period, and must not be kept from it. */
function endsRightly(budget: FoundBudget, end: number, at: number): boolean {
  return isDue(budget, at) || budget.resetsAt === end || end - at < CLOCKS_DIFFER
}

function settlingSteps({ found, customers }: Situation): { before: Step[]; after: Step[] } {
  const settling = settlingOf(found)
  const joining = customers.some(({ fate }) => fate.kind === 'settles')
  const gathered = settling === 'gathering' && customers.some((one) => isIn(one, SETTLING) && one.fate.kind === 'waits')
  if (!joining && !gathered) return { before: [], after: [] }
  const before: Step[] =
    settling === 'absent'
      ? [{ kind: 'create_budget', id: SETTLING, limit: null, duration: '1d', resetAt: NEVER }]
      : settling === 'done'
        ? [{ kind: 'change_budget', id: SETTLING, resetAt: NEVER }]
        : []
  return { before, after: [{ kind: 'reset_spend', id: SETTLING, resetAt: found.at - DAY }] }
}

function isIn({ customer }: Placed, budget: string): boolean {
  return customer.budgetId === budget
}

/** Budgets of ours that nobody wants: their limit is taken from who is still in them, then they are deleted. */
function removals({ found, customers, kept }: Situation): { lifted: Step[]; deleted: Step[] } {
  const unwanted = [...found.budgets.values()].filter(({ id }) => isOurs(id) && !kept.has(id))
  const occupied = new Set(
    customers.filter(({ fate }) => fate.kind === 'freed').map(({ customer }) => customer.budgetId),
  )
  const lifted = unwanted.filter(({ id, limit }) => limit !== null && (found.cut || occupied.has(id)))
  return {
    lifted: lifted.map(({ id }) => ({ kind: 'change_budget', id, limit: null })),
    // Of customers that were not read, nobody knows which are in it.
    deleted: found.cut ? [] : unwanted.map(({ id }) => ({ kind: 'delete_budget', id })),
  }
}

/**
 * LiteLLM remembers a budget with its customer for up to a minute: who may be near the limit, old or new, must not wait for it.
 * Where a budget has few customers that is all of them, since what they spent a moment ago is not in LiteLLM's lists yet.
 */
function whoIsNear(changes: readonly Step[], { found, customers }: Situation): (one: Placed) => boolean {
  const limits = new Map<string, Nano | null>()
  for (const step of changes)
    if (step.kind === 'change_budget' && step.limit !== undefined)
      limits.set(step.id, smaller(step.limit, found.budgets.get(step.id)?.limit ?? null))
  const sizes = new Map<string, number>()
  for (const { customer } of customers)
    if (customer.budgetId !== null) sizes.set(customer.budgetId, (sizes.get(customer.budgetId) ?? 0) + 1)
  return ({ customer, fate }) => {
    const id = customer.budgetId ?? ''
    if (!limits.has(id) || (fate.kind !== 'stays' && fate.kind !== 'freed')) return false
    return (sizes.get(id) ?? 0) <= FEW || isNear(customer, limits.get(id) ?? null)
  }
}

function again({ customer: { id, budgetId } }: Placed): Step[] {
  return budgetId === null ? [] : [{ kind: 'link_customer', customer: id, budget: budgetId, from: budgetId }]
}

function smaller(a: Nano | null, b: Nano | null): Nano | null {
  return a === null || b === null ? (a ?? b) : a < b ? a : b
}

function isNear({ spend }: FoundCustomer, limit: Nano | null): boolean {
  return limit !== null && (spend === null || spend * 4n >= limit)
}

function isLate({ id, duration, resetsAt }: FoundBudget, at: number): boolean {
  return isOurs(id) && duration !== null && id !== SETTLING && resetsAt !== null && resetsAt < at - LATE
}
