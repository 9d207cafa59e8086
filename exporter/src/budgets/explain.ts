import { usd } from '@marginwatch/pricing'
import type { Policy } from '../policy/policy.ts'
import type { Decided, MeterReading } from './ask.ts'
import { shown } from './reached.ts'
import { isSpent } from './room.ts'

/** Why a call would be decided as it would: which rule, and which numbers. Money in dollars, as exact text. */
export function explanation({ ask, decision, policy, at }: Decided, all: readonly MeterReading[]) {
  const { action, reason, model, maxTokens, fallbacks, steps, because } = decision
  return {
    asked: { model: ask.model, max_tokens: ask.maxTokens, who: ask.who },
    decision: { action, reason, model, max_tokens: maxTokens, fallbacks, because: because ? nameOf(because) : null },
    steps,
    budgets: all.map((reading) => meterOf(reading, policy)),
    at: new Date(at).toISOString(),
  }
}

function nameOf({ meter: { budget, subject } }: MeterReading): string {
  return [budget.scope, shown(subject), budget.period].filter((part) => part !== '').join(' ')
}

function meterOf(reading: MeterReading, policy: Policy) {
  const { meter, spent, held, inFlight, crowd } = reading
  const { budget, start, end } = meter
  return {
    scope: budget.scope,
    subject: shown(meter.subject),
    period: budget.period,
    from: start === 0 ? null : new Date(start).toISOString(),
    resets: end === null ? null : new Date(end).toISOString(),
    timezone: policy.timezone,
    limit_usd: usd(budget.limit),
    spent_usd: usd(spent),
    held_usd: usd(held),
    stops_at_usd: budget.line === null ? null : usd(budget.line),
    free_usd: budget.line === null ? null : usd(budget.line - spent - held),
    spent_up: isSpent(reading),
    in_flight: inFlight,
    lately_at_a_time: crowd,
    thresholds: budget.rungs.map((rung) => ({
      at: rung.name === '' ? `${rung.at / 100} %` : rung.name,
      usd: usd(rung.amount),
      do: rung.do,
      reached: (rung.do === 'log' || rung.do === 'notify' ? spent : spent + held) >= rung.amount,
    })),
  }
}
