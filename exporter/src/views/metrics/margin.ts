import { usd } from '@marginwatch/pricing'
import { CUSTOMER_STATES, LABEL_BOUNDS, METRICS, WORST_CUSTOMERS } from '../../catalogue.ts'
import { type Nano, OTHER } from '../../usage.ts'
import { decimalText } from './decimal.ts'
import type { Collector, Family, Sample } from './sample.ts'

/** A plan in the running month. Money in nano-dollars; what rests on infrastructure is null while that is not all known. */
export interface TierReading {
  readonly tier: string
  readonly revenueAccrued: Nano
  readonly revenueMonth: Nano
  readonly modelCost: Nano
  readonly infraCost: Nano | null
  readonly margin: Nano | null
  /** Hundredths of a percent. */
  readonly target: number | null
  readonly earning: number
  readonly losing: number
  readonly trial: number
  readonly assumed: number
}

/** The running month's margin. */
export interface MarginNumbers {
  /** The first ones have series of their own. */
  readonly tiers: readonly TierReading[]
  readonly infra: { readonly unallocated: Nano; readonly unknown: string | null }
  /** Those with the least margin, the worst first. */
  readonly worst: readonly { readonly customer: string; readonly tier: string; readonly margin: Nano | null }[]
}

/** What something has cost since it is metered, in nano-dollars. */
export interface InfraReading {
  readonly resource: string
  readonly kind: string
  readonly service: string
  readonly cost: Nano
  /** Epoch milliseconds. */
  readonly since: number
}

export interface MarginReaders {
  /** Null while nothing can be said: half a month is not a month. */
  readonly margin: () => MarginNumbers | null
  /** Null likewise; those of a service that came first stand first. */
  readonly infra: () => readonly InfraReading[] | null
}

/** Margin by tier and customer, and what infrastructure costs. */
export function marginCollector(read: MarginReaders): Collector {
  const tiers = GAUGES.map(({ metric }) => gauge(metric))
  const states = gauge(METRICS.tierCustomers)
  const customers = gauge(METRICS.customerMargin)
  const whole = { unallocated: gauge(METRICS.infraUnallocated), unknown: gauge(METRICS.infraUnknown) }
  const infraCost = gauge(METRICS.infraCost)
  return {
    name: 'margin',
    collect() {
      const infra = infraCost.show(infraRows(read.infra() ?? []))
      const numbers = read.margin()
      if (numbers === null) return [infra]
      const shown = bounded(numbers.tiers)
      const { unallocated, unknown } = numbers.infra
      return [
        ...tiers.map((one, i) => one.show(shown.map((tier) => [[tier.tier], GAUGES[i]?.value(tier) ?? null]))),
        states.show(
          shown.flatMap((tier) => CUSTOMER_STATES.map((state): Row => [[tier.tier, state], `${tier[state]}`])),
        ),
        customers.show(numbers.worst.slice(0, WORST_CUSTOMERS).map(customerRow)),
        infra,
        whole.unallocated.show([[[], unknown === null ? usd(unallocated) : null]]),
        whole.unknown.show([[[], unknown === null ? '0' : '1']]),
      ]
    },
  }
}

/** What is shown of a plan, and how it is read off; null is not shown. */
const GAUGES = [
  { metric: METRICS.revenueAccrued, value: ({ revenueAccrued }) => usd(revenueAccrued) },
  { metric: METRICS.revenueMonth, value: ({ revenueMonth }) => usd(revenueMonth) },
  { metric: METRICS.tierModelCost, value: ({ modelCost }) => usd(modelCost) },
  { metric: METRICS.tierInfraCost, value: ({ infraCost }) => (infraCost === null ? null : usd(infraCost)) },
  { metric: METRICS.tierMargin, value: ({ margin }) => (margin === null ? null : usd(margin)) },
  { metric: METRICS.tierMarginRatio, value: ({ margin, revenueAccrued }) => ratio(margin, revenueAccrued) },
  { metric: METRICS.tierMarginTarget, value: ({ target }) => (target === null ? null : decimalText(target, 4)) },
  { metric: METRICS.tierCustomersAssumed, value: ({ assumed }) => `${assumed}` },
  { metric: METRICS.tierReturn, value: ({ revenueAccrued, modelCost }) => ratio(revenueAccrued, modelCost) },
] as const satisfies readonly {
  metric: (typeof METRICS)[keyof typeof METRICS]
  value: (tier: TierReading) => string | null
}[]

