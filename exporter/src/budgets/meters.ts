import type { Calendar } from '../calendar.ts'
import type { Nano, Scope } from '../usage.ts'
import type { Agents } from './agents.ts'
import type { AskedBy, Meter } from './ask.ts'
import type { CompiledBudgets } from './compiled.ts'
import type { Budget } from './ladder.ts'
import { addTo, emptySums, PERIODS, periodAfter, periodBefore, periodOf, type Sums, spentIn } from './sums.ts'
import { createSessions, type Sessions, type SessionState } from './sessions.ts'

/** Something that was spent, or taken back. */
export interface Spent {
  readonly customer: string
  readonly tier: string | null
  readonly agent: string | null
  readonly session: string | null
  /** Start of the call, epoch milliseconds. */
  readonly start: number
  readonly cost: Nano
  /** Calls that were let through: 1, 0, or −1 where one is taken back. */
  readonly calls: number
}

/** For whom a budget is looked up. */
export type Payer = Pick<AskedBy, 'customer' | 'tier' | 'agent' | 'session'>

/** What was spent, by everything that has a budget. */
export interface Meters {
  readonly sessions: Sessions
  /** Forgets sessions that would begin anew, and strangers that were not here since yesterday. */
  sweep(now: number): void
  /** True when a threshold may have been reached by it. */
  add(spent: Spent): boolean
  /** The meters of a payer were looked at on a day: `next` says what must be spent of each for something more to happen. */
  looked(payer: Payer, at: number, next: (meter: Meter) => Nano | null): void
  /** Adds a sum to a customer, its tier and everything, or to an agent alone. */
  load(sum: LoadedSum): void
  /** Each budget that a call of the payer counts against on a day, nearest to the caller first. */
  of(payer: Payer, at: number): Meter[]
  spent(meter: Meter): Nano
  /** The budget of an agent has changed: what was looked up of it is no longer true. */
  stir(agent: string): void
  /** Customers that the policy knows, with the tier that their calls named last. */
  customers(): Iterable<readonly [customer: string, tier: string | null]>
  /** Everybody who has spent something lately. */
  payers(): Iterable<Payer>
  /** How many they are. */
  readonly size: number
}

export type LoadedSum =
  | { readonly customer: string; readonly tier: string | null; readonly day: number; readonly cost: Nano }
  | { readonly agent: string; readonly day: number; readonly cost: Nano }

interface Customer {
  readonly sums: Sums
  tier: string | null
  /** Has a tier or a limit in the policy. */
  known: boolean
}

/** Names come from clients: of customers that nobody knows no more are told apart, and no more of their sessions. */
const MOST_UNKNOWN = 10_000

