import type { Calendar } from '../calendar.ts'
import type { Nano, Scope } from '../usage.ts'
import type { Meter } from './ask.ts'
import type { Engine } from './engine.ts'
import type { Budget } from './ladder.ts'
import { shown } from './reached.ts'

/** A budget as the views show it. */
export interface BudgetNumber {
  readonly scope: Scope
  readonly period: Budget['period']
  readonly customer: string | null
  readonly agent: string | null
  readonly tier: string | null
  readonly subject: string
  readonly limit: Nano
  readonly spent: Nano
  readonly held: Nano
  /** Spent at the end of the period, if it goes on as lately; null when that cannot be said yet. */
  readonly forecast: Nano | null
  readonly resetAt: number | null
  /** The highest threshold that what is spent has reached, hundredths of a percent; 0 = none. */
  readonly threshold: number
  /** What is done with its calls now; null = they go on as asked. */
  readonly doing: 'degrade' | 'block' | 'pause' | null
  /** What is done at the next threshold, and from where on; null past the last. */
  readonly next: { readonly do: string; readonly amount: Nano } | null
}

export interface Shown {
  readonly budgets: readonly BudgetNumber[]
  /** Past their first notifying threshold too, but beyond the number that is shown. */
  readonly leftOut: number
}

const MOST = 2_000

/** So many payers are looked at in a turn of the event loop: less than a millisecond. */
const TURN = 40

/**
 * The budgets that are worth a look: of everything, of tiers, agents and unknown customers all, of customers and their days
 * and sessions those past their first notifying threshold; nearest to the limit first.
 */
export function budgetNumbers(engine: Engine, calendar: Calendar, now: number): Shown {
  const looking = look(engine, calendar, now)
  for (;;) {
    const { done, value } = looking.next()
    if (done) return value
  }
}

const NOTHING: Shown = { budgets: [], leftOut: 0 }
/** So many payers are looked at whenever somebody asks: some ten milliseconds. */
const FEW = 1_000
/** More are looked at for no more than a fifth of the time. */
const REST = 4n

export interface NumbersDeps {
  readonly engine: Engine
  readonly calendar: Calendar
  readonly now: () => number
  /** A clock that nobody sets, nanoseconds. */
  readonly ticks: () => bigint
}

export interface Numbers {
  /** As of now for up to a thousand payers, of more as last refreshed; nothing until the ledger was read. */
  read(): Shown
  /** Looks at all budgets again where the payers are many, in turns with everything else, unless it has only just done so. */
  refresh(): Promise<void>
}

export function createNumbers({ engine, calendar, now, ticks }: NumbersDeps): Numbers {
  let last = NOTHING
  let restsUntil: bigint | null = null
  const areFew = () => engine.fold().meters.size <= FEW
  return {
    read() {
      if (!engine.ready()) return NOTHING
      if (areFew()) last = budgetNumbers(engine, calendar, now())
      return last
    },
    async refresh() {
      const began = ticks()
      if (!engine.ready() || areFew() || (restsUntil !== null && began < restsUntil)) return
      last = await budgetNumbersInTurns(engine, calendar, now())
      const ended = ticks()
      restsUntil = ended + REST * (ended - began)
    },
  }
}

/** The same, while others have their turns: of very many payers it takes seconds, and they go on spending meanwhile. */
export async function budgetNumbersInTurns(engine: Engine, calendar: Calendar, now: number): Promise<Shown> {
  const looking = look(engine, calendar, now)
  for (;;) {
    const { done, value } = looking.next()
    if (done) return value
    await new Promise(setImmediate)
  }
}

function* look(engine: Engine, calendar: Calendar, now: number): Generator<void, Shown, void> {
  const found = new Map<string, BudgetNumber>()
  const { meters } = engine.fold()
  let looked = 0
  for (const payer of meters.payers()) {
    if (++looked % TURN === 0) yield
    for (const meter of meters.of(payer, now)) {
      if (found.has(meter.key) || !isWhole(meter) || (payer.session !== null) !== (meter.budget.scope === 'session'))
        continue
      const spent = meters.spent(meter)
      if (!isAlways(meter.budget.scope) && !isPastNotice(meter.budget, spent)) continue
      found.set(meter.key, numberOf(engine, meter, { calendar, now, tier: payer.tier }))
    }
  }
  const all = [...found.values()].sort((a, b) => share(b) - share(a) || (a.subject < b.subject ? -1 : 1))
  return { budgets: all.slice(0, MOST), leftOut: Math.max(0, all.length - MOST) }
}

/** Spend thresholds are told of when they are reached; they are no budgets. */
function isWhole({ budget }: Meter): boolean {
  return budget.rungs.some(({ name, do: what }) => name === '' || what !== 'notify')
}

function isAlways(scope: Scope): boolean {
  return scope === 'global' || scope === 'tier' || scope === 'agent' || scope === 'unknown_customers'
}

function isPastNotice({ rungs }: Budget, spent: Nano): boolean {
  const first = rungs.find((rung) => rung.do !== 'log')
  return first !== undefined && spent >= first.amount
}

interface NumberOptions {
  readonly calendar: Calendar
  readonly now: number
  readonly tier: string | null
}

function numberOf(engine: Engine, meter: Meter, { now, tier }: NumberOptions): BudgetNumber {
  const { budget, subject, start, end } = meter
  const { spent, held } = engine.reading(meter)
  const { scope, period, limit, rungs } = budget
  const ofCustomer = scope === 'customer' || scope === 'tenant_day'
  return {
    scope,
    period,
    customer: ofCustomer ? subject : scope === 'session' ? shown(subject) : null,
    agent: scope === 'agent' ? subject : null,
    tier: scope === 'tier' ? subject : ofCustomer || scope === 'session' ? tier : null,
    subject: shown(subject),
    limit,
    spent,
    held,
    forecast: end === null ? null : forecast(spent, { start, end, now }),
    resetAt: end,
    threshold: rungs.findLast((rung) => rung.amount <= spent)?.at ?? 0,
    doing: doingOf(budget, spent + held),
    next: rungs.find((rung) => rung.amount > spent) ?? null,
  }
}

function doingOf({ line, last, degradeAt, limit }: Budget, taken: Nano): BudgetNumber['doing'] {
  // Where a hundredth is left, hardly a call fits any more.
  if (line !== null && (line - taken) * 100n <= limit && (last?.do === 'block' || last?.do === 'pause')) return last.do
  return degradeAt !== null && taken >= degradeAt ? 'degrade' : null
}

function share({ limit, spent }: BudgetNumber): number {
  return limit === 0n ? Number.POSITIVE_INFINITY : Number((spent * 1_000_000n) / limit)
}

/** Too little of a period says nothing about the rest of it. */
const ENOUGH = 0.05

function forecast(spent: Nano, { start, end, now }: { start: number; end: number; now: number }): Nano | null {
  const gone = (now - start) / (end - start)
  if (gone < ENOUGH || gone > 1) return null
  return (spent * BigInt(end - start)) / BigInt(Math.max(1, now - start))
}
