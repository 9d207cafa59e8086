import type { Correction, Usage } from '../usage.ts'
import { heardKey, unsettledKey } from './calls.ts'
import type { Hold } from './holds.ts'

/** Error class of an event that stands for a call that was let go and never heard of. */
export const UNSETTLED = 'Unsettled'

/** The event that charges a call that was never heard of with all that it can have cost. */
export function estimateOf({ callId, at, call }: Hold): Usage {
  const { customer, tier, session, agent, trace, amount } = call
  return {
    kind: 'usage',
    version: 1,
    key: unsettledKey(callId),
    source: 'budgets',
    start: at,
    customer,
    tier,
    user: null,
    session,
    agent,
    trace,
    operation: null,
    callType: null,
    queryType: null,
    modelAsked: call.modelAsked,
    model: call.own,
    provider: null,
    environment: null,
    project: null,
    keyAlias: null,
    promptName: null,
    promptVersion: null,
    tools: [],
    status: 'cancelled',
    errorClass: UNSETTLED,
    errorMessage: 'The call was let go and never heard of; it is charged with the most that it can have cost.',
    finishReason: null,
    stream: false,
    cacheHit: false,
    temperature: null,
    tokens: {},
    cost: amount,
    basis: 'estimated',
    saved: null,
    durationMs: null,
    ttftMs: null,
    contextWindow: null,
    bytes: null,
    dimensions: null,
    metadata: { call_id: callId },
  }
}

/** Who takes estimates back. */
export const BY = 'budgets'

/** Takes the estimate back: the call was heard of after all. */
export function correctionOf(hold: Hold): Correction {
  const estimate = estimateOf(hold)
  const { start, customer, tier, user, session, agent, operation, queryType, model, provider, environment } = estimate
  return {
    kind: 'correction',
    version: 1,
    key: heardKey(hold.callId),
    of: estimate.key,
    reason: 'the call was heard of after all',
    by: BY,
    source: estimate.source,
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
    environment,
    status: estimate.status,
    basis: estimate.basis,
    calls: -1,
    tokens: {},
    cost: -hold.call.amount,
  }
}
