import { type Env, limit, oneOf, Refusal } from './kinds.ts'
import { PROFILES } from './schema.ts'

/** `COST_TRACKING_TIER` stands above the file's price profile; null when it is not set. */
export function profileFrom(env: Env): (typeof PROFILES)[number] | null | Refusal {
  const text = env.COST_TRACKING_TIER
  if (text === undefined || text === '') return null
  const profile = oneOf(PROFILES).read(text)
  return profile instanceof Refusal
    ? new Refusal(`the environment variable COST_TRACKING_TIER stands above this: ${profile.message}`)
    : profile
}

/** `AGENT_MAX_MONTHLY_COST_USD`, as a file would write it, is what an agent may spend where the file does not say; null when it is not set. */
export function agentLimitFrom(env: Env): string | null | Refusal {
  const text = env.AGENT_MAX_MONTHLY_COST_USD
  if (text === undefined || text === '') return null
  const amount = limit.read(text)
  return amount instanceof Refusal
    ? new Refusal(`the environment variable AGENT_MAX_MONTHLY_COST_USD is the default of this: ${amount.message}`)
    : text
}
