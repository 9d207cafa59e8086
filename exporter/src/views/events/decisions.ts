import { usd } from '@marginwatch/pricing'
import type { Logger } from 'pino'
import { redact } from '../../redact.ts'
import type { Nano } from '../../usage.ts'
import { saying } from './line.ts'

export const DECISION_EVENTS = ['call_degraded', 'call_blocked'] as const
export type DecisionEvent = (typeof DECISION_EVENTS)[number]

/** A call that was moved to a cheaper model, or refused. */
export interface DecisionNote {
  readonly action: 'degrade' | 'block'
  /** What stood in its way, as on the wire: customer, session_rate, unpriced, … */
  readonly reason: string
  /** Whose limit that is: the customer, agent, tier, or `customer/session`; '' where there is only one. */
  readonly subject: string
  readonly customer: string | null
  readonly tier: string | null
  readonly session: string | null
  readonly agent: string | null
  readonly trace: string | null
  readonly modelAsked: string
  /** The model that answers in its place; null for a call that was refused. */
  readonly model: string | null
  /** Of that limit; null where it is not one of money. */
  readonly spent: Nano | null
  readonly held: Nano | null
  readonly limit: Nano | null
  readonly policyVersion: string | null
}

export interface DecisionLines {
  note(decision: DecisionNote): void
  /** Writes the counts of whatever had its minute; to be called every few seconds. */
  flush(): void
  /** Writes all that was not written yet. */
  close(): void
}

/** At most one line in this time for the same action, reason and subject. */
const EVERY_MS = 60_000
/** So many subjects have lines of their own in one minute; the rest share one for each action and reason. */
const SUBJECTS = 1_000

interface Group {
  /** Whether it stands for the calls of many subjects. */
  readonly shared: boolean
  writtenAt: number
  /** Decisions since the last line, and the latest of them. */
  count: number
  latest: DecisionNote | null
}

/**
 * Lines of calls that were degraded or refused: the first of each action, reason and subject at once, then at most one a minute,
 * with how many there were. However many subjects are made up, memory stays bounded.
 */
export function createDecisionLines({ log, now }: { readonly log: Logger; readonly now: () => number }): DecisionLines {
  const groups = new Map<string, Group>()
  const groupOf = (note: DecisionNote): Group => {
    const own = [note.action, note.reason, note.subject].join(SEPARATOR)
    const known = groups.get(own)
    if (known) return known
    const shared = groups.size >= SUBJECTS
    const key = shared ? [note.action, note.reason].join(SEPARATOR) : own
    const group = groups.get(key) ?? { shared, writtenAt: Number.NEGATIVE_INFINITY, count: 0, latest: null }
    groups.set(key, group)
    return group
  }
  const write = (group: Group) => {
    const { latest, count, shared } = group
    if (latest === null) return
    log.info(fieldsOf(latest, count, shared), redact(sentence(latest, count, shared)))
    Object.assign(group, { writtenAt: now(), count: 0, latest: null })
  }
  /** Also when the clock went back: a minute that never ends would keep a count for ever. */
  const hadItsMinute = ({ writtenAt }: Group) => Math.abs(now() - writtenAt) >= EVERY_MS
  return {
    note(decision) {
      const group = groupOf(decision)
      group.count++
      group.latest = decision
      if (hadItsMinute(group)) write(group)
    },
    flush() {
      for (const [key, group] of groups) {
        if (!hadItsMinute(group)) continue
        if (group.count === 0) groups.delete(key)
        else write(group)
      }
    },
    close() {
      for (const group of groups.values()) write(group)
      groups.clear()
    },
  }
}

const SEPARATOR = '\u001f'

const EVENTS = { degrade: 'call_degraded', block: 'call_blocked' } as const satisfies Record<string, DecisionEvent>

function fieldsOf(note: DecisionNote, count: number, shared: boolean) {
  const { action, reason, subject, customer, tier, session, agent, trace, modelAsked, model } = note
  const money = (amount: Nano | null) => (amount === null ? null : usd(amount))
  const who = { subject, customer, tier, session, agent, trace, model_asked: modelAsked, model }
  const sums = { spent_usd: money(note.spent), held_usd: money(note.held), limit_usd: money(note.limit) }
  const one = shared ? {} : { ...who, ...sums }
  return saying({ event: EVENTS[action], action, reason, ...one, policy_version: note.policyVersion, count })
}

function sentence(
  { action, reason, subject, modelAsked, model }: DecisionNote,
  count: number,
  shared: boolean,
): string {
  const calls = count === 1 ? 'A call' : `${count} calls`
  const was = count === 1 ? 'was' : 'were'
  const whose = shared ? ' of various subjects' : subject === '' ? '' : ` of ${subject}`
  const what =
    action === 'block'
      ? `${was} refused (${reason})`
      : `${was} moved to a cheaper model (${reason})${shared ? '' : `: ${modelAsked} asked, ${model ?? 'unknown'} answers`}`
  return `${calls}${whose} ${what}`
}
