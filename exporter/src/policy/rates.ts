import type { ContainerRate } from './policy.ts'

/** The rate that holds at a moment: of those that have begun the one that began last; null when none has. */
export function rateAt(rates: readonly ContainerRate[], at: number): ContainerRate | null {
  let best: ContainerRate | null = null
  for (const rate of rates) if (begin(rate) <= at && (best === null || begin(rate) > begin(best))) best = rate
  return best
}

function begin({ from }: ContainerRate): number {
  return from ?? Number.NEGATIVE_INFINITY
}
