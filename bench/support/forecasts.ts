/** How far forecasts were off in months whose end is known, and what an hour's band catches and what it cries about. */
import type { Calendar } from '@marginwatch/exporter/calendar'
import { bandOfDay } from '@marginwatch/exporter/margin/forecast/band'
import type { SpendHistory } from '@marginwatch/exporter/margin/forecast/days'
import { modelOf } from '@marginwatch/exporter/margin/forecast/model'
import { forecastMonth } from '@marginwatch/exporter/margin/forecast/month'
import type { HourTruth } from './year.ts'

const NANO = 1e9

/** A company's spend by the hour, and the calendar by which its days are cut. */
export interface World {
  readonly hours: readonly HourTruth[]
  readonly calendar: Calendar
  /** First day, and the day after the last one. */
  readonly first: number
  readonly end: number
}

/** One forecast beside what came: shares of the month's true spend. */
export interface Judged {
  readonly error: number
  readonly held: boolean
  /** From low to high. */
  readonly width: number
  /** Errors of the two naive methods. */
  readonly runRate: number
  readonly lastMonth: number
}

/** Spend by local day in dollars. */
type ByDay = ReadonlyMap<number, number>

/** Judges the forecasts of each month after `days` of its days, with all of the history or only its newest days. */
export function judgeMonths(
  world: World,
  days: number,
  { months, newest }: { months: number; newest?: number },
): Judged[] {
  const { calendar, first, end } = world
  const spent = byDay(world)
  let month = calendar.monthOf(first) === first ? first : calendar.nextMonth(first)
  for (let i = 0; i < months; i++) month = calendar.nextMonth(month)
  const found: Judged[] = []
  for (; calendar.nextMonth(month) <= end; month = calendar.nextMonth(month)) {
    const from = newest === undefined ? first : Math.max(first, month + days - newest)
    const judged = judge(world, spent, { month, days, from })
    if (judged !== null) found.push(judged)
  }
  return found
}

function judge(world: World, spent: ByDay, at: { month: number; days: number; from: number }): Judged | null {
  const { calendar } = world
  const { month, days } = at
  const now = calendar.dayStart(month + days)
  const over = calendar.nextMonth(month)
  const truth = sum(spent, month, over)
  const soFar = sum(spent, month, month + days)
  const history = historyOf(world, calendar.dayStart(at.from), now)
  const told = forecastMonth({ history, spent: BigInt(Math.round(soFar * NANO)), calendar, now })
  if (!told.known) return null
  const [low, expected, high] = [told.bounds.low, told.bounds.expected, told.bounds.high].map(
    (x) => Number(x) / NANO,
  ) as [number, number, number]
  const off = (value: number) => Math.abs(value / truth - 1)
  const before = calendar.monthOf(month - 1)
  let same = soFar
  for (let i = days; i < over - month; i++) same += spent.get(Math.min(before + i, month - 1)) ?? 0
  return {
    error: off(expected),
    held: low <= truth && truth <= high,
    width: (high - low) / truth,
    runRate: off((soFar * (over - month)) / days),
    lastMonth: off(same),
  }
}

function byDay({ hours, calendar }: World): ByDay {
  const days = new Map<number, number>()
  for (const { hour, usd } of hours) {
    const day = calendar.day(hour)
    days.set(day, (days.get(day) ?? 0) + usd)
  }
  return days
}

function sum(spent: ByDay, from: number, to: number): number {
  let all = 0
  for (let day = from; day < to; day++) all += spent.get(day) ?? 0
  return all
}

/** What a ledger that began at `from` knows at `to`. */
export function historyOf({ hours }: World, from: number, to: number): SpendHistory {
  const known = hours.filter(({ hour }) => hour >= from && hour < to)
  return { hours: known.map(({ hour, usd }) => ({ hour, cost: BigInt(Math.round(usd * NANO)) })), from, to }
}

/** What became of hours beside their bands, in counts. */
export interface Watched {
  /** Hours without a runaway and without an outage, and those of them beyond the band. */
  hours: number
  above: number
  below: number
  /** Hours in which a runaway added at least a mean hour, and those of them above the band. */
  runaways: number
  seen: number
  /** Ordinary hours that are above the band when so many mean hours are added, by that number. */
  readonly injected: Map<number, number>
  /** Hours of outages by day (8 to 20 o'clock), and those of them below the band. */
  down: number
  missed: number
}

export const INJECTED = [1, 2, 3, 5] as const
/** Days that the bands begin after. */
const BEGIN = 30

/** Looks at each hour after the first month beside the band that was foretold for it. */
export function watchHours(world: World): Watched {
  const { calendar, first, end, hours } = world
  const watched: Watched = {
    hours: 0,
    above: 0,
    below: 0,
    runaways: 0,
    seen: 0,
    injected: new Map(),
    down: 0,
    missed: 0,
  }
  const model = modelOf(historyOf(world, calendar.dayStart(first), calendar.dayStart(end)), calendar)
  if ('known' in model) throw new Error(model.reason)
  const bands = new Map<number, ReturnType<typeof bandOfDay>>()
  for (const truth of hours) {
    const day = calendar.day(truth.hour)
    const index = day - first
    if (index < BEGIN || day >= end) continue
    const band = bands.get(index) ?? bandOfDay(model, index)
    bands.set(index, band)
    const slot = Math.floor((truth.hour - calendar.dayStart(day)) / 3_600_000)
    const own = band[slot]
    // The extra hour of a day of 25 has no band of its own.
    if (own !== undefined) watch(watched, truth, { ...own, slot, mean: model.outlook(index).level / 24 })
  }
  return watched
}

interface Beside {
  readonly low: number
  readonly high: number
  readonly slot: number
  readonly mean: number
}

function watch(watched: Watched, { usd, runaway, down }: HourTruth, { low, high, slot, mean }: Beside): void {
  const spent = usd * NANO
  if (down) {
    if (slot < 8 || slot >= 20) return
    watched.down++
    if (spent >= low) watched.missed++
  } else if (runaway > 0) {
    if (runaway * NANO < mean) return
    watched.runaways++
    if (spent > high) watched.seen++
  } else {
    watched.hours++
    if (spent > high) watched.above++
    if (spent < low) watched.below++
    for (const times of INJECTED) {
      if (spent + times * mean > high) watched.injected.set(times, (watched.injected.get(times) ?? 0) + 1)
    }
  }
}
