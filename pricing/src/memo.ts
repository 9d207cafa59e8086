import type { ServiceTier } from './tokens.ts'

/**
 * Remembers answers by model, provider and service tier, at most `capacity` of them; when full it starts
 * afresh, which costs each live name one look-up. Nested maps
 * instead of a joined key: joining strings costs more than the look-up.
 */
export function memoised<T>(
  capacity: number,
  compute: (model: string, provider: string | null, tier: ServiceTier) => T,
): (model: string, provider: string | null, tier: ServiceTier) => T {
  const memories = new Map<ServiceTier, Map<string | null, Map<string, T>>>()
  let size = 0
  return (model, provider, tier) => {
    const remembered = memories.get(tier)?.get(provider)?.get(model)
    if (remembered !== undefined) return remembered
    const value = compute(model, provider, tier)
    if (size >= capacity) {
      memories.clear()
      size = 0
    }
    const byProvider = memories.get(tier) ?? new Map<string | null, Map<string, T>>()
    const byModel = byProvider.get(provider) ?? new Map<string, T>()
    memories.set(tier, byProvider)
    byProvider.set(provider, byModel)
    byModel.set(model, value)
    size++
    return value
  }
}
