import type { Correction, Tokens, Usage } from '../../usage.ts'
import { SOURCE } from './observation.ts'

/** An event of ours, with what it costs by now. */
export type Counted = Pick<
  Usage,
  | 'key'
  | 'start'
  | 'customer'
  | 'tier'
  | 'user'
  | 'session'
  | 'agent'
  | 'operation'
  | 'queryType'
  | 'model'
  | 'provider'
  | 'environment'
  | 'status'
  | 'tokens'
  | 'cost'
  | 'basis'
>

/**
 * Takes back an event that was made of an observation, because the gateway has told of the call by itself: one correction of all
 * that it added to any sum. `event` is as it stands by now, repriced where it was. The same event is taken back once.
 */
export function takeBack(event: Counted): Correction {
  const { key, start, customer, tier, user, session, agent, operation, queryType, model, provider } = event
  return {
    kind: 'correction',
    version: 1,
    key: `${TAKEN_BACK}${key}`,
    of: key,
    reason: 'the gateway has told of the call by itself',
    by: SOURCE,
    source: SOURCE,
    start,
    customer,
    tier,
    user,
    session,
    agent,
    operation,
    queryType,
    model,
    provider,
    environment: event.environment,
    status: event.status,
    basis: event.basis,
    calls: -1,
    tokens: negative(event.tokens),
    cost: -(event.cost ?? 0n),
  }
}

/** What the key of such a correction begins with. */
export const TAKEN_BACK = 'taken-back:'

function negative(tokens: Tokens): Tokens {
  return Object.fromEntries(Object.entries(tokens).map(([name, n]) => [name, -n]))
}
