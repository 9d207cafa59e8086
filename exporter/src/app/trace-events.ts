import type { AppOptions } from '../app.ts'
import type { Decided, Reason } from '../budgets/ask.ts'
import { refusalStatus } from '../budgets/answer.ts'
import { langfuseWriter } from '../clients/langfuse.ts'
import type { Policy } from '../policy/policy.ts'
import { printOf } from '../policy/print.ts'
import { UNATTRIBUTED } from '../usage.ts'
import { shareText } from '../views/events/sentence.ts'
import { traceEventsCollector } from '../views/metrics/trace-events.ts'
import type { Collector } from '../views/metrics/sample.ts'
import { type TraceEvent, traceparentFor } from '../views/traces/event.ts'
import { createTraceEvents } from '../views/traces/traces.ts'

/** Events on the traces of calls that were moved to a cheaper model or refused. */
export interface RunningTraceEvents {
  note(decided: Decided): void
  /** Under which `traceparent` a call is to be traced to lie beside its event; null when there is none, or the call has one. */
  traceparent(decided: Decided): string | null
  readonly collector: Collector
  close(): Promise<void>
}

export function startTraceEvents({
  policy,
  log,
  now,
  random,
  sleep,
}: Pick<AppOptions, 'policy' | 'log' | 'now' | 'random' | 'sleep'>): RunningTraceEvents {
  const events = createTraceEvents({
    projects: () => policy.current().sources.langfuse.filter((project) => project.events),
    writerFor: ({ url, publicKey, secretKey, timeoutMs }) =>
      langfuseWriter({ baseUrl: url, publicKey, secretKey, timeoutMs, now }),
    ...{ log, random, sleep },
  })
  policy.onChange(events.renew)
  return {
    note(decided) {
      if (!events.wanted()) return
      const event = eventOf(decided)
      if (event !== null) events.note(event)
    },
    traceparent(decided) {
      if (!events.wanted()) return null
      const event = eventOf(decided)
      return event === null ? null : traceparentFor(event)
    },
    collector: traceEventsCollector(events.counts, now()),
    close: events.close,
  }
}

/** Null for a decision that leaves the call as it is. */
export function eventOf({ ask, decision, policy, at }: Decided): TraceEvent | null {
  const { action, reason, model, because } = decision
  if (action !== 'degrade' && action !== 'block') return null
  const { customer, tier, session, agent, trace, queryType } = ask.who
  return {
    callId: ask.callId,
    action,
    reason,
    at,
    traceparent: ask.traceparent ?? null,
    customer: customer === UNATTRIBUTED ? null : customer,
    ...{ tier, session, agent, trace, queryType },
    modelAsked: ask.model,
    model: action === 'block' ? null : model,
    status: action === 'block' ? refusalStatus(reason) : null,
    rule: ruleOf(decision, policy),
    spent: because?.spent ?? null,
    held: because?.held ?? null,
    limit: because?.meter.budget.limit ?? null,
    policyVersion: printOf(policy),
  }
}

/** Which rule of the policy it was: of a budget whose and from which share on, else the key that says it. */
function ruleOf({ action, reason, because }: Decided['decision'], { budgets }: Policy): string {
  const said = RULES[reason]
  if (because !== null && said === undefined) {
    const { scope, period, rungs, last } = because.meter.budget
    const rung = action === 'block' ? last : rungs.find((one) => one.do === 'degrade')
    const from = rung ? `, ${rung.do} from ${shareText(rung.at)} on` : ''
    return `budget ${scope} of a ${period}${from}`
  }
  if (said === undefined) return reason
  const { calls, tokensPerMinute } = budgets.session
  const most = reason === 'session_calls' ? calls : reason === 'session_rate' ? tokensPerMinute : null
  return most === null ? said : `${said} ${most}`
}

const RULES: Readonly<Partial<Record<Reason, string>>> = {
  agent_paused: 'the agent is paused',
  session_calls: 'budgets.session.calls',
  session_rate: 'budgets.session.tokens_per_minute',
  unpriced: 'budgets.unpriced: block',
  undegradable: 'budgets.undegradable: block',
}
