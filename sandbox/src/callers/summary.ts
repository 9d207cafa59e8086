import type { AskerStats } from '../decisions/asker.ts'
import type { Books, FalseBlocks, Refused } from './books.ts'

/** What came of a run. Ratios are of a customer's limit; amounts are nano-dollars. */
export interface CallersSummary {
  /** By how much the worst customer truly spent more than its limit; negative when nobody did. */
  readonly worstOverspendRatio: number
  readonly worstCustomer: string | null
  /** Calls that were made, and how many of their answers were cut shorter than they would have been. */
  readonly answered: number
  readonly clamped: number
  readonly clampedShare: number
  readonly degraded: number
  /** Refusals that were decided, and those for want of an answer. */
  readonly refused: number
  readonly refusedUnreachable: number
  /** Refusals while really more was free than a hundredth of the limit, or a usual call for each that asks or is under way. */
  readonly falseBlocks: number
  /** The same with calls counted as under way until the ledger has acknowledged their records. */
  readonly falseBlocksUnsettled: number
  /** Of what kind, and under which limit, these are, most first. */
  readonly falseBlocksOf: readonly FalseBlocks[]
  readonly worstFreeAtRefusal: Refused | null
  /** Calls that went on without a decision. */
  readonly undecided: number
  /** Calls that were paid for and that nobody heard of. */
  readonly lost: number
  /** Milliseconds from question to answer. */
  readonly askP50Ms: number | null
  readonly askP99Ms: number | null
  readonly asked: number
  readonly customers: readonly CustomerSummary[]
}

export interface CustomerSummary {
  readonly customer: string
  readonly limit: bigint
  readonly spent: bigint
  /** What the ledger was told of and has acknowledged. */
  readonly posted: bigint
  readonly answered: number
  readonly refused: number
}

export interface SummaryParts {
  readonly books: Books
  readonly count: {
    readonly clamped: number
    readonly lost: number
    readonly unreachable: number
    readonly degraded: number
  }
  readonly asker: AskerStats
  readonly tookMs: readonly number[]
}

export function summaryOf({ books, count, asker, tookMs }: SummaryParts): CallersSummary {
  const { refusals, worst, ...blocks } = books.refusals()
  const answered = books.accounts.reduce((sum, { calls }) => sum + calls, 0)
  const sorted = Float64Array.from(tookMs).sort()
  const over = books.accounts.map(({ customer, spent, limit }) => ({ customer, ratio: (spent - limit) / limit }))
  const dearest = over.reduce((a, b) => (b.ratio > a.ratio ? b : a), { customer: '', ratio: Number.NEGATIVE_INFINITY })
  return {
    worstOverspendRatio: dearest.ratio,
    worstCustomer: dearest.customer === '' ? null : dearest.customer,
    answered,
    clamped: count.clamped,
    clampedShare: answered === 0 ? 0 : count.clamped / answered,
    degraded: count.degraded,
    refused: refusals,
    refusedUnreachable: count.unreachable,
    ...blocks,
    worstFreeAtRefusal: worst,
    undecided: asker.undecided,
    lost: count.lost,
    askP50Ms: at(sorted, 0.5),
    askP99Ms: at(sorted, 0.99),
    asked: asker.asked,
    customers: books.accounts.map(({ customer, limit, spent, posted, calls, refused }) => ({
      customer,
      limit: BigInt(limit),
      spent: BigInt(spent),
      posted: BigInt(posted),
      answered: calls,
      refused,
    })),
  }
}

function at(sorted: Float64Array, share: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null
}
