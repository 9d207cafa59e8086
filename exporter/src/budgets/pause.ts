import type { Action } from '../usage.ts'
import { AGENT_SUBJECT } from './agents.ts'
import type { Meter, MeterReading } from './ask.ts'
import type { Cause } from './reached.ts'

type Paused = Pick<MeterReading, 'spent' | 'held'> & { readonly now: number; readonly policy: string }

/** Once for an agent, period and limit: whoever resumes it has seen why it stopped. */
export function pauseOf({ subject, start, budget }: Meter, cause: Cause, { spent, held, now, policy }: Paused): Action {
  return {
    kind: 'action',
    version: 1,
    key: ['pause', 'agent', subject, start, budget.limit].join(':'),
    subject: `${AGENT_SUBJECT}${subject}`,
    action: 'pause',
    by: 'marginwatch',
    reason: 'its budget is spent',
    at: now,
    details: {
      spent: String(spent),
      held: String(held),
      limit: String(budget.limit),
      of: cause.of,
      policy_version: policy,
      ...(cause.trace === null ? {} : { trace: cause.trace }),
      ...(cause.session === null ? {} : { session: cause.session }),
      ...(cause.customer === null ? {} : { customer: cause.customer }),
    },
  }
}
