import { type Nano, type PlanPrice, ROSTER_ORIGINS, type RosterChange, type RosterOrigin } from '../usage.ts'
import { joined, paint, type Span, valueAt } from './spans.ts'

/** What a customer is at a moment. */
export interface Standing {
  readonly tier: string
  /** What it pays a month instead of the plan's price; null = the plan's. */
  readonly price: Nano | null
  /** It pays nothing though its plan may cost something. */
  readonly trial: boolean
  readonly origin: RosterOrigin
}

/** A standing with its time, [from, to), epoch milliseconds. */
export interface Segment extends Standing {
  readonly from: number
  readonly to: number
}

/** What a plan costs a month in [from, to); null = it has no price then. */
export interface PlanSegment {
  readonly from: number
  readonly to: number
  readonly price: Nano | null
}

/** Who the customers were, are and will be, and what the plans cost. Times are epoch milliseconds. */
export interface Timeline {
  /** Null = it is no customer then. */
  at(customer: string, at: number): Standing | null
  /** Its standings in [from, to), in order, those that follow each other and are the same as one; none where it is no customer. */
  segments(customer: string, from: number, to: number): Segment[]
  /** Everybody who is a customer at some moment of [from, to). */
  customers(from: number, to: number): Iterable<string>
  planPrice(tier: string, at: number): Nano | null
  /** What a plan costs through all of [from, to), in order and without gaps. */
  planSegments(tier: string, from: number, to: number): PlanSegment[]
  /** How many of the customers of [from, to) are known at some moment of it by their traffic alone. */
  assumed(from: number, to: number): { readonly customers: number; readonly of: number }
}

/** A timeline with what its writers ask: what each origin has said by itself. */
export interface RosterRecord extends Timeline {
  /** Takes the entry with the next number of the ledger in. */
  apply(entry: RosterChange | PlanPrice, seq: number): void
  /** What an origin says of a customer, that it is none included; nothing where it has withdrawn what it said. */
  said(origin: RosterOrigin, customer: string): readonly Span<RosterChange>[]
  /** Everybody that an origin ever spoke of. */
  spokenOf(origin: RosterOrigin): Iterable<string>
  /** How many that is. */
  count(origin: RosterOrigin): number
  /** Which origin decides of a customer at a moment, even that it is none; null = nobody knows of it. */
  decides(customer: string, at: number): RosterOrigin | null
  /** Number of the last entry by which an origin spoke of a customer; 0 without one. */
  lastOf(origin: RosterOrigin, customer: string): number
  /** Prices of a plan in the order of their dates, and the number of the last entry about it; none for an unknown plan. */
  priceSteps(tier: string): { readonly steps: readonly PriceStep[]; readonly last: number }
  /** Every plan that ever had a price. */
  plans(): Iterable<string>
}

export interface PriceStep {
  /** −Infinity = always. */
  readonly from: number
  readonly price: Nano | null
}

interface OfCustomer {
  readonly byOrigin: Partial<Record<RosterOrigin, { spans: Span<RosterChange>[]; last: number }>>
  /** All origins laid over each other; null until somebody asks. */
  whole: Span<RosterChange>[] | null
  /** The same without what is no customer, by what it comes to. */
  standings: Span<Standing>[] | null
}

/** The timeline of some entries, in the order in which they were recorded. */
export function timelineOf(entries: readonly (RosterChange | PlanPrice)[]): Timeline {
  const timeline = createTimeline()
  for (const [index, entry] of entries.entries()) timeline.apply(entry, index + 1)
  return timeline
}

