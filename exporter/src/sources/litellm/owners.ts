import { type Facts, look, type Place, readFacts } from '../../attribution/facts.ts'
import { scalar } from '../../attribution/label.ts'
import type { KeyOwner, Policy } from '../../policy/policy.ts'
import type { LitellmDirectory, LitellmKey } from './directory.ts'

type Owners = Readonly<Record<string, KeyOwner>>

/**
 * Who owns the calls of each key, by its alias: what the policy says, and where it says nothing what LiteLLM knows of the key,
 * found by the policy's own rules. Made anew only when one of the two has changed.
 */
export function createOwners(directory: LitellmDirectory): (policy: Policy) => Owners {
  let last: { policy: Policy; keys: ReadonlyMap<string, LitellmKey>; owners: Owners } | null = null
  return (policy) => {
    const keys = directory.keys()
    if (keys.size === 0) return policy.apiKeys
    if (last === null || last.policy !== policy || last.keys !== keys)
      last = { policy, keys, owners: ownersOf(policy, keys) }
    return last.owners
  }
}

function ownersOf(policy: Policy, keys: ReadonlyMap<string, LitellmKey>): Owners {
  // Without a prototype, as the policy's: aliases come from traffic.
  const owners: Record<string, KeyOwner> = Object.assign(Object.create(null), policy.apiKeys)
  for (const key of keys.values()) {
    if (key.alias === null) continue
    const known = ownerOf(key, policy.attribution)
    const written = Object.hasOwn(policy.apiKeys, key.alias) ? policy.apiKeys[key.alias] : undefined
    if (known !== null) owners[key.alias] = written === undefined ? known : laidOver(written, known)
  }
  return owners
}

function laidOver(written: KeyOwner, known: KeyOwner): KeyOwner {
  return {
    customer: written.customer ?? known.customer,
    tier: written.tier ?? known.tier,
    user: written.user ?? known.user,
    agent: written.agent ?? known.agent,
    environment: written.environment ?? known.environment,
  }
}

/** Whose a key is by what LiteLLM knows of it; null when that is nothing. */
export function ownerOf(key: LitellmKey, rules: Policy['attribution']): KeyOwner | null {
  const facts = readFacts(factsOf(key))
  const find = (places: readonly Place[]) => {
    for (const place of places) {
      const found = scalar(look(facts, place))
      if (found !== null) return found
    }
    return null
  }
  const owner = {
    customer: find(rules.customer),
    tier: find(rules.tier),
    user: find(rules.user) ?? key.user,
    agent: find(rules.agent),
    environment: find(rules.environment),
  }
  return Object.values(owner).some((value) => value !== null) ? owner : null
}

/** A key as a call that says no more than its key does. */
function factsOf({ alias, user, team, metadata }: LitellmKey): Facts {
  const fields = { key_alias: alias, key_user: user, key_team: team }
  return { start: 0, fields, tags: [], metadata, headers: {}, keyAlias: alias }
}
