import { type Calendar, dayText } from '../../calendar.ts'
import type { Ledger, LedgerHealth, Row } from '../../ledger/ledger.ts'
import type { Nano } from '../../usage.ts'
import type { SourceState } from '../health/readings.ts'
import { NO_BUDGETS, type BudgetState } from './budget-model.ts'
import { NO_MARGIN, NOTHING_COMPARED, type MarginModel, type ReconciliationModel } from './margin-model.ts'
import { type BudgetHistory, createBudgetReader, readBudgets } from './budget-reader.ts'
import type { QualityModel } from './quality-model.ts'
import type { CustomerRow, Day, ModelRow, PageModel, RosterModel, SessionRow, Spend, TierRow } from './model.ts'

const DAYS = 30
const TOP = 10
const MODELS = 12
/** While somebody looks, each call to `refresh` may ask the ledger; else only one in this time. */
const UNWATCHED_MS = 10_000
const WATCHED_MS = 30_000

/** What the page needs besides the ledger's numbers; read at each showing. */
export interface PageSurroundings {
  readonly demo: boolean
  readonly sources: () => readonly SourceState[]
  readonly ledger: () => LedgerHealth
  readonly intake: () => PageModel['intake']
  /** Tiers in the policy's order, with their price a month in nano-dollars; null while it has none. */
  readonly tiers: () => ReadonlyMap<string, Nano | null>
  /** What a customer pays a month instead of its tier's price; null = that one. */
  readonly ownPrice?: (customer: string) => Nano | null
  readonly roster?: () => RosterModel
  /** Absent where nothing has a limit. */
  readonly budgets?: () => BudgetState
  /** Absent where no margin can be told. */
  readonly margin?: () => MarginModel
  /** Absent where no trace store is asked. */
  readonly reconciliation?: () => ReconciliationModel
  readonly quality?: () => QualityModel
}

export interface PageReader {
  /** Asks the ledger again if it has grown or the day has turned since. */
  refresh(): Promise<void>
  /** From memory. */
  read(): PageModel
}

type Numbers = Pick<PageModel, 'spend' | 'byTier' | 'byModel' | 'days' | 'topCustomers' | 'topSessions' | 'unpriced'>

/** Keeps the page's numbers in memory, so that showing it never waits for a database. */
export function createPageReader(
  ledger: Ledger,
  calendar: Calendar,
  now: () => number,
  surroundings: PageSurroundings,
): PageReader {
  let numbers: Numbers = NOTHING
  let history: BudgetHistory = NO_BUDGETS
  const budgets = createBudgetReader(surroundings.budgets, now)
  let asked = { seq: -1, day: -1, at: Number.NEGATIVE_INFINITY }
  let lookedAt = Number.NEGATIVE_INFINITY
  return {
    async refresh() {
      budgets.look()
      const health = surroundings.ledger()
      const day = calendar.day(now())
      if (health.seq === asked.seq && day === asked.day) return
      const watched = now() - lookedAt < WATCHED_MS
      if (!watched && now() - asked.at < UNWATCHED_MS) return
      numbers = await readNumbers(ledger, calendar, day, surroundings)
      history = await readBudgets(ledger, calendar, day)
      asked = { seq: health.seq, day, at: now() }
    },
    read() {
      lookedAt = now()
      const { seq, writable, reason } = surroundings.ledger()
      return {
        ...numbers,
        margin: surroundings.margin?.() ?? NO_MARGIN,
        budgets: budgets.read(history),
        reconciliation: surroundings.reconciliation?.() ?? NOTHING_COMPARED,
        ...(surroundings.quality ? { quality: surroundings.quality() } : {}),
        ...(surroundings.roster ? { roster: surroundings.roster() } : {}),
        demo: surroundings.demo,
        now: now(),
        timezone: calendar.zone,
        sources: surroundings.sources(),
        ledger: { seq, writable, reason },
        intake: surroundings.intake(),
      }
    },
  }
}

const NOTHING: Numbers = {
  spend: { today: null, week: null, month: null, todayCalls: null, monthCalls: null },
  byTier: [],
  byModel: [],
  days: [],
  topCustomers: [],
  topSessions: [],
  unpriced: { models: 0, calls: 0 },
}