export function createTimeline(): RosterRecord {
  const customers = new Map<string, OfCustomer>()
  const spoken: Record<RosterOrigin, Set<string>> = {
    file: new Set(),
    rest: new Set(),
    litellm: new Set(),
    traffic: new Set(),
  }
  const prices = new Map<string, { steps: PriceStep[]; last: number }>()
  const standings = (customer: string): readonly Span<Standing>[] => {
    const known = customers.get(customer)
    return known === undefined ? [] : standingsOf(known)
  }
  const segments = (customer: string, from: number, to: number) => clipped(standings(customer), from, to)
  const priceAt = (tier: string, at: number) => stepAt(prices.get(tier)?.steps ?? [], at)?.price ?? null
  function* within(from: number, to: number): Generator<string> {
    for (const [customer, known] of customers)
      if (standingsOf(known).some((span) => span.from < to && span.to > from)) yield customer
  }
  return {
    apply(entry, seq) {
      if (entry.kind === 'plan_price') return applyPrice(prices, entry, seq)
      const { customer, origin } = entry
      const known = customers.get(customer) ?? { byOrigin: {}, whole: null, standings: null }
      customers.set(customer, known)
      spoken[origin].add(customer)
      const [from, to] = [entry.from ?? -Infinity, entry.to ?? Infinity]
      const spans = known.byOrigin[origin]?.spans ?? []
      known.byOrigin[origin] = { spans: paint(spans, from, to, entry.withdrawn ? undefined : entry), last: seq }
      known.whole = null
      known.standings = null
    },
    at: (customer, at) => valueAt(standings(customer), at) ?? null,
    segments: (customer, from, to) => segments(customer, from, to).map(({ value, ...time }) => ({ ...time, ...value })),
    customers: within,
    planPrice: priceAt,
    planSegments(tier, from, to) {
      const steps = prices.get(tier)?.steps ?? []
      const cuts = [from, ...steps.map((step) => step.from).filter((at) => at > from && at < to)]
      const spans = cuts.map((at, i) => ({ from: at, to: cuts[i + 1] ?? to, value: priceAt(tier, at) }))
      return joined(spans, (a, b) => a === b).map(({ value, ...time }) => ({ ...time, price: value }))
    },
    assumed(from, to) {
      let [assumed, of] = [0, 0]
      for (const customer of within(from, to)) {
        of++
        if (segments(customer, from, to).some(({ value }) => value.origin === 'traffic')) assumed++
      }
      return { customers: assumed, of }
    },
    said: (origin, customer) => customers.get(customer)?.byOrigin[origin]?.spans ?? [],
    spokenOf: (origin) => spoken[origin],
    count: (origin) => spoken[origin].size,
    decides(customer, at) {
      const known = customers.get(customer)
      return known === undefined ? null : (valueAt(wholeOf(known), at)?.origin ?? null)
    },
    lastOf: (origin, customer) => customers.get(customer)?.byOrigin[origin]?.last ?? 0,
    priceSteps: (tier) => prices.get(tier) ?? { steps: [], last: 0 },
    plans: () => prices.keys(),
  }
}

/** The most trusted origin is painted last. */
function wholeOf(known: OfCustomer): readonly Span<RosterChange>[] {
  if (known.whole !== null) return known.whole
  let whole: Span<RosterChange>[] = []
  for (const origin of ROSTER_ORIGINS.toReversed())
    for (const { from, to, value } of known.byOrigin[origin]?.spans ?? []) whole = paint(whole, from, to, value)
  known.whole = whole
  return whole
}

function standingsOf(known: OfCustomer): readonly Span<Standing>[] {
  if (known.standings !== null) return known.standings
  const spans = wholeOf(known).flatMap(({ from, to, value: { tier, price, origin } }): Span<Standing>[] =>
    tier === null ? [] : [{ from, to, value: { tier, price, trial: price === 0n, origin } }],
  )
  known.standings = joined(spans, (a, b) => a.tier === b.tier && a.price === b.price && a.origin === b.origin)
  return known.standings
}

function clipped<V>(spans: readonly Span<V>[], from: number, to: number): Span<V>[] {
  return spans.flatMap((span) => {
    const [begin, end] = [Math.max(from, span.from), Math.min(to, span.to)]
    return begin < end ? [{ ...span, from: begin, to: end }] : []
  })
}

function applyPrice(prices: Map<string, { steps: PriceStep[]; last: number }>, entry: PlanPrice, seq: number): void {
  const from = entry.from ?? -Infinity
  const others = (prices.get(entry.tier)?.steps ?? []).filter((step) => step.from !== from)
  const steps = [...others, { from, price: entry.price }].sort((a, b) => (a.from < b.from ? -1 : 1))
  prices.set(entry.tier, { steps, last: seq })
}

/** The step that holds at a moment. */
export function stepAt(steps: readonly PriceStep[], at: number): PriceStep | undefined {
  return steps.findLast(({ from }) => from <= at)
}
