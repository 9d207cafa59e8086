import type { Nano } from '../usage.ts'

/**
 * Divides an amount by weight: the shares are in the order of the names and their sum is the amount, to the nano-dollar. Each
 * gets the whole part of its exact share, and what that leaves goes, a nano-dollar each, to the largest fractions, among equal
 * ones by name (the method of the largest remainder, after Hamilton). Names differ; a weight below 0 counts as 0. Null when
 * nobody has a weight.
 */
export function allocate(amount: Nano, names: readonly string[], weights: readonly bigint[]): Nano[] | null {
  if (amount < 0n) return allocate(-amount, names, weights)?.map((share) => -share) ?? null
  let total = 0n
  for (const weight of weights) if (weight > 0n) total += weight
  if (total === 0n) return null
  const shares: Nano[] = []
  const fractions: bigint[] = []
  let given = 0n
  for (const weight of weights) {
    const product = weight > 0n ? amount * weight : 0n
    const share = product / total
    shares.push(share)
    fractions.push(product - share * total)
    given += share
  }
  const odd = Number(amount - given)
  // As numbers, where they fit, fractions are put in order many times faster.
  const light = total <= BigInt(Number.MAX_SAFE_INTEGER)
  const places = light ? largest(Float64Array.from(fractions, Number), names, odd) : largest(fractions, names, odd)
  for (const i of places) shares[i] = (shares[i] ?? 0n) + 1n
  return shares
}

/** Places of the largest fractions, among equal ones by name. */
function largest<F extends number | bigint>(
  fractions: ArrayLike<F>,
  names: readonly string[],
  count: number,
): number[] {
  if (count === 0) return []
  const sorted = fractions instanceof Float64Array ? fractions.toSorted() : Array.from(fractions).sort(ascending)
  const least = sorted[sorted.length - count] as F
  const above: number[] = []
  const equal: number[] = []
  for (let i = 0; i < fractions.length; i++) {
    const fraction = fractions[i] as F
    if (fraction > least) above.push(i)
    else if (fraction === least) equal.push(i)
  }
  equal.sort((a, b) => ((names[a] ?? '') < (names[b] ?? '') ? -1 : 1))
  return [...above, ...equal.slice(0, count - above.length)]
}

function ascending<F extends number | bigint>(a: F, b: F): number {
  return a < b ? -1 : a > b ? 1 : 0
}