export function createMeters(budgets: CompiledBudgets, calendar: Calendar, agents: Agents): Meters {
  const everything = emptySums()
  const unknown = emptySums()
  const tiers = new Map<string, Sums>()
  const customers = new Map<string, Customer>()
  const byAgent = new Map<string, Sums>()
  const sessions = createSessions()
  const bounds = createBounds(calendar)
  let strangers = 0

  const addPayer = (customer: string, tier: string | null, day: number, cost: Nano): boolean => {
    // What has no budget needs no sum.
    let look = budgets.global.length > 0 && addTo(everything, calendar, day, cost)
    if (tier !== null && budgets.tier(tier) !== null) look = addTo(sumsIn(tiers, tier), calendar, day, cost) || look
    if (budgets.unknownCustomers !== null && !budgets.knows(customer, tier))
      look = addTo(unknown, calendar, day, cost) || look
    const own = ownSums(customer, tier)
    if (own === null) return look
    if (tier !== null && tier !== own.tier) {
      own.tier = tier
      look = true
    }
    return addTo(own.sums, calendar, day, cost) || look
  }
  const ownSums = (customer: string, tier: string | null): Customer | null => {
    const known = budgets.knows(customer, tier)
    const found = customers.get(customer)
    if (found) {
      if (known && !found.known) {
        found.known = true
        strangers--
      }
      return found
    }
    if (!known && ++strangers > MOST_UNKNOWN) {
      strangers--
      return null
    }
    const made: Customer = { sums: emptySums(), tier, known }
    customers.set(customer, made)
    return made
  }
  // No more sessions of customers that nobody knows are told apart than those customers are.
  const sessionAt = ({ customer, tier, session }: Omit<Payer, 'agent'>, start: number): SessionState | null => {
    if (session === null) return null
    const crowded = sessions.size >= MOST_UNKNOWN && !budgets.knows(customer, tier)
    return crowded && !sessions.get(customer, session, start) ? null : sessions.at(customer, session, start)
  }
  const meter = (budget: Budget, subject: string, day: number): Meter => {
    if (budget.period === 'session') throw new RangeError('a session has a meter of its own')
    const first = periodOf(calendar, budget.period, day)
    const { start, end } = bounds(budget.period, first)
    return { budget, subject, key: meterKey(budget, subject, first), start, end }
  }
  const customerMeters = ({ customer, tier }: Payer, day: number): Meter[] => {
    const sums = customers.get(customer)?.sums
    const { period } = budgets.policy.budgets.customer
    const before = periodBefore(calendar, period, periodOf(calendar, period, day))
    const budget = budgets.customer(customer, tier, (limit) => {
      const spent = spentIn(sums, calendar, period, before)
      // Who spent nothing was probably not there yet.
      return spent <= 0n || spent >= limit ? 0n : limit - spent
    })
    const daily = budgets.tenantDay.map((one) => meter(one, customer, day))
    return budget ? [...daily, meter(budget, customer, day)] : daily
  }
  const agentMeter = (agent: string, day: number): Meter[] => {
    const budget = budgets.agent(agent, agents.get(agent).limit)
    return budget ? [meter(budget, agent, day)] : []
  }
  return {
    sessions,
    get size() {
      return customers.size + byAgent.size + sessions.size
    },
    sweep(now) {
      sessions.sweep(now)
      const yesterday = calendar.day(now) - 1
      for (const [customer, { known, sums }] of customers) {
        if (known || sums.day.start >= yesterday) continue
        customers.delete(customer)
        strangers--
      }
    },
    add({ customer, tier, agent, session, start, cost, calls }) {
      const day = calendar.day(start)
      let look = addPayer(customer, tier, day, cost)
      if (agent !== null) look = addTo(sumsIn(byAgent, agent), calendar, day, cost) || look
      const state = session === null ? null : sessionAt({ customer, tier, session }, start)
      if (state === null) return look
      state.spent += cost
      state.calls += calls
      state.tier = tier ?? state.tier
      state.agent = agent ?? state.agent
      return look || state.next === undefined || (state.next !== null && state.spent >= state.next)
    },
    looked({ customer, tier, agent, session }, at, next) {
      const day = calendar.day(at)
      const touched = [everything, customers.get(customer)?.sums]
      if (!budgets.knows(customer, tier)) touched.push(unknown)
      if (tier !== null) touched.push(tiers.get(tier))
      if (agent !== null) touched.push(byAgent.get(agent))
      const lowest = new Map<object, Nano | null>()
      const lower = (one: { next: Nano | null | undefined } | undefined, amount: Nano | null) => {
        if (!one) return
        const known = lowest.get(one)
        lowest.set(one, known == null || (amount !== null && amount < known) ? amount : known)
      }
      // A late call says nothing of the periods after its own.
      for (const sums of touched)
        for (const period of PERIODS)
          if (sums?.[period].start === periodOf(calendar, period, day)) lower(sums[period], null)
      const state = session === null ? undefined : sessions.get(customer, session, at)
      lower(state, null)
      for (const meter of this.of({ customer, tier, agent, session }, at)) {
        const { scope, period } = meter.budget
        if (period === 'session') lower(state, next(meter))
        else {
          const running = sumsOf(scope, meter.subject)?.[period]
          if (running?.start === periodOf(calendar, period, day)) lower(running, next(meter))
        }
      }
      for (const [one, amount] of lowest) (one as { next: Nano | null | undefined }).next = amount
      // The next call may name the plan again that this one did not.
      const own = customers.get(customer)
      if (own && own.tier !== tier) for (const period of PERIODS) own.sums[period].next = undefined
    },
    load(sum) {
      if ('agent' in sum) addTo(sumsIn(byAgent, sum.agent), calendar, sum.day, sum.cost)
      else addPayer(sum.customer, sum.tier, sum.day, sum.cost)
    },
    of(payer, at) {
      const day = calendar.day(at)
      const { customer, tier, agent } = payer
      const byTier = tier === null ? null : budgets.tier(tier)
      return [
        ...sessionMeters(budgets, payer, { sessions, at }),
        ...(agent === null ? [] : agentMeter(agent, day)),
        ...customerMeters(payer, day),
        ...(budgets.unknownCustomers !== null && !budgets.knows(customer, tier)
          ? [meter(budgets.unknownCustomers, '', day)]
          : []),
        ...(byTier && tier !== null ? [meter(byTier, tier, day)] : []),
        ...budgets.global.map((budget) => meter(budget, '', day)),
      ]
    },
    spent({ budget, subject, start }) {
      const { scope, period } = budget
      if (period === 'session') return sessions.get(...sessionOf(subject), start)?.spent ?? 0n
      const first = calendar.day(start)
      const spent = spentIn(sumsOf(scope, subject), calendar, period, first)
      if (scope !== 'agent') return spent
      const { forgiven } = agents.get(subject)
      return forgiven?.periodStart === start ? spent - forgiven.amount : spent
    },
    stir(agent) {
      const sums = byAgent.get(agent)
      for (const period of PERIODS) if (sums) sums[period].next = undefined
    },
    *customers() {
      for (const [customer, { tier, known }] of customers) if (known) yield [customer, tier]
    },
    *payers() {
      for (const [customer, { tier }] of customers) yield { customer, tier, agent: null, session: null }
      for (const agent of byAgent.keys()) yield { customer: '', tier: null, agent, session: null }
      for (const { customer, session, tier } of sessions.all()) yield { customer, tier, agent: null, session }
    },
  }

  function sumsOf(scope: Scope, subject: string): Sums | undefined {
    switch (scope) {
      case 'global':
        return everything
      case 'unknown_customers':
        return unknown
      case 'tier':
        return tiers.get(subject)
      case 'agent':
        return byAgent.get(subject)
      default:
        return customers.get(subject)?.sums
    }
  }
}

