import type { Policy } from '../../policy/policy.ts'
import type { LitellmDirectory } from './directory.ts'
import { ownerOf } from './owners.ts'

/**
 * The tier of each customer that LiteLLM names one of the policy's for: by the name of its budget, else by what is written
 * beside its keys. Of a customer whose keys name several nothing is said. Null while LiteLLM has not been read whole.
 */
export function tiersIn(
  directory: LitellmDirectory,
  { tiers, attribution }: Policy,
  nameOf: (id: string) => string,
): ReadonlyMap<string, string> | null {
  if (directory.readAt() === null) return null
  const found = new Map<string, string>()
  const unclear = new Set<string>()
  for (const key of directory.keys().values()) {
    const { customer, tier } = ownerOf(key, attribution) ?? { customer: null, tier: null }
    if (customer === null || tier === null || !Object.hasOwn(tiers, tier)) continue
    const name = nameOf(customer)
    if ((found.get(name) ?? tier) !== tier) unclear.add(name)
    found.set(name, tier)
  }
  for (const name of unclear) found.delete(name)
  for (const { id, budgetId } of directory.customers().values())
    if (budgetId !== null && Object.hasOwn(tiers, budgetId)) found.set(nameOf(id), budgetId)
  return found
}