/** No more plans than have a place: names of plans come with calls too, and anybody may make one up. */
function bounded(tiers: readonly TierReading[]): readonly TierReading[] {
  if (tiers.length <= LABEL_BOUNDS.tier) return tiers
  const [first, ...rest] = tiers.slice(LABEL_BOUNDS.tier)
  if (first === undefined) return tiers
  return [...tiers.slice(0, LABEL_BOUNDS.tier), { ...rest.reduce(together, first), tier: OTHER, target: null }]
}

function together(a: TierReading, b: TierReading): TierReading {
  return {
    ...a,
    revenueAccrued: a.revenueAccrued + b.revenueAccrued,
    revenueMonth: a.revenueMonth + b.revenueMonth,
    modelCost: a.modelCost + b.modelCost,
    infraCost: sum(a.infraCost, b.infraCost),
    margin: sum(a.margin, b.margin),
    earning: a.earning + b.earning,
    losing: a.losing + b.losing,
    trial: a.trial + b.trial,
    assumed: a.assumed + b.assumed,
  }
}

function sum(a: Nano | null, b: Nano | null): Nano | null {
  return a === null || b === null ? null : a + b
}

function customerRow({ customer, tier, margin }: MarginNumbers['worst'][number]): Row {
  return [[customer, tier], margin === null ? null : usd(margin)]
}

/** Services beyond the bound are one together. */
function infraRows(readings: readonly InfraReading[]): Row[] {
  const named = new Set<string>()
  const costs = new Map<string, { labels: readonly string[]; cost: Nano; since: number }>()
  for (const { resource, kind, service, cost, since } of readings) {
    if (named.size < LABEL_BOUNDS.service) named.add(service)
    const labels = [resource, kind, named.has(service) ? service : OTHER]
    const key = labels.join(SEPARATOR)
    const known = costs.get(key)
    costs.set(key, { labels, cost: (known?.cost ?? 0n) + cost, since: Math.min(known?.since ?? since, since) })
  }
  return [...costs.values()].map(({ labels, cost, since }): Row => [labels, usd(cost), since])
}

type Row = readonly [labels: readonly string[], value: string | null, created?: number]
type Valued = Extract<Family['metric'], { readonly type: 'counter' | 'gauge' }>

/** Keeps the sample of each series while it is shown. */
function gauge(metric: Valued) {
  let kept = new Map<string, Sample>()
  return {
    show(rows: readonly Row[]): Family {
      const shown = new Map<string, Sample>()
      for (const [labels, value, created] of rows) {
        if (value === null) continue
        const key = labels.join(SEPARATOR)
        const known = kept.get(key)
        const sample = known && known.created === created ? known : made(labels, created)
        sample.value = value
        shown.set(key, sample)
      }
      kept = shown
      return { metric, samples: [...shown.values()] }
    },
  }
}

function made(labels: readonly string[], created: number | undefined): Sample {
  return created === undefined ? { labels, value: '' } : { labels, value: '', created }
}

const MILLION = 1_000_000n

/** Six decimals, never rounded up: a target that is just missed does not look met. Of nothing there is no share. */
function ratio(part: Nano | null, whole: Nano): string | null {
  if (part === null || whole <= 0n) return null
  const quotient = (part * MILLION) / whole
  return decimalText(part < 0n && quotient * whole !== part * MILLION ? quotient - 1n : quotient, 6)
}

const SEPARATOR = '\u001f'
