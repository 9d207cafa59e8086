import { DIFFERENCES, type Difference } from '../catalogue.ts'
import type { Nano } from '../usage.ts'

/** A day and a model as the ledger has it and as a trace store has it. */
export interface ComparedRow {
  /** Local day number. */
  readonly day: number
  readonly model: string | null
  readonly provider: string | null
  readonly hereCost: Nano
  readonly thereCost: Nano
  /** Calls: only there, only here, with another cost, with other tokens, in another local day. */
  readonly missingHere: number
  readonly missingThere: number
  readonly price: number
  readonly tokens: number
  readonly dayBoundary: number
}

export interface Reconciled {
  /** First and last local day that was compared; null when there was nothing to compare. */
  readonly days: { readonly first: number; readonly last: number } | null
  /** Days and models with a difference, the largest in money first, then by calls. */
  readonly differing: readonly ComparedRow[]
  readonly agreeing: number
  readonly calls: Readonly<Record<Difference, number>>
  /** By provider, the dearest first: what the store has more of cost than the ledger, as a share of the ledger's; no share of nothing. */
  readonly ratios: ReadonlyMap<string | null, number>
}

/**
 * Compares two records of the same calls over whole days. A difference is named by its reason; sums that agree by chance, one
 * call too dear and one missing, are no agreement.
 */
export function reconcile(rows: readonly ComparedRow[]): Reconciled {
  const calls: Record<Difference, number> = { missing_here: 0, missing_there: 0, price: 0, tokens: 0, day_boundary: 0 }
  const sums = new Map<string | null, { here: Nano; there: Nano }>()
  const differing: ComparedRow[] = []
  for (const row of rows) {
    const sum = sums.get(row.provider) ?? { here: 0n, there: 0n }
    sum.here += row.hereCost
    sum.there += row.thereCost
    sums.set(row.provider, sum)
    for (const reason of DIFFERENCES) calls[reason] += countOf(row, reason)
    if (DIFFERENCES.some((reason) => countOf(row, reason) > 0)) differing.push(row)
  }
  return {
    days: rows.length === 0 ? null : span(rows),
    differing: differing.sort(byGravity),
    agreeing: rows.length - differing.length,
    calls,
    ratios: new Map(
      [...sums].sort(([, a], [, b]) => (a.here > b.here ? -1 : 1)).flatMap(([provider, sum]) => ratioOf(provider, sum)),
    ),
  }
}

function countOf(row: ComparedRow, reason: Difference): number {
  switch (reason) {
    case 'missing_here':
      return row.missingHere
    case 'missing_there':
      return row.missingThere
    case 'price':
      return row.price
    case 'tokens':
      return row.tokens
    case 'day_boundary':
      return row.dayBoundary
  }
}

function span(rows: readonly ComparedRow[]): { first: number; last: number } {
  const days = rows.map(({ day }) => day)
  return { first: Math.min(...days), last: Math.max(...days) }
}

function byGravity(a: ComparedRow, b: ComparedRow): number {
  const [x, y] = [apart(a), apart(b)]
  if (x !== y) return x > y ? -1 : 1
  const total = (row: ComparedRow) => DIFFERENCES.reduce((sum, reason) => sum + countOf(row, reason), 0)
  return total(b) - total(a) || b.day - a.day || ((a.model ?? '') < (b.model ?? '') ? -1 : 1)
}

function apart({ hereCost, thereCost }: ComparedRow): Nano {
  return hereCost > thereCost ? hereCost - thereCost : thereCost - hereCost
}

function ratioOf(
  provider: string | null,
  { here, there }: { here: Nano; there: Nano },
): [provider: string | null, ratio: number][] {
  return here > 0n ? [[provider, Number(there - here) / Number(here)]] : []
}
