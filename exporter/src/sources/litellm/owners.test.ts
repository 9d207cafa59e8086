import { describe, expect, it } from 'vitest'
import { RULES } from '../../../test/support/litellm.ts'
import { policyWith } from '../../../test/support/world.ts'
import { createDirectory, type LitellmKey } from './directory.ts'
import { createOwners } from './owners.ts'

const NOBODY = { customer: null, tier: null, user: null, agent: null, environment: null }

function key(alias: string | null, change: Partial<LitellmKey> = {}): LitellmKey {
  return { hash: `hash-${alias}`, alias, user: null, team: null, spend: null, limit: null, metadata: {}, ...change }
}

function knowing(...keys: LitellmKey[]) {
  const directory = createDirectory()
  directory.keep({ keys: new Map(keys.map((one) => [one.hash, one])) })
  return directory
}

describe('owners of keys', () => {
  it('are those of the policy while LiteLLM has said nothing', () => {
    const policy = policyWith({ apiKeys: { a: { ...NOBODY, customer: 'acme' } } })
    expect(createOwners(createDirectory())(policy)).toBe(policy.apiKeys)
  })

  it('are found in what LiteLLM knows of a key, by the places that the policy names', () => {
    const metadata = { customer_id: 'acme', plan_tier: 'tier_2', environment: 'staging', agent_id: 'bot', other: 'x' }
    const owners = createOwners(knowing(key('a', { user: 'ada', metadata }), key('b', { user: 'bob' })))(policyWith())
    expect(owners.a).toEqual({ customer: 'acme', tier: 'tier_2', user: 'ada', agent: 'bot', environment: 'staging' })
    expect(owners.b).toEqual({ ...NOBODY, user: 'bob' })
  })

  it('may be a customer by team or by the name of the key, where the policy looks there', () => {
    const attribution = {
      ...RULES,
      customer: [
        { in: 'field', name: 'key_team' },
        { in: 'field', name: 'key_alias' },
      ] as const,
    }
    const owners = createOwners(knowing(key('a', { team: 'Core' }), key('b')))(policyWith({ attribution }))
    expect([owners.a?.customer, owners.b?.customer]).toEqual(['Core', 'b'])
  })

  it('are the policy’s where both say something, and LiteLLM’s where only it does', () => {
    const policy = policyWith({ apiKeys: { a: { ...NOBODY, customer: 'ours', environment: 'production' } } })
    const directory = knowing(key('a', { user: 'ada', metadata: { customer_id: 'theirs', plan_tier: 'tier_1' } }))
    expect(createOwners(directory)(policy).a).toEqual({
      customer: 'ours',
      tier: 'tier_1',
      user: 'ada',
      agent: null,
      environment: 'production',
    })
  })

  it('are none of keys without a name or without a word about who has them', () => {
    const owners = createOwners(knowing(key(null, { user: 'ada' }), key('a'), key('constructor')))(policyWith())
    expect(Object.keys(owners)).toEqual([])
    expect(owners.constructor).toBeUndefined()
  })

  it('are made anew when LiteLLM or the policy says something else, and only then', () => {
    const directory = knowing(key('a', { user: 'ada' }))
    const ownersOf = createOwners(directory)
    const policy = policyWith()
    const first = ownersOf(policy)
    expect(ownersOf(policy)).toBe(first)
    directory.keep({ keys: new Map([['h', key('a', { user: 'eve' })]]) })
    expect(ownersOf(policy).a?.user).toBe('eve')
    expect(ownersOf(policyWith({ apiKeys: { a: { ...NOBODY, user: 'ours' } } })).a?.user).toBe('ours')
  })
})
