import type { Calendar } from '../calendar.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { hourBand } from '../margin/forecast/band.ts'
import type { Bounds, Foretold } from '../margin/forecast/bounds.ts'
import { BURN_LENGTHS, burnRates, type SpentWithin } from '../margin/forecast/burn.ts'
import type { SpendHistory } from '../margin/forecast/days.ts'
import { forecastMargin } from '../margin/forecast/margin.ts'
import { forecastMonth } from '../margin/forecast/month.ts'
import { forecastSteady } from '../margin/forecast/steady.ts'
import type { MonthMargin } from '../margin/month.ts'
import type { Nano, Scope } from '../usage.ts'
import { type BurnReading, type ForecastReadings, forecastCollector } from '../views/metrics/forecast.ts'
import type { Collector } from '../views/metrics/sample.ts'
import type { MarginModel } from '../views/page/margin-model.ts'

/** A budget whose burn rate is told. */
export interface BurningBudget {
  readonly scope: Scope
  /** day, week, month or session. */
  readonly period: string
  readonly customer: string | null
  readonly agent: string | null
  readonly tier: string | null
  readonly limit: Nano
  /** When its period ends, epoch milliseconds; null = never. */
  readonly resetAt: number | null
}

export interface ForecastDeps {
  readonly ledger: Pick<Ledger, 'query'>
  readonly calendar: Calendar
  readonly now: () => number
  readonly month: () => MonthMargin | null
  /** In the order of their own gauges. */
  readonly budgets: () => readonly BurningBudget[]
}

export interface RunningForecast {
  readonly collector: Collector
  /** Asks the ledger again, at most once a minute; a scrape shows what the last asking found. */
  refresh(): Promise<void>
  /** For the page. */
  state(): Pick<MarginModel, 'forecast' | 'forecastMargin' | 'noForecast'>
}

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** A year, and the month that it is compared with. */
const HISTORY_MS = 400 * DAY
const ANEW_MS = 60_000
const MOST_BURNING = 10_000

/** What the rest of the month will bring, by what was; asked for now and then, for it changes slowly. */
export function createForecast(deps: ForecastDeps): RunningForecast {
  let readings: ForecastReadings | null = null
  let told: Foretold | null = null
  let at = Number.NEGATIVE_INFINITY
  return {
    collector: forecastCollector(() => readings),
    async refresh() {
      // Of a start there is soon something to show; after that it changes slowly.
      if (told !== null && deps.now() - at < ANEW_MS && deps.now() >= at) return
      const month = deps.month()
      if (month === null) return
      at = deps.now()
      const history = await readHistory(deps)
      const { calendar, now } = deps
      const spent = month.whole.modelCost
      told = forecastMonth({ history, spent, calendar, now: now() })
      const model = told.known ? told.bounds : null
      readings = {
        month: model,
        margin:
          model && forecastMargin({ revenue: month.whole.revenueMonth, model, infra: await infraBounds(deps, month) }),
        hour: await lastHour(deps, history.to),
        band: boundsOf(hourBand(history, calendar)),
        burn: await burning(deps, history),
      }
    },
    state: () => ({
      forecast: told?.known ? told.bounds : null,
      forecastMargin: readings?.margin ?? null,
      noForecast: told === null || told.known ? null : told.reason,
    }),
  }
}

function boundsOf(told: Foretold): Bounds | null {
  return told.known ? told.bounds : null
}

async function readHistory({ ledger, now }: ForecastDeps): Promise<SpendHistory> {
  const to = now()
  const rows = await ledger.query('spend_hours', { from: to - HISTORY_MS, to })
  const hours = rows.map((row) => ({ hour: Number(row.hour), cost: BigInt(row.cost as bigint) }))
  return { hours, from: hours[0]?.hour ?? to, to }
}

async function lastHour({ ledger }: ForecastDeps, to: number): Promise<Nano> {
  const rows = await ledger.query('spend_hours', { from: to - HOUR, to })
  return rows.reduce((sum, row) => sum + BigInt(row.cost as bigint), 0n)
}

/** Of the month's infrastructure; null while that is not all known. */
async function infraBounds({ ledger, calendar, now }: ForecastDeps, { infra }: MonthMargin): Promise<Bounds | null> {
  if (infra.unknown !== null) return null
  const today = calendar.day(now())
  const byDay = new Map<number, Nano>()
  for (const row of await ledger.query('metered_days', { from: today - 8, to: today }))
    byDay.set(Number(row.day), (byDay.get(Number(row.day)) ?? 0n) + BigInt(row.cost as bigint))
  const days = [...byDay].map(([day, cost]) => ({ day, cost }))
  return forecastSteady({ days, spent: infra.total }, calendar, now())
}

async function burning(
  { ledger, calendar, budgets }: ForecastDeps,
  { from, to }: SpendHistory,
): Promise<BurnReading[]> {
  const list = budgets().filter(({ scope, period }) => scope !== 'session' && period !== 'session')
  if (list.length === 0) return []
  const moments = Object.fromEntries(
    Object.entries(BURN_LENGTHS).map(([window, length]) => [`h${window.slice(0, -1)}`, to - length]),
  )
  const rows = await ledger.query('spend_windows', { ...moments, to, limit: MOST_BURNING })
  const spent = new Map(
    rows.map((row): [string, SpentWithin] => {
      const [h1, h6, h24, h72] = [row.h1, row.h6, row.h24, row.h72] as [bigint, bigint, bigint, bigint]
      return [nameOf(String(row.scope), String(row.name)), { '1h': h1, '6h': h6, '24h': h24, '72h': h72 }]
    }),
  )
  const day = calendar.day(to)
  return list.flatMap((budget): BurnReading[] => {
    const name = spentName(budget)
    if (name === null || budget.resetAt === null) return []
    const start = calendar.dayStart(firstDay(calendar, budget.period, day))
    const rates = burnRates(spent.get(name) ?? NOTHING, { limit: budget.limit, start, end: budget.resetAt }, to - from)
    const { scope, period, customer, agent, tier } = budget
    return rates.length === 0 ? [] : [{ scope, period, customer, agent, tier, rates }]
  })
}

const NOTHING: SpentWithin = { '1h': 0n, '6h': 0n, '24h': 0n, '72h': 0n }

function nameOf(scope: string, name: string): string {
  return `${scope}\u001f${name}`
}

/** Under which name the spend of a budget's scope is summed; all unknown customers together have no such sum. */
function spentName({ scope, customer, agent, tier }: BurningBudget): string | null {
  switch (scope) {
    case 'global':
      return nameOf('global', '')
    case 'tier':
      return nameOf('tier', tier ?? '')
    case 'agent':
      return nameOf('agent', agent ?? '')
    case 'customer':
    case 'tenant_day':
      return nameOf('customer', customer ?? '')
    default:
      return null
  }
}

function firstDay(calendar: Calendar, period: string, day: number): number {
  if (period === 'month') return calendar.monthOf(day)
  return period === 'week' ? calendar.weekOf(day) : day
}
