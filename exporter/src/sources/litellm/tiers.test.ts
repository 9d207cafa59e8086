import { describe, expect, it } from 'vitest'
import { plan, policyWith } from '../../../test/support/world.ts'
import { createDirectory, type LitellmCustomer, type LitellmKey } from './directory.ts'
import { tiersIn } from './tiers.ts'

const policy = policyWith({ tiers: { tier_1: plan(49n), tier_2: plan(99n) } })

function customer(id: string, budgetId: string | null): LitellmCustomer {
  return { id, alias: null, spend: null, budgetId, limit: null, resetsAt: null }
}
function key(hash: string, metadata: Record<string, string>): LitellmKey {
  return { hash, alias: null, user: null, team: null, spend: null, limit: null, metadata }
}
function directoryOf(customers: readonly LitellmCustomer[], keys: readonly LitellmKey[] = []) {
  const directory = createDirectory()
  directory.keep({
    customers: new Map(customers.map((one) => [one.id, one])),
    keys: new Map(keys.map((one) => [one.hash, one])),
  })
  directory.complete(1)
  return directory
}
const tiers = (...args: Parameters<typeof directoryOf>) =>
  Object.fromEntries(tiersIn(directoryOf(...args), policy, (id) => id.toUpperCase()) ?? [])

describe('LiteLLM', () => {
  it('names the tier of a customer by the name of its budget, and by no other budget, those of the backstop included', () => {
    const budgets = ['tier_1', 'gold', 'marginwatch:1mo:tier:tier_1', 'constructor', null]
    expect(tiers(budgets.map((budget, i) => customer(`c${i}`, budget)))).toEqual({ C0: 'tier_1' })
  })

  it('names it by what is written beside a key, where no budget does and the keys do not disagree', () => {
    const acme = { customer_id: 'acme', plan_tier: 'tier_1' }
    const keys = [
      key('a', acme),
      key('b', { customer_id: 'acme' }),
      key('c', { customer_id: 'beta', plan_tier: 'tier_1' }),
      key('d', { customer_id: 'beta', plan_tier: 'tier_2' }),
      key('e', { customer_id: 'gamma', plan_tier: 'tier_1' }),
      key('f', { customer_id: 'delta', plan_tier: 'gold' }),
      key('g', { plan_tier: 'tier_1' }),
    ]
    expect(tiers([customer('gamma', 'tier_2'), customer('beta', null)], keys)).toEqual({
      ACME: 'tier_1',
      GAMMA: 'tier_2',
    })
  })

  it('has said nothing before it was read whole, nor after it was another one', () => {
    const directory = directoryOf([customer('acme', 'tier_1')])
    directory.forget()
    expect(tiersIn(directory, policy, (id) => id)).toBeNull()
    directory.keep({ customers: new Map([['acme', customer('acme', 'tier_1')]]) })
    expect(tiersIn(directory, policy, (id) => id)).toBeNull()
    directory.complete(2)
    expect(tiersIn(directory, policy, (id) => id)?.size).toBe(1)
  })
})
