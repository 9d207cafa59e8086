import type { Calendar } from '../../src/calendar.ts'
import type { Recorded } from '../../src/ledger/ledger.ts'
import type { DayMetered, DayUse, MarginLedger } from '../../src/margin/rows.ts'
import type { PlanSegment, Segment, Timeline } from '../../src/margin/timeline.ts'
import { type Entry, type Metered, totalTokens } from '../../src/usage.ts'

const ALWAYS = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY }

export type PlainSegment = Partial<Segment> & { readonly tier: string }

/** A roster that was written down: segments by customer and prices by plan, each from always to for ever unless it says otherwise. */
export function plainTimeline(
  customers: Readonly<Record<string, readonly PlainSegment[]>>,
  plans: Readonly<Record<string, readonly Partial<PlanSegment>[]>>,
): Timeline {
  const within = <S extends { from: number; to: number }>(list: readonly S[], from: number, to: number): S[] =>
    list
      .map((one) => ({ ...one, from: Math.max(one.from, from), to: Math.min(one.to, to) }))
      .filter((one) => one.from < one.to)
  const segments = (customer: string, from: number, to: number): Segment[] =>
    within(
      (customers[customer] ?? []).map((one) => ({ ...ALWAYS, price: null, trial: false, origin: 'file', ...one })),
      from,
      to,
    )
  return {
    customers: (from, to) => Object.keys(customers).filter((name) => segments(name, from, to).length > 0),
    segments,
    planSegments: (tier, from, to) =>
      within(
        (plans[tier] ?? []).map((one) => ({ ...ALWAYS, price: null, ...one })),
        from,
        to,
      ),
  }
}

/** A container's processor time; override what matters to the test. */
export function metered(key: string, over: Partial<Metered> = {}): Metered {
  const start = over.start ?? 0
  return {
    kind: 'metered',
    version: 1,
    key,
    source: 'docker',
    resource: 'container',
    service: 'exporter',
    meter: 'cpu',
    start,
    end: start + 300_000,
    amount: 1_000_000_000n,
    cost: 0n,
    ...over,
  }
}

export interface PlainLedger extends MarginLedger {
  /** What of it is new is recorded and handed to who follows. */
  append(entries: readonly Entry[]): void
  readonly recorded: readonly Recorded[]
}

/** A ledger in memory that sums by plain grouping, and knows no sessions. */
export function plainLedger(calendar: Calendar): PlainLedger {
  const recorded: Recorded[] = []
  const keys = new Set<string>()
  const followers = new Set<(batch: readonly Recorded[]) => void>()
  return {
    recorded,
    append(entries) {
      const batch: Recorded[] = []
      for (const entry of entries) {
        if (keys.has(entry.key)) continue
        keys.add(entry.key)
        batch.push({ seq: recorded.length + batch.length + 1, at: 0, named: 0, names: 0, entry })
      }
      recorded.push(...batch)
      if (batch.length > 0) for (const follower of followers) follower(batch)
    },
    follow(from, onEntries) {
      const known = recorded.filter(({ seq }) => seq >= from)
      if (known.length > 0) onEntries(known)
      followers.add(onEntries)
      return async () => void followers.delete(onEntries)
    },
    async load(from, to, everMetered) {
      const within = ({ day }: { day: number }) => day >= from && day < to
      const uses = usesOf(recorded, calendar).filter(within)
      const all = meteredOf(recorded, calendar)
      return { seq: recorded.length, state: { uses, metered: everMetered ? all : all.filter(within) } }
    },
    sessions: async () => [],
  }
}

function usesOf(recorded: readonly Recorded[], calendar: Calendar): DayUse[] {
  const sums = new Map<string, DayUse>()
  for (const { entry } of recorded) {
    if (entry.kind !== 'usage' && entry.kind !== 'correction') continue
    const day = calendar.day(entry.start)
    const key = JSON.stringify([day, entry.customer, entry.tier])
    const one = { day, customer: entry.customer, tier: entry.tier ?? '', calls: 0, tokens: 0, cost: 0n, unpriced: 0 }
    const sum = sums.get(key) ?? one
    const calls = entry.kind === 'usage' ? 1 : entry.calls
    sums.set(key, {
      ...sum,
      calls: sum.calls + calls,
      tokens: sum.tokens + totalTokens(entry.tokens),
      cost: sum.cost + (entry.cost ?? 0n),
      unpriced: sum.unpriced + (entry.basis === 'unpriced' ? calls : 0),
    })
  }
  return [...sums.values()]
}

function meteredOf(recorded: readonly Recorded[], calendar: Calendar): DayMetered[] {
  const sums = new Map<string, DayMetered>()
  for (const { entry } of recorded) {
    if (entry.kind !== 'metered') continue
    const day = calendar.day(entry.start)
    const { resource, service, meter, amount, cost } = entry
    const key = JSON.stringify([day, resource, service, meter])
    const sum = sums.get(key) ?? { day, resource, service, meter, amount: 0n, cost: 0n, unknown: 0 }
    sums.set(key, {
      ...sum,
      amount: sum.amount + amount,
      cost: sum.cost + (cost ?? 0n),
      unknown: sum.unknown + (cost === null ? 1 : 0),
    })
  }
  return [...sums.values()]
}