function sumsIn(map: Map<string, Sums>, name: string): Sums {
  let sums = map.get(name)
  if (!sums) {
    sums = emptySums()
    map.set(name, sums)
  }
  return sums
}

const SEPARATOR = '\u001f'

/** Without the limit: what is held under one that is raised is held under the next. */
function meterKey({ scope, period }: Budget, subject: string, start: number): string {
  return [scope, subject, period, start].join(SEPARATOR)
}

/** How a session is named where one name must do. */
export function sessionSubject({ customer, session }: Pick<SessionState, 'customer' | 'session'>): string {
  return `${customer}${SEPARATOR}${session}`
}

function sessionOf(subject: string): [customer: string, session: string] {
  const cut = subject.indexOf(SEPARATOR)
  return [subject.slice(0, cut), subject.slice(cut + 1)]
}

function sessionMeters(
  budgets: CompiledBudgets,
  { customer, session }: Payer,
  { sessions, at }: { sessions: Sessions; at: number },
): Meter[] {
  if (session === null) return []
  const own = budgets.session ? [budgets.session, ...budgets.conversation] : budgets.conversation
  const start = sessions.get(customer, session, at)?.first ?? at
  const subject = sessionSubject({ customer, session })
  return own.map((budget) => ({ budget, subject, key: meterKey(budget, subject, 0), start, end: null }))
}

/** First moment of a period and of the one after it; there are few periods and many calls. */
function createBounds(calendar: Calendar) {
  const known = new Map<string, { start: number; end: number }>()
  return (period: 'day' | 'week' | 'month', first: number) => {
    const key = `${period}${first}`
    let found = known.get(key)
    if (!found) {
      if (known.size > 100) known.clear()
      found = { start: calendar.dayStart(first), end: calendar.dayStart(periodAfter(calendar, period, first)) }
      known.set(key, found)
    }
    return found
  }
}
