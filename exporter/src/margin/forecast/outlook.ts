import { median } from './quantile.ts'
import { type WeekdayAt, weekdayFactors } from './season.ts'

/** Whole days one after the other, by index, and what is known of any day from the calendar alone. */
export interface Series {
  readonly totals: readonly number[]
  readonly weekdayAt: WeekdayAt
  /** −3 … −1 = the last three days of a month, 1 = its first one, 0 = any other. */
  readonly edgeAt: (index: number) => number
}

/** What the days from `end` on are expected to cost, by what was known at its beginning. */
export interface Outlook {
  /** What a mean day costs now; 0 = nothing was spent. */
  readonly level: number
  /** What the day at an index is expected to cost. */
  day(index: number): number
}

/** Days that the level is made of; a day counts half as much as the one ten days after it. */
const LEVEL_DAYS = 56
const HALF_LIFE = 10
/** How far back the day is looked at that others are compared with. */
const USUAL_DAYS = 21
/** A day of less than a quarter of the usual is an outage unless the two before it were as well; one of more than 2.5 times counts as that. */
const OUTAGE = 0.25
const MOST = 2.5
const GROWTH_WEEKS = 8
/** Of the growth of n weeks the share n / (n + 12) is expected to go on, and never more than a tenth a week. */
const GROWTH_DOUBT = 12
const MOST_GROWTH = 0.1
/** Of what n ends of months were dearer the share n / (n + ½) is expected again; one alone proves nothing. */
const EDGE_DOUBT = 0.5
const LEAST_EDGES = 2
const MOST_EDGE = Math.log(3)
const AROUND_EDGE = 10

/** Looks at the days before `end` and at nothing after them: weekdays × ends of months × recent level × growth. */
export function outlookAt(series: Series, end: number): Outlook {
  const { weekdayAt, edgeAt } = series
  const factors = weekdayFactors(series.totals, end, weekdayAt)
  const factorAt = (index: number) => factors[weekdayAt(index)] ?? 1
  const seasonless = (index: number) => (series.totals[index] ?? 0) / factorAt(index)
  const edges = edgeFactors(series, end, seasonless)
  const edgeOf = (index: number) => edges.get(edgeAt(index)) ?? 1
  const flat = (index: number) => seasonless(index) / edgeOf(index)
  const { level, centre } = levelOf(flat, factorAt, end)
  const growth = weeklyGrowth(flat, end)
  const grown = (index: number) => level * Math.exp((growth * (index - centre)) / 7)
  return { level: grown(end), day: (index) => grown(index) * factorAt(index) * edgeOf(index) }
}

type ByIndex = (index: number) => number

/** The recent level, and the index that it speaks of: of a growing series it is that of some days ago. */
function levelOf(flat: ByIndex, factorAt: ByIndex, end: number): { level: number; centre: number } {
  const usual = median(range(Math.max(0, end - USUAL_DAYS), end).map(flat))
  const isLow = (index: number) => flat(index) < OUTAGE * usual
  let sum = 0
  let weights = 0
  let places = 0
  for (const index of range(Math.max(0, end - LEVEL_DAYS), end)) {
    if (isLow(index) && !(isLow(index - 1) && isLow(index - 2))) continue
    const weight = 2 ** ((index - end) / HALF_LIFE) * factorAt(index)
    sum += weight * (usual > 0 ? Math.min(flat(index), MOST * usual) : flat(index))
    weights += weight
    places += weight * index
  }
  return weights > 0 ? { level: sum / weights, centre: places / weights } : { level: 0, centre: end }
}

/** Growth a week, as a logarithm: the median of the slopes between any two of the last weeks (Theil and Sen), shrunk. */
function weeklyGrowth(flat: ByIndex, end: number): number {
  const weeks: number[] = []
  for (let from = end - 7; from >= 0 && weeks.length < GROWTH_WEEKS; from -= 7) {
    const usual = median(range(from, from + 7).map(flat))
    if (usual <= 0) break
    weeks.push(Math.log(usual))
  }
  const slopes = weeks.flatMap((late, i) => weeks.slice(i + 1).map((early, gap) => (late - early) / (gap + 1)))
  if (weeks.length < 4) return 0
  const growth = (median(slopes) * weeks.length) / (weeks.length + GROWTH_DOUBT)
  return Math.max(-MOST_GROWTH, Math.min(MOST_GROWTH, growth))
}

/** How much dearer the days at the ends of months are than the ordinary days around them, by their place. */
function edgeFactors({ edgeAt }: Series, end: number, seasonless: ByIndex): Map<number, number> {
  const found = new Map<number, number[]>()
  for (const index of range(0, end)) {
    const edge = edgeAt(index)
    const own = edge === 0 ? 0 : seasonless(index)
    if (own <= 0) continue
    const around = range(Math.max(0, index - AROUND_EDGE), Math.min(end, index + AROUND_EDGE + 1))
    const usual = median(around.filter((other) => edgeAt(other) === 0).map(seasonless))
    if (usual > 0) found.set(edge, [...(found.get(edge) ?? []), Math.log(own / usual)])
  }
  const factors = new Map<number, number>()
  for (const [edge, list] of found) {
    if (list.length < LEAST_EDGES) continue
    const usual = (median(list) * list.length) / (list.length + EDGE_DOUBT)
    factors.set(edge, Math.exp(Math.max(-MOST_EDGE, Math.min(MOST_EDGE, usual))))
  }
  return factors
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i)
}
