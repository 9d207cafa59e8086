import { divideHalfEven } from '@marginwatch/pricing'
import type { Nano } from '../usage.ts'
import type { MonthDays } from './month-days.ts'
import type { Segment, Timeline } from './timeline.ts'

/** What one customer pays for one plan in a month. */
export interface Revenue {
  readonly tier: string
  /** For the part of the month that is gone by, and for all of it. */
  readonly accrued: Nano
  readonly month: Nano
  /** Whether it has begun at all. */
  readonly begun: boolean
  /** Of the latest stretch that has begun: whether it is a trial, and whether it is only assumed from traffic. */
  readonly trial: boolean
  readonly assumed: boolean
  /** A part of its time has no price that is known; nothing is counted for it. */
  readonly unpriced: boolean
}

/** What a customer pays in a month as seen at a moment, by plan, in the order in which it had them. */
export type RevenueReader = (customer: string) => readonly Revenue[]

/**
 * Reads revenue off a timeline. For each customer, plan and price: accrued is price × days gone by ÷ days of the month, where the
 * running day counts by the share of it that is gone by, and the whole month's is price × days ÷ days of the month; each is
 * rounded once, half to even, so that the sum over customers is the sum over plans.
 */
export function revenueReader(timeline: Timeline, days: MonthDays, at: number): RevenueReader {
  const now = days.ticksAt(at)
  const plans = planPrices(timeline, days)
  const share = sharesOf(days)
  const throughout = new Map<string, Revenue[]>()
  const readAll = (segments: readonly Segment[]): Revenue[] => {
    const paid: Paid[] = []
    for (const segment of segments) {
      const from = days.ticksAt(segment.from)
      const to = days.ticksAt(segment.to)
      if (from >= to) continue
      const plan = planOf(paid, segment.tier)
      if (from <= now) Object.assign(plan, { begun: true, trial: segment.trial, origin: segment.origin })
      for (const one of pricesOf(segment, plans)) {
        const [start, end] = [Math.max(from, one.from), Math.min(to, one.to)]
        if (start >= end) continue
        if (one.price === null) plan.unpriced = true
        else addTicks(plan, one.price, end - start, Math.max(0, Math.min(end, now) - start))
      }
    }
    return paid.map((plan) => revenueOf(plan, share))
  }
  return (customer) => {
    const segments = timeline.segments(customer, days.from, days.to)
    const [only] = segments
    if (segments.length !== 1 || !only || !isUsual(only, days)) return readAll(segments)
    // Most customers have one plan all month and pay its price: those are worked out once.
    const usual = `${only.origin} ${only.tier}`
    let known = throughout.get(usual)
    if (!known) {
      known = readAll(segments)
      throughout.set(usual, known)
    }
    return known
  }
}

function isUsual({ from, to, price, trial }: Segment, days: MonthDays): boolean {
  return from <= days.from && to >= days.to && price === null && !trial
}

interface Paid {
  readonly tier: string
  readonly prices: { readonly price: Nano; ticks: number; gone: number }[]
  begun: boolean
  trial: boolean
  origin: Segment['origin'] | null
  unpriced: boolean
}

/** In ticks. */
interface Priced {
  readonly from: number
  readonly to: number
  readonly price: Nano | null
}

function planOf(paid: Paid[], tier: string): Paid {
  const known = paid.find((plan) => plan.tier === tier)
  if (known) return known
  const plan: Paid = { tier, prices: [], begun: false, trial: false, origin: null, unpriced: false }
  paid.push(plan)
  return plan
}

function addTicks(plan: Paid, price: Nano, ticks: number, gone: number): void {
  const known = plan.prices.find((one) => one.price === price)
  if (known) {
    known.ticks += ticks
    known.gone += gone
  } else plan.prices.push({ price, ticks, gone })
}

const ALWAYS = { from: 0, to: Number.POSITIVE_INFINITY }

function pricesOf({ tier, price, trial }: Segment, plans: (tier: string) => readonly Priced[]): readonly Priced[] {
  if (trial) return [{ ...ALWAYS, price: 0n }]
  return price === null ? plans(tier) : [{ ...ALWAYS, price }]
}

/** Prices of plans over the whole month: where the timeline says nothing there is none. */
function planPrices(timeline: Timeline, days: MonthDays): (tier: string) => readonly Priced[] {
  const known = new Map<string, readonly Priced[]>()
  return (tier) => {
    const found = known.get(tier)
    if (found) return found
    const list: Priced[] = []
    let end = 0
    for (const one of timeline.planSegments(tier, days.from, days.to)) {
      const [from, to] = [days.ticksAt(one.from), days.ticksAt(one.to)]
      if (from > end) list.push({ from: end, to: from, price: null })
      list.push({ from, to, price: one.price })
      end = to
    }
    if (end < days.ticks) list.push({ from: end, to: days.ticks, price: null })
    known.set(tier, list)
    return list
  }
}

/** Most customers of a plan pay the same: each amount is divided once. */
function sharesOf({ ticks: all }: MonthDays): (price: Nano, ticks: number) => Nano {
  const known = new Map<Nano, Map<number, Nano>>()
  return (price, ticks) => {
    let ofPrice = known.get(price)
    if (!ofPrice) {
      ofPrice = new Map()
      known.set(price, ofPrice)
    }
    let share = ofPrice.get(ticks)
    if (share === undefined) {
      share = divideHalfEven(price * BigInt(ticks), BigInt(all))
      ofPrice.set(ticks, share)
    }
    return share
  }
}

function revenueOf(plan: Paid, share: (price: Nano, ticks: number) => Nano): Revenue {
  let [accrued, month] = [0n, 0n]
  for (const { price, ticks, gone } of plan.prices) {
    accrued += share(price, gone)
    month += share(price, ticks)
  }
  const { tier, begun, trial, unpriced } = plan
  return { tier, accrued, month, begun, trial, assumed: plan.origin === 'traffic', unpriced }
}
