import type { Logger } from 'pino'
import type { Decided } from '../budgets/ask.ts'
import { shown } from '../budgets/reached.ts'
import { METRICS } from '../catalogue.ts'
import { printOf } from '../policy/print.ts'
import { createDecisionLines } from '../views/events/decisions.ts'
import { createHistogram, type Histogram } from '../views/metrics/histogram.ts'

/** What is told of decisions: counted, timed, and those that act on a call written as lines. */
export interface DecisionsSeen {
  note(decided: Decided, seconds: number): void
  counts(): readonly { readonly action: string; readonly reason: string; readonly count: number }[]
  readonly seconds: Histogram
  /** Writes the counts of what had its minute. */
  flush(): void
  close(): void
}

const SEPARATOR = ' '

export function createDecisionsSeen({ log, now }: { readonly log: Logger; readonly now: () => number }): DecisionsSeen {
  const counts = new Map<string, number>()
  const seconds = createHistogram(METRICS.decisionTime, { places: 9, created: now() })
  const lines = createDecisionLines({ log, now })
  return {
    note(decided, took) {
      seconds.observe(Math.round(took * 1e9))
      const { action, reason } = decided.decision
      // Asked again after counting: one call, one decision.
      if (action === 'count') return
      const key = `${action}${SEPARATOR}${reason}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
      if (action === 'degrade' || action === 'block') lines.note(noteOf(decided, action))
    },
    counts: () =>
      [...counts].map(([key, count]) => {
        const [action = '', reason = ''] = key.split(SEPARATOR)
        return { action, reason, count }
      }),
    seconds,
    flush: lines.flush,
    close: lines.close,
  }
}

function noteOf({ ask, decision, policy }: Decided, action: 'degrade' | 'block') {
  const { because, reason, model } = decision
  const { customer, tier, session, agent, trace } = ask.who
  return {
    action,
    reason,
    subject: because === null ? subjectOf(reason, ask) : shown(because.meter.subject),
    customer,
    tier,
    session,
    agent,
    trace,
    modelAsked: ask.model,
    model: action === 'block' ? null : model,
    spent: because?.spent ?? null,
    held: because?.held ?? null,
    limit: because?.meter.budget.limit ?? null,
    policyVersion: printOf(policy),
  }
}

function subjectOf(reason: string, { who, model }: Decided['ask']): string {
  if (reason === 'agent_paused') return who.agent ?? ''
  return reason.startsWith('session') ? `${who.customer}/${who.session ?? ''}` : model
}
