/** How far the forecast of a month's end is off, beside two naive ones, and what the band of an hour catches and cries about. */
import { createCalendar } from '@marginwatch/exporter/calendar'
import { forecastMonth } from '@marginwatch/exporter/margin/forecast/month'
import { type BenchRow, figureRow, fixed } from './row.ts'
import {
  historyOf,
  INJECTED,
  type Judged,
  judgeMonths,
  type Watched,
  watchHours,
  type World,
} from './support/forecasts.ts'
import { cpuNow, cpuSince } from './support/cpu.ts'
import type { Setting } from './support/setting.ts'
import { traceHours } from './support/trace-hours.ts'
import { createYear } from './support/year.ts'

const DAYS = [3, 7, 14, 21] as const
/** Not the seeds that the method was chosen by, which are 1 to 20. */
const FIRST_SEED = 101
const YEARS = 40
const TRACES = 20
/** Of the sandbox's traffic, days and density. */
const TRACE_DAYS = 184
const TRACE_DENSITY = 0.25
/** Months before the first that is judged: what growth and the ends of months are learned from. */
const LEARNED = 2
const HOURS_A_MONTH = 730

export async function run({ quick }: Setting): Promise<BenchRow[]> {
  const seeds = (count: number) => Array.from({ length: quick ? 2 : count }, (_, i) => FIRST_SEED + i)
  const rows: BenchRow[] = []
  const years = seeds(YEARS).map(yearOf)
  rows.push(...monthRows('a year', years), ...bandRows('a year', years))
  const traces = seeds(TRACES).map(traceOf)
  rows.push(...monthRows('the trace’s rhythm', traces), ...bandRows('the trace’s rhythm', traces))
  return [...rows, costRow(years)]
}

function yearOf(seed: number): World {
  // A zone whose clocks change.
  const calendar = createCalendar('Europe/Berlin')
  const first = calendar.day(Date.UTC(2025, 6, 1, 12))
  return { hours: createYear(seed, calendar, first), calendar, first, end: first + 365 }
}

function traceOf(seed: number): World {
  const calendar = createCalendar('UTC')
  const first = calendar.day(Date.UTC(2025, 6, 1, 12))
  const end = first + TRACE_DAYS
  const hours = traceHours(seed, { from: calendar.dayStart(first), to: calendar.dayStart(end), density: TRACE_DENSITY })
  return { hours, calendar, first, end }
}

function monthRows(name: string, worlds: readonly World[]): BenchRow[] {
  const rows = DAYS.flatMap((days) => {
    const judged = worlds.flatMap((world) => judgeMonths(world, days, { months: LEARNED }))
    return judgedRows(`${name}, after ${days} days`, judged)
  })
  const young = worlds.flatMap((world) => judgeMonths(world, 14, { months: LEARNED, newest: 14 }))
  return [...rows, ...judgedRows(`${name}, after 14 days, which are all that is known`, young)]
}

function judgedRows(name: string, judged: readonly Judged[]): BenchRow[] {
  const error = mean(judged.map((one) => one.error))
  const runRate = mean(judged.map((one) => one.runRate))
  const lastMonth = mean(judged.map((one) => one.lastMonth))
  const held = mean(judged.map((one) => (one.held ? 1 : 0)))
  const width = mean(judged.map((one) => one.width))
  return [
    {
      name: `${name}: error`,
      value: percent(error),
      spread: `run rate ${percent(runRate)}, last month’s days ${percent(lastMonth)}; ${judged.length} months`,
      goal: 'less than both',
      aim: '',
      ok: error < Math.min(runRate, lastMonth),
    },
    {
      name: `${name}: months within low and high`,
      value: percent(held, 0),
      spread: `${percent(width)} of the month wide`,
      goal: '≥ 70 %',
      aim: '80 %',
      ok: held >= 0.7,
    },
  ]
}

function bandRows(name: string, worlds: readonly World[]): BenchRow[] {
  const all = worlds.map(watchHours)
  const sum = (of: (one: Watched) => number) => all.reduce((total, one) => total + of(one), 0)
  const hours = sum((one) => one.hours)
  const monthly = (count: number) => (count * HOURS_A_MONTH) / hours
  const above = monthly(sum((one) => one.above))
  const seen = INJECTED.map((times) => sum((one) => one.injected.get(times) ?? 0) / hours)
  const [runaways, caught] = [sum((one) => one.runaways), sum((one) => one.seen)]
  const [down, missed] = [sum((one) => one.down), sum((one) => one.missed)]
  const free = { goal: '', aim: '', ok: true }
  return [
    {
      name: `${name}: ordinary hours above the band`,
      value: `${fixed(above, 2)} a month`,
      spread: `${fixed(monthly(sum((one) => one.below)), 2)} below; ${fixed(hours, 0)} hours`,
      goal: '≤ 1 a month',
      aim: '',
      ok: above <= 1,
    },
    {
      name: `${name}: a runaway of ${INJECTED.join(', ')} mean hours is above the band in its first hour`,
      value: seen.map((share) => percent(share, 0)).join(', '),
      spread: 'at any hour, by day and by night',
      ...free,
    },
    {
      name: `${name}: runaways of its own of at least a mean hour`,
      value: `${percent(caught / Math.max(1, runaways), 0)} seen`,
      spread: `${fixed(runaways, 0)} hours`,
      ...free,
    },
    ...(down === 0
      ? []
      : [
          {
            name: `${name}: hours of outages by day below the band`,
            value: percent(1 - missed / down, 0),
            spread: `${fixed(down, 0)} hours`,
            ...free,
          },
        ]),
  ]
}

/** What one forecast costs with a year behind it. */
function costRow(worlds: readonly World[]): BenchRow {
  const times = worlds.slice(0, 10).map((world) => {
    const { calendar, first, end } = world
    const now = calendar.dayStart(end - 10)
    const history = historyOf(world, calendar.dayStart(first), now)
    const before = cpuNow()
    forecastMonth({ history, spent: 0n, calendar, now })
    const used = cpuSince(before)
    return used.main ?? used.process
  })
  return figureRow(
    { name: 'one forecast with a year behind it: CPU', unit: 'ms', decimals: 1, goal: { most: 250, aim: 50 } },
    times,
  )
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function percent(share: number, decimals = 1): string {
  return `${fixed(100 * share, decimals)} %`
}