async function readNumbers(
  ledger: Ledger,
  calendar: Calendar,
  today: number,
  surroundings: Pick<PageSurroundings, 'tiers' | 'ownPrice'>,
): Promise<Numbers> {
  const prices = surroundings.tiers()
  const month = calendar.monthOf(today)
  const thisMonth = { from: month, to: today + 1 }
  const from = Math.min(calendar.monthOf(month - 1), today - DAYS + 1)
  const days = await ledger.query('days', { from })
  const tiers = await ledger.query('tiers', thisMonth)
  const models = await ledger.query('models', { ...thisMonth, limit: 10_000 })
  const customers = await ledger.query('customers', { ...thisMonth, limit: TOP })
  const sessions = await ledger.query('sessions', {
    from: calendar.dayStart(today),
    to: calendar.dayStart(today + 1),
    limit: TOP,
  })
  const spend = spendOf(days, calendar, today)
  const unpriced = models.filter((row) => count(row.unpriced) > 0)
  return {
    spend,
    byTier: tierRows(tiers, days, today, prices),
    byModel: models.slice(0, MODELS).map((row) => modelRow(row, spend.month ?? 0n)),
    days: dayRows(days, today),
    topCustomers: customers.map((row) => customerRow(row, prices, surroundings.ownPrice?.(text(row.customer)) ?? null)),
    topSessions: sessions.map(sessionRow),
    unpriced: { models: unpriced.length, calls: unpriced.reduce((sum, row) => sum + count(row.unpriced), 0) },
  }
}

function spendOf(days: readonly Row[], calendar: Calendar, today: number): Spend {
  const within = (from: number, to: number) => days.filter((row) => count(row.day) >= from && count(row.day) <= to)
  const cost = (rows: readonly Row[]) => rows.reduce((sum, row) => sum + money(row.cost), 0n)
  const calls = (rows: readonly Row[]) => rows.reduce((sum, row) => sum + count(row.calls), 0)
  const month = within(calendar.monthOf(today), today)
  const ofToday = within(today, today)
  const lastMonth = within(calendar.monthOf(calendar.monthOf(today) - 1), calendar.monthOf(today) - 1)
  return {
    today: cost(ofToday),
    week: cost(within(calendar.weekOf(today), today)),
    month: cost(month),
    todayCalls: calls(ofToday),
    monthCalls: calls(month),
    yesterday: cost(within(today - 1, today - 1)),
    lastMonth: lastMonth.length === 0 ? null : cost(lastMonth),
  }
}

/** In the policy's order; then tiers that it does not name; last, the calls that no tier is known for. */
function tierRows(
  tiers: readonly Row[],
  days: readonly Row[],
  today: number,
  prices: ReadonlyMap<string, Nano | null>,
): TierRow[] {
  const order = [...prices.keys()]
  const place = (tier: string | null) => {
    if (tier === null) return order.length + 1
    const index = order.indexOf(tier)
    return index < 0 ? order.length : index
  }
  const spentToday = new Map(
    days.filter((row) => count(row.day) === today).map((row) => [text(row.tier), money(row.cost)]),
  )
  return tiers
    .map((row) => ({
      tier: optional(row.tier),
      today: spentToday.get(text(row.tier)) ?? 0n,
      month: money(row.cost),
      calls: count(row.calls),
      customers: count(row.customers),
    }))
    .sort((a, b) => place(a.tier) - place(b.tier))
}

function modelRow(row: Row, month: Nano): ModelRow {
  // Calls that failed cost nothing whatever the price is, so they do not make an unpriced model a priced one.
  const priced = count(row.unpriced) === 0 || money(row.cost) > 0n
  return {
    model: optional(row.model),
    provider: optional(row.provider),
    month: priced ? money(row.cost) : null,
    share: priced && month > 0n ? Number(money(row.cost)) / Number(month) : null,
    calls: count(row.calls),
    tokens: count(row.tokens),
  }
}

function dayRows(days: readonly Row[], today: number): Day[] {
  const list: Day[] = []
  for (let day = today - DAYS + 1; day <= today; day++) {
    const rows = days.filter((row) => count(row.day) === day)
    list.push({ date: dayText(day), cost: new Map(rows.map((row) => [optional(row.tier), money(row.cost)])) })
  }
  return list
}

function customerRow(row: Row, prices: ReadonlyMap<string, Nano | null>, own: Nano | null): CustomerRow {
  const tier = optional(row.tier)
  return {
    customer: text(row.customer),
    tier,
    month: money(row.cost),
    calls: count(row.calls),
    price: own ?? (tier === null ? null : (prices.get(tier) ?? null)),
  }
}

function sessionRow(row: Row): SessionRow {
  return {
    session: text(row.session),
    customer: text(row.customer),
    cost: money(row.cost),
    calls: count(row.calls),
    start: count(row.first),
    last: count(row.last),
  }
}

const money = (value: unknown): Nano => (typeof value === 'bigint' ? value : 0n)
const count = (value: unknown): number => Number(value ?? 0)
const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const optional = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)
