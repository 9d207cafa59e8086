import type { Nano } from '../usage.ts'

/** Who shares in a cost. Weights are whole; one below 0 counts as 0. */
export interface Sharer {
  /** Decides who gets the odd nano-dollar; no two have the same. */
  readonly name: string
  readonly weight: bigint
}

/**
 * Divides an amount by weight: the shares are in the order of the sharers and their sum is the amount, to the nano-dollar. Each
 * gets the whole part of its exact share, and what that leaves goes, a nano-dollar each, to the largest fractions, among equal
 * ones by name (the method of the largest remainder, after Hamilton). Null when nobody has a weight.
 */
export function allocate(amount: Nano, sharers: readonly Sharer[]): Nano[] | null {
  if (amount < 0n) return allocate(-amount, sharers)?.map((share) => -share) ?? null
  let total = 0n
  for (const { weight } of sharers) if (weight > 0n) total += weight
  if (total === 0n) return null
  const shares: Nano[] = []
  const fractions: (number | bigint)[] = []
  let left = amount
  // Remainders are below the total; as numbers, where they fit, they are compared many times faster.
  const light = total <= BigInt(Number.MAX_SAFE_INTEGER)
  for (const { weight } of sharers) {
    const product = weight > 0n ? amount * weight : 0n
    const share = product / total
    const fraction = product - share * total
    shares.push(share)
    fractions.push(light ? Number(fraction) : fraction)
    left -= share
  }
  for (const i of largest(fractions, sharers, Number(left))) shares[i] = (shares[i] ?? 0n) + 1n
  return shares
}

/** Places of the largest fractions, among equal ones by name. */
function largest(fractions: readonly (number | bigint)[], sharers: readonly Sharer[], count: number): number[] {
  if (count === 0) return []
  const places = sharers.map((_, i) => i)
  const before = (a: string, b: string) => (a < b ? -1 : 1)
  places.sort((a, b) => {
    const [x, y] = [fractions[a] ?? 0, fractions[b] ?? 0]
    if (x !== y) return x > y ? -1 : 1
    return before(sharers[a]?.name ?? '', sharers[b]?.name ?? '')
  })
  return places.slice(0, count)
}
