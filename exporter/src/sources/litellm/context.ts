import { createHash } from 'node:crypto'
import { rosterOf } from '../../attribution/roster.ts'
import type { Policy } from '../../policy/policy.ts'
import type { SourceDeps } from '../source.ts'
import type { EventContext } from './event.ts'

const ROSTERS = new WeakMap<Policy, (customer: string, at: number) => string | null>()

export type ContextDeps = Pick<SourceDeps, 'policy' | 'prices' | 'now' | 'tierAt' | 'owners' | 'hash'>

/** What the policy in force now says of attribution and prices. */
export function contextOf(deps: ContextDeps): EventContext {
  const policy = deps.policy()
  return {
    attribution: {
      rules: policy.attribution,
      owners: deps.owners?.() ?? policy.apiKeys,
      tierAt: deps.tierAt ?? roster(policy),
      hash: deps.hash ?? sha256,
    },
    prices: deps.prices(),
    development: policy.prices.profile === 'development',
    now: deps.now(),
  }
}

function roster(policy: Policy): (customer: string, at: number) => string | null {
  const known = ROSTERS.get(policy)
  if (known) return known
  const made = rosterOf(policy.customers)
  ROSTERS.set(policy, made)
  return made
}

/** The short stable form of a text, when nothing else is handed in. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
