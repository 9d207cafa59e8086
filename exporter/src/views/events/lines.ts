import { usd } from '@marginwatch/pricing'
import type { Logger } from 'pino'
import type { Close, Ledger, Recorded } from '../../ledger/ledger.ts'
import { redact } from '../../redact.ts'
import type { Action, Crossing } from '../../usage.ts'
import { thresholdLabel } from '../metrics/crossings.ts'
import { saying } from './line.ts'
import { AGENT, actionText, amountIn, crossingText } from './sentence.ts'

/** The events that are written as lines, beside those of decisions. */
export const LEDGER_EVENTS = [
  'budget_crossing',
  'agent_paused',
  'agent_unpaused',
  'agent_budget',
  'agent_reset',
  'action',
] as const
export type LedgerEvent = (typeof LEDGER_EVENTS)[number]

export interface EventLineOptions {
  readonly ledger: Pick<Ledger, 'follow' | 'health'>
  readonly log: Logger
  /** Number of the first entry that may make a line; by default the next one that is written. */
  readonly from?: number
}

/**
 * Writes a line for each crossing and each action when the ledger has it, in the ledger's order, for Loki and for people. Open it
 * before anything appends crossings; what it returns ends it.
 */
export function openEventLines({ ledger, log, from = ledger.health().seq + 1 }: EventLineOptions): Close {
  return ledger.follow(from, (batch) => {
    for (const { entry } of batch as readonly Recorded[]) {
      if (entry.kind === 'crossing') writeCrossing(log, entry)
      else if (entry.kind === 'action') writeAction(log, entry)
    }
  })
}

type Level = 'info' | 'warn' | 'error'

const LEVELS: ReadonlyMap<string, Level> = new Map([
  ['info', 'info'],
  ['warning', 'warn'],
  ['critical', 'error'],
])

function writeCrossing(log: Logger, crossing: Crossing): void {
  // Of what nobody is to be told, nobody is to be woken by its line either.
  const level = crossing.notice ? (LEVELS.get(crossing.severity) ?? 'info') : 'info'
  const fields = saying({
    event: 'budget_crossing' satisfies LedgerEvent,
    scope: crossing.scope,
    subject: crossing.subject,
    period: crossing.period,
    period_start: new Date(crossing.periodStart).toISOString(),
    threshold: thresholdLabel(crossing.name, crossing.threshold),
    spent_usd: usd(crossing.spent),
    held_usd: usd(crossing.held),
    limit_usd: usd(crossing.limit),
    action: crossing.action,
    severity: crossing.severity,
    channels: crossing.channels,
    notice: crossing.notice,
    customer: crossing.customer,
    tier: crossing.tier,
    session: crossing.session,
    agent: crossing.agent,
    trace: crossing.trace,
    policy_version: crossing.policy,
    call: crossing.of,
  })
  log[level](fields, redact(crossingText(crossing)))
}

const AGENT_EVENTS: ReadonlyMap<string, LedgerEvent> = new Map([
  ['pause', 'agent_paused'],
  ['unpause', 'agent_unpaused'],
  ['budget', 'agent_budget'],
  ['reset', 'agent_reset'],
])

function writeAction(log: Logger, action: Action): void {
  const { details } = action
  const agent = action.subject.startsWith(AGENT) ? action.subject.slice(AGENT.length) : null
  const event = (agent === null ? undefined : AGENT_EVENTS.get(action.action)) ?? 'action'
  const fields = saying({
    event,
    scope: agent === null ? null : 'agent',
    subject: agent ?? action.subject,
    agent,
    action: action.action,
    by: action.by,
    reason: action.reason,
    spent_usd: dollarsIn(details.spent),
    held_usd: dollarsIn(details.held),
    limit_usd: dollarsIn(details.limit),
    customer: details.customer,
    tier: details.tier,
    session: details.session,
    trace: details.trace,
    call: details.of,
    policy_version: details.policy_version,
  })
  log[event === 'agent_paused' ? 'warn' : 'info'](fields, redact(actionText(action)))
}

function dollarsIn(detail: string | undefined): string | null {
  const amount = amountIn(detail)
  return amount === null ? null : usd(amount)
}
