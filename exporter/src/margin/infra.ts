import type { Calendar } from '../calendar.ts'
import type { Nano } from '../usage.ts'
import type { DayMetered } from './rows.ts'

/** What something has cost since it is metered. */
export interface InfraTotal {
  readonly resource: string
  /** cpu, memory, network. */
  readonly kind: string
  readonly service: string
  readonly cost: Nano
  /** Begin of the first local day with a cost, epoch milliseconds. */
  readonly since: number
}

export interface InfraTotals {
  add(row: DayMetered): void
  /** Begin of the first local day on which anything was metered, with a cost or without, epoch milliseconds; null = never. */
  since(): number | null
  /** By the day on which each began, then by name: a service that came earlier keeps its place. */
  all(): InfraTotal[]
}

/** Sums of all that was ever metered; what has no rate is in none of them. */
export function createInfraTotals(calendar: Calendar): InfraTotals {
  const totals = new Map<string, Total>()
  let first = Number.POSITIVE_INFINITY
  return {
    add({ day, resource, service, meter, cost, unknown }) {
      first = Math.min(first, day)
      if (cost === 0n && unknown > 0) return
      const name = [service, resource, meter].join(SEPARATOR)
      const known = totals.get(name)
      if (known) {
        known.cost += cost
        if (day < known.day) known.day = day
      } else totals.set(name, { name, resource, service, kind: meter, cost, day })
    },
    since: () => (Number.isFinite(first) ? calendar.dayStart(first) : null),
    all: () =>
      [...totals.values()]
        .sort((a, b) => a.day - b.day || (a.name < b.name ? -1 : 1))
        .map(({ resource, kind, service, cost, day }) => ({
          ...{ resource, kind, service, cost },
          since: calendar.dayStart(day),
        })),
  }
}

const SEPARATOR = '\u001f'

interface Total {
  readonly name: string
  readonly resource: string
  readonly service: string
  readonly kind: string
  cost: Nano
  day: number
}

/** What is known of how infrastructure is metered. */
export interface Metering {
  /** Whether anything meters it at all. */
  readonly metered: boolean
  /** Whether there are rates by which amounts become costs. */
  readonly rated: boolean
  /** When nothing was metered though it should have been, epoch milliseconds; `to` null = still so. */
  readonly gaps: readonly { readonly from: number; readonly to: number | null }[]
}

/**
 * Why the cost of infrastructure in [from, to) is not all known, in a sentence; null when it is. Metered amounts without a rate
 * are counted by whoever sums them.
 */
export function missingInfra({ metered, rated, gaps }: Metering, from: number, to: number): string | null {
  if (!metered) return 'nothing meters the infrastructure (sources.docker does)'
  if (!rated) return 'there are no rates for what is metered (rates.containers)'
  let ms = 0
  let until = from
  // They may overlap.
  for (const gap of gaps.toSorted((a, b) => a.from - b.from)) {
    const end = Math.min(gap.to ?? to, to)
    ms += Math.max(0, end - Math.max(gap.from, until))
    until = Math.max(until, end)
  }
  return ms === 0 ? null : `nothing was metered for ${spanText(ms)}`
}

const SPANS = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
] as const

function spanText(ms: number): string {
  for (const [unit, name] of SPANS) {
    if (ms < unit) continue
    const n = Math.floor(ms / unit)
    return `${n} ${name}${n === 1 ? '' : 's'}`
  }
  return 'less than a minute'
}
