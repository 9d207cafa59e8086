import type { Policy } from '../policy/policy.ts'
import type { Ask, Decision, MeterReading } from './ask.ts'
import type { Hold } from './holds.ts'
import { sessionSubject } from './meters.ts'
import type { Models } from './models.ts'

/** LiteLLM's own, where the policy describes no gateway. */
const DEFAULT_TIMEOUT = 600_000

interface HoldOptions {
  readonly policy: Policy
  readonly models: Models
  readonly seq: number
  readonly now: number
}

/** What a call holds that is let go by a decision, and for how long it can be on its way. */
export function holdOf(
  { callId, who, model, input }: Ask,
  decision: Decision,
  { policy, models, seq, now }: HoldOptions,
): Hold {
  const { customer, tier, session, agent, trace } = who
  const { name, own, fallbacks } = models.of(decision.model)
  const inSession = session === null ? [] : [{ key: callsKey(customer, session), amount: 0n, line: null, spent: 0n }]
  const { gateway, budgets } = policy
  const askable = decision.fallbacks ? 1 + fallbacks.length : 1
  const longest = (gateway?.timeoutMs ?? DEFAULT_TIMEOUT) * (1 + (gateway?.retries ?? 0)) * askable
  const amount = decision.charges.reduce((most, charge) => (charge.amount > most ? charge.amount : most), 0n)
  return {
    callId,
    charges: [...decision.charges, ...inSession],
    at: now,
    expires: now + longest + budgets.holdAllowanceMs,
    seq,
    call: { customer, tier, session, agent, trace, modelAsked: model, model: name, own, counted: input.tokens, amount },
  }
}

/** Calls of a session that are on their way. */
export function callsKey(customer: string, session: string): string {
  return `calls\u001f${sessionSubject({ customer, session })}`
}

/** A reading without what a call holds of it already. */
export function without(own: Hold | null, reading: MeterReading): MeterReading {
  const mine = own?.charges.find(({ key }) => key === reading.meter.key)
  if (mine === undefined) return reading
  return {
    ...reading,
    held: reading.held - mine.amount,
    inFlight: reading.inFlight - 1,
    crowd: Math.max(1, reading.crowd - 1),
  }
}
