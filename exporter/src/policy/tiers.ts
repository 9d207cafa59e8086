import type { BasisPoints, Policy, Tier } from './policy.ts'

/** What a plan costs a customer a month at a moment (epoch milliseconds), in nano-dollars; null before its first price. */
export function priceAt(tier: Tier, at: number): bigint | null {
  return tier.prices.findLast(({ from }) => from === null || from <= at)?.price ?? null
}

const WHOLE: BasisPoints = 10_000

/**
 * Share of the revenue that a plan is to leave at a moment: what the file says, else what is left of the price when the whole
 * budget is spent (1 − budget ÷ price, rounded down). Null for a plan that nothing is known of, that costs nothing, or whose
 * customers have no budget by the month.
 */
export function targetAt({ tiers, budgets }: Policy, name: string, at: number): BasisPoints | null {
  const tier = tiers[name]
  if (tier === undefined) return null
  if (tier.target !== null) return tier.target
  const price = priceAt(tier, at)
  if (price === null || price <= 0n || tier.budget === null || budgets.customer.period !== 'month') return null
  const spent = (tier.budget * BigInt(WHOLE) + price - 1n) / price
  return WHOLE - Number(spent)
}
