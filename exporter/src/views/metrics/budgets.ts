import { usd } from '@marginwatch/pricing'
import { LABEL_BOUNDS, METRICS, MOST_BUDGETS } from '../../catalogue.ts'
import type { Nano, Scope } from '../../usage.ts'
import { decimalText } from './decimal.ts'
import { type Histogram, histogramFamily } from './histogram.ts'
import type { Collector, Family, Sample } from './sample.ts'

/** One budget in its running period. */
export interface BudgetReading {
  readonly scope: Scope
  /** day, week, month or session. */
  readonly period: string
  /** Whose it is; null where that does not apply to the scope. */
  readonly customer: string | null
  readonly agent: string | null
  readonly tier: string | null
  readonly limit: Nano
  readonly spent: Nano
  readonly held: Nano
  /** What it will have spent at the end of its period; null when nothing can be foretold yet. */
  readonly forecast: Nano | null
  /** When its next period begins, epoch milliseconds; null when it has none. */
  readonly resetAt: number | null
  /** Hundredths of a percent of the highest threshold that it has reached, 0 for none. */
  readonly threshold: number
}

/** How the budgets are doing now. Counts are since `since`. */
export interface BudgetNumbers {
  /** Chosen and ordered, nearest to the limit first; of two with the same labels the first is shown. */
  readonly budgets: readonly BudgetReading[]
  /** Budgets that were not chosen only because there were too many. */
  readonly leftOut: number
  readonly decisions: readonly { readonly action: string; readonly reason: string; readonly count: number }[]
  /** Calls that left a gateway without a decision. */
  readonly undecided: number
  /** Holds whose call was never heard of again. */
  readonly unsettled: number
  readonly openHolds: number
  readonly agents: readonly { readonly agent: string; readonly paused: boolean }[]
  readonly runawaySessions: number
  /** Of `METRICS.decisionTime`. */
  readonly decisionSeconds: Histogram
  /** Epoch milliseconds. */
  readonly since: number
}

/** Budgets, decisions and holds. `read` gives null while nothing can be said of them: half a month is not a month. */
export function budgetsCollector(read: () => BudgetNumbers | null): Collector {
  const gauges = createBudgetGauges()
  const counter = createSamples()
  return {
    name: 'budgets',
    collect() {
      const numbers = read()
      return numbers === null ? [] : [...gauges.families(numbers), ...callFamilies(numbers, counter)]
    },
  }
}

function callFamilies(numbers: BudgetNumbers, samples: Samples): Family[] {
  const { decisions, undecided, unsettled, openHolds, runawaySessions, decisionSeconds, since } = numbers
  const one = (value: number): Sample[] => [{ labels: [], value: String(value) }]
  const counted = (value: number): Sample[] => [{ labels: [], value: String(value), created: since }]
  return [
    {
      metric: METRICS.decisions,
      samples: decisions.map(({ action, reason, count }) => samples.of([action, reason], String(count), since)),
    },
    { metric: METRICS.undecided, samples: counted(undecided) },
    { metric: METRICS.agentPaused, samples: agentSamples(numbers.agents) },
    { metric: METRICS.runawaySessions, samples: one(runawaySessions) },
    histogramFamily(METRICS.decisionTime, [decisionSeconds]),
    { metric: METRICS.holdsOpen, samples: one(openHolds) },
    { metric: METRICS.holdsUnsettled, samples: counted(unsettled) },
  ]
}

/** No more agents than have a place; those that are paused come first. */
function agentSamples(agents: BudgetNumbers['agents']): Sample[] {
  const inOrder = [...agents.filter(({ paused }) => paused), ...agents.filter(({ paused }) => !paused)]
  return inOrder
    .slice(0, LABEL_BOUNDS.agent)
    .map(({ agent, paused }) => ({ labels: [agent], value: paused ? '1' : '0' }))
}

interface Samples {
  of(labels: readonly string[], value: string, created: number): Sample
}

/** Keeps the sample of each series, of which there are few. */
function createSamples(): Samples {
  const kept = new Map<string, Sample>()
  return {
    of(labels, value, created) {
      const key = labels.join(SEPARATOR)
      const sample = kept.get(key) ?? { labels, value, created }
      kept.set(key, sample)
      sample.value = value
      return sample
    },
  }
}

/** What is shown of a budget, and how it is read off; null is not shown. */
const GAUGES = [
  { metric: METRICS.budgetLimit, value: ({ limit }) => usd(limit) },
  { metric: METRICS.budgetSpent, value: ({ spent }) => usd(spent) },
  { metric: METRICS.budgetHeld, value: ({ held }) => usd(held) },
  { metric: METRICS.budgetRemaining, value: ({ limit, spent }) => usd(limit - spent) },
  { metric: METRICS.budgetForecast, value: ({ forecast }) => (forecast === null ? null : usd(forecast)) },
  { metric: METRICS.budgetRatio, value: ({ limit, spent }) => ratio(spent, limit) },
  { metric: METRICS.budgetReset, value: ({ resetAt }) => (resetAt === null ? null : decimalText(resetAt, 3)) },
  { metric: METRICS.budgetThreshold, value: ({ threshold }) => decimalText(threshold, 4) },
] as const satisfies readonly {
  metric: (typeof METRICS)[keyof typeof METRICS]
  value: (budget: BudgetReading) => string | null
}[]

/** The samples of each budget in the order of GAUGES, kept from scrape to scrape while it is shown. */
function createBudgetGauges() {
  let kept = new Map<string, readonly Sample[]>()
  return {
    families({ budgets, leftOut }: BudgetNumbers): Family[] {
      const shown = new Map<string, readonly Sample[]>()
      const lists = GAUGES.map((): Sample[] => [])
      let more = leftOut
      for (const budget of budgets) {
        const labels = labelsOf(budget)
        const key = labels.join(SEPARATOR)
        if (shown.has(key)) continue
        if (shown.size >= MOST_BUDGETS) {
          more++
          continue
        }
        const samples = kept.get(key) ?? GAUGES.map(() => ({ labels, value: '' }))
        shown.set(key, samples)
        fill(lists, samples, budget)
      }
      kept = shown
      return [
        ...GAUGES.map(({ metric }, i): Family => ({ metric, samples: lists[i] ?? [] })),
        { metric: METRICS.budgetsLeftOut, samples: [{ labels: [], value: String(more) }] },
      ]
    },
  }
}

/** Reads a budget off into its samples, and puts those that have a value at the end of their gauge's list. */
function fill(lists: readonly Sample[][], samples: readonly Sample[], budget: BudgetReading): void {
  for (let i = 0; i < GAUGES.length; i++) {
    const value = GAUGES[i]?.value(budget) ?? null
    const sample = samples[i]
    if (value === null || sample === undefined) continue
    sample.value = value
    lists[i]?.push(sample)
  }
}

function labelsOf({ scope, period, customer, agent, tier }: BudgetReading): readonly string[] {
  return [scope, period, customer ?? '', agent ?? '', tier ?? '']
}

const MILLION = 1_000_000n

/** Six decimals, never rounded up: what shows as 1 has reached its limit. A limit of nothing has no share. */
function ratio(spent: Nano, limit: Nano): string | null {
  return limit <= 0n ? null : decimalText((spent * MILLION) / limit, 6)
}

const SEPARATOR = '\u001f'
