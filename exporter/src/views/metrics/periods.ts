import { usd } from '@marginwatch/pricing'
import type { Calendar } from '../../calendar.ts'
import { METRICS } from '../../catalogue.ts'
import { labelOf } from '../../ledger/labels.ts'
import type { Recorded, RowReader } from '../../ledger/ledger.ts'
import { daySum } from '../../ledger/queries.ts'
import { ADMITTED } from '../../ledger/totals.ts'
import { OTHER, UNATTRIBUTED } from '../../usage.ts'
import type { Family, Sample } from './sample.ts'

/** Net spend of a local day by tier label. */
export interface DaySpend {
  readonly day: number
  readonly tier: string
  readonly cost: bigint
}

/** Spend of the running day, week and month by tier: net of corrections, dated by call start. */
export interface Periods {
  load(days: readonly DaySpend[]): void
  apply(batch: readonly Recorded[]): void
  family(): Family
}

/** A week may begin before the month does. */
const KEEP_DAYS = 40

/** Reads the days that the running periods consist of, inside a snapshot. */
export async function readDays(rows: RowReader, from: number): Promise<DaySpend[]> {
  const list = await rows(
    `${await daySum('day_model', rows)} SELECT d.day, CASE WHEN d.tier = '' THEN '${UNATTRIBUTED}' WHEN a.value IS NULL THEN '${OTHER}' ELSE d.tier END AS tier,
       sum(d.cost) AS cost
     FROM day_sum d LEFT JOIN (SELECT value FROM (${ADMITTED}) WHERE label = 'tier') a ON a.value = d.tier
     WHERE d.day >= ${from} GROUP BY ALL`,
  )
  return list.map((row) => ({ day: Number(row.day), tier: String(row.tier), cost: row.cost as bigint }))
}

/** First day that matters to the periods that run at a moment. */
export function firstDay(calendar: Calendar, now: number): number {
  return calendar.day(now) - KEEP_DAYS
}

export function createPeriods(calendar: Calendar, now: () => number): Periods {
  const days = new Map<number, Map<string, bigint>>()
  const samples = new Map<string, Sample>()
  const tiers = new Set<string>()
  const add = (day: number, tier: string, cost: bigint) => {
    if (day < firstDay(calendar, now())) return
    let byTier = days.get(day)
    if (!byTier) {
      byTier = new Map()
      days.set(day, byTier)
    }
    byTier.set(tier, (byTier.get(tier) ?? 0n) + cost)
    tiers.add(tier)
  }
  const sum = (tier: string, from: number, to: number): bigint => {
    let total = 0n
    for (const [day, byTier] of days) if (day >= from && day <= to) total += byTier.get(tier) ?? 0n
    return total
  }
  const sample = (period: string, tier: string, value: bigint): Sample => {
    const key = `${period}/${tier}`
    const known = samples.get(key) ?? { labels: [period, tier], value: '0' }
    known.value = usd(value)
    samples.set(key, known)
    return known
  }
  return {
    load(list) {
      for (const { day, tier, cost } of list) add(day, tier, cost)
    },
    apply(batch) {
      for (const { entry, named } of batch) {
        if (entry.kind !== 'usage' && entry.kind !== 'correction') continue
        add(calendar.day(entry.start), labelOf(entry, named, 'tier'), entry.cost ?? 0n)
      }
    },
    family() {
      const today = calendar.day(now())
      for (const day of days.keys()) if (day < today - KEEP_DAYS) days.delete(day)
      const list: Sample[] = []
      for (const tier of tiers) {
        list.push(sample('day', tier, sum(tier, today, today)))
        list.push(sample('week', tier, sum(tier, calendar.weekOf(today), today)))
        list.push(sample('month', tier, sum(tier, calendar.monthOf(today), today)))
      }
      return { metric: METRICS.spend, samples: list }
    },
  }
}
