import { type Call, CAST, type Company, type Customer, TIERS, type Traffic } from '@marginwatch/sandbox'
import type { Calendar } from '../calendar.ts'
import type { CustomerEntry, Policy } from '../policy/policy.ts'
import type { Nano } from '../usage.ts'

const DOLLAR = 1_000_000_000n

/** What the plans cost that the user's policy does not have; those that it has cost what it says. */
const PLANS: Policy['tiers'] = {
  tier_1: plan(49n, 8n),
  tier_2: plan(99n, 18n),
  tier_3: plan(199n, 35n),
}

function plan(price: Nano, budget: Nano): Policy['tiers'][string] {
  return { prices: [{ price: price * DOLLAR, from: null }], budget: budget * DOLLAR, target: null }
}

/** The user's plans, and those of the company that are not among them. */
export function demoTiers(tiers: Policy['tiers']): Policy['tiers'] {
  const missing = TIERS.flatMap((name) => {
    const found = tiers[name] ?? PLANS[name]
    return found === undefined || Object.hasOwn(tiers, name) ? [] : [[name, found] as const]
  })
  return Object.freeze(Object.assign(Object.create(null) as Policy['tiers'], tiers, Object.fromEntries(missing)))
}

/** Nobody has entered these yet: they are known from what their calls say. */
const UNENTERED: ReadonlySet<string> = new Set(['inkwell-print', 'pebble-beach-rentals', 'millrace-software'])
/** In the first days of a month, or of the demonstration, its last week is cut short. */
const LATELY_DAYS = 6
const JOINED = 'thistle-down-inn'
const LEFT = 'driftwood-hostel'
const ON_TRIAL = 'juniper-barbers'
const TRIAL_DAYS = 14
const GREW = 'kiteworks-toys'
/** What the heaviest customer of a plan pays that came while there was hardly a product: less than it costs by now. */
const OLD_PRICES: Readonly<Record<string, Nano>> = { tier_2: 29n * DOLLAR, tier_3: 39n * DOLLAR }

/**
 * Who the customers of the invented company are, as a file of it would say: since when each has which plan, one that joined
 * lately, one that left, one on trial, one that took a dearer plan, two that pay less than others. Dates follow from when the
 * demonstration began, so that they stay the same over restarts.
 */
export function clientele(company: Company, began: number, calendar: Calendar): readonly CustomerEntry[] {
  const today = calendar.day(began)
  const lately = Math.max(calendar.monthOf(today), today - LATELY_DAYS)
  const start = (day: number) => calendar.dayStart(day)
  const old = oldPrices(company)
  return company.customers.flatMap((customer, index): CustomerEntry[] => {
    const { id, tier } = customer
    if (tier === null || UNENTERED.has(id)) return []
    const since = start(today - 60 - ((index * 137) % 700))
    const usual = { id, tier, from: since, to: null, price: old.get(id) ?? null, trialUntil: null }
    switch (id) {
      case JOINED:
        return [{ ...usual, from: start(lately) }]
      case LEFT:
        return [{ ...usual, to: start(lately) }]
      case ON_TRIAL:
        return [{ ...usual, from: start(lately), trialUntil: start(lately + TRIAL_DAYS) }]
      case GREW:
        return [
          { ...usual, to: start(lately) },
          { ...usual, from: start(lately), tier: 'tier_2' },
        ]
      default:
        return [usual]
    }
  })
}

function oldPrices({ customers }: Company): ReadonlyMap<string, Nano> {
  const cast = new Set<string>(Object.values(CAST).map(({ customer }) => customer))
  return new Map(
    Object.entries(OLD_PRICES).flatMap(([tier, price]): [string, Nano][] => {
      const heaviest = customers
        .filter((one) => one.tier === tier && !cast.has(one.id) && !UNENTERED.has(one.id))
        .reduce<Customer | null>((most, one) => (most === null || one.weight > most.weight ? one : most), null)
      return heaviest === null ? [] : [[heaviest.id, price]]
    }),
  )
}

/** The traffic of those who are customers at the time, under the plan that they have then; of whom nobody has entered, all. */
export function trafficOf(traffic: Traffic, entries: readonly CustomerEntry[]): Traffic {
  const known = new Map<string, CustomerEntry[]>()
  for (const entry of entries) known.set(entry.id, [...(known.get(entry.id) ?? []), entry])
  return {
    ...traffic,
    *calls(from, to, options) {
      for (const call of traffic.calls(from, to, options)) {
        const made = madeBy(call, known.get(call.customer ?? ''))
        if (made !== null) yield made
      }
    },
  }
}

/** Null when its customer is none at the time. */
function madeBy(call: Call, entries: readonly CustomerEntry[] | undefined): Call | null {
  if (entries === undefined) return call
  const { start } = call
  const entry = entries.find(({ from, to }) => (from ?? -Infinity) <= start && start < (to ?? Infinity))
  if (entry === undefined) return null
  return entry.tier === call.tier ? call : { ...call, tier: entry.tier }
}
