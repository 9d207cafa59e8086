import type { MarginPolicy } from '../policy/policy.ts'
import { type Meter, METERS, type Nano } from '../usage.ts'
import { allocate } from './allocate.ts'
import type { DayMetered, DayUse } from './rows.ts'

/** What a customer used of a month under one plan. */
export interface Use {
  readonly customer: string
  /** '' = none. */
  readonly tier: string
  readonly calls: number
  readonly tokens: number
  readonly cost: Nano
  readonly unpriced: number
  /** Its share of what infrastructure costs, as far as that is known. */
  readonly infra: Nano
}

export interface UseSums {
  /** By customer, one for each plan. */
  readonly uses: ReadonlyMap<string, readonly Use[]>
  /** Known cost of infrastructure, and how much of it was divided among customers. */
  readonly infra: Nano
  readonly allocated: Nano
  /** Metered amounts that have no cost, and what they are of. */
  readonly unknown: number
  readonly unknownOf: readonly Meter[]
}

/** A month's use, day by day. Rows may come in any order, split and corrected: only their sum counts. */
export interface MonthUse {
  add(row: DayUse): void
  meter(row: DayMetered): void
  /**
   * The month so far. What each local day's infrastructure cost is divided over the customers and plans of that day, by weight;
   * services that are kept apart, and days on which nobody weighs anything, stay undivided. A day whose rows and rule are as they
   * were is not divided again.
   */
  sums(rule: MarginPolicy): UseSums
}

export function createMonthUse(): MonthUse {
  const days = new Map<number, Day>()
  const totals = new Map<string, Total[]>()
  let changed = new Set<Day>()
  let lastRule: MarginPolicy | null = null
  let [infra, allocated, unknown] = [0n, 0n, 0]
  const unknownOf = new Set<Meter>()
  const dayOf = (number: number): Day => {
    let day = days.get(number)
    if (!day) {
      day = { uses: new Map(), services: new Map(), divided: 0n }
      days.set(number, day)
    }
    changed.add(day)
    return day
  }
  const totalOf = ({ customer, tier }: DayUse): Total => {
    const own = totals.get(customer)
    const known = own?.find((total) => total.tier === tier)
    if (known) return known
    const total = { customer, tier, calls: 0, tokens: 0, cost: 0n, unpriced: 0, infra: 0n }
    if (own) own.push(total)
    else totals.set(customer, [total])
    return total
  }
  return {
    add(row) {
      const { uses } = dayOf(row.day)
      const total = totalOf(row)
      let use = uses.get(total)
      if (!use) {
        use = { calls: 0, tokens: 0, cost: 0n, infra: 0n }
        uses.set(total, use)
      }
      use.calls += row.calls
      use.tokens += row.tokens
      use.cost += row.cost
      total.calls += row.calls
      total.tokens += row.tokens
      total.cost += row.cost
      total.unpriced += row.unpriced
    },
    meter({ day, service, meter, cost, unknown: more }) {
      const { services } = dayOf(day)
      services.set(service, (services.get(service) ?? 0n) + cost)
      infra += cost
      unknown += more
      if (more > 0) unknownOf.add(meter)
    },
    sums(rule) {
      if (rule !== lastRule) changed = new Set(days.values())
      lastRule = rule
      for (const day of changed) {
        allocated -= day.divided
        divide(day, rule)
        allocated += day.divided
      }
      changed.clear()
      return { uses: totals, infra, allocated, unknown, unknownOf: METERS.filter((meter) => unknownOf.has(meter)) }
    },
  }
}

const SEPARATOR = '\u001f'

type Total = { -readonly [K in keyof Use]: Use[K] }

interface Day {
  readonly uses: Map<Total, Used>
  readonly services: Map<string, Nano>
  /** What of its infrastructure is in the customers' sums. */
  divided: Nano
}

interface Used {
  calls: number
  tokens: number
  cost: Nano
  /** What it has of the day's infrastructure, in the total already. */
  infra: Nano
}

function divide(day: Day, { allocate: by, keep }: MarginPolicy): void {
  let pool = 0n
  for (const [service, cost] of day.services) if (!keep.includes(service)) pool += cost
  if (pool === 0n && day.divided === 0n) return
  const names: string[] = []
  const weights: bigint[] = []
  for (const [total, use] of day.uses) {
    names.push(`${total.customer}${SEPARATOR}${total.tier}`)
    weights.push(weightOf(use, by))
  }
  const shares = pool === 0n ? null : allocate(pool, names, weights)
  let i = 0
  for (const [total, use] of day.uses) {
    const share = shares?.[i++] ?? 0n
    if (share === use.infra) continue
    total.infra += share - use.infra
    use.infra = share
  }
  day.divided = shares === null ? 0n : pool
}

function weightOf(use: Used, by: MarginPolicy['allocate']): bigint {
  if (by === 'model_cost') return use.cost
  return BigInt(by === 'tokens' ? use.tokens : use.calls)
}
