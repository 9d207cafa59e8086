import type { Meter } from '../../src/budgets/ask.ts'
import { SESSION_GAP_MS } from '../../src/budgets/sessions.ts'
import type { Action, Correction, Crossing, Usage } from '../../src/usage.ts'
import type { MemoryLedger } from './memory-ledger.ts'
import { sessionsOf } from './memory-ledger.ts'

type Event = Usage | Correction

interface Reading {
  /** An event that from now on counts; `followed`: it was handed over by itself, not in a snapshot. */
  readonly counted: (event: Event, followed: boolean) => void
  /** An event that was handed over, and so ends its call. */
  readonly heard: (event: Event) => void
}

/** What budgets must say, worked out anew from nothing but the entries that the program knows of. */
export interface Oracle {
  /** Spent by the entries that the program knows of. */
  spent(meter: Meter): bigint
  /** Null where a call was heard of so late that nobody promises to know its session still. */
  session(customer: string, session: string, at: number): { spent: bigint; calls: number } | null
  readonly crossings: readonly Crossing[]
  readonly actions: readonly Action[]
  /** Takes what became known since it was asked last. */
  read(on: Reading): void
}

export function createOracle(ledger: MemoryLedger, knows: (customer: string, tier: string | null) => boolean): Oracle {
  const events: Event[] = []
  const crossings: Crossing[] = []
  const actions: Action[] = []
  const tooLate = new Set<string>()
  let read = 0
  let heard = 0
  const counts = ({ budget: { scope }, subject }: Meter, event: Event): boolean => {
    switch (scope) {
      case 'global':
        return true
      case 'unknown_customers':
        return !knows(event.customer, event.tier)
      case 'tier':
        return event.tier === subject
      case 'agent':
        return event.agent === subject
      default:
        return event.customer === subject
    }
  }
  const forgiven = ({ budget, subject, start }: Meter): bigint => {
    if (budget.scope !== 'agent') return 0n
    const reset = actions.findLast((one) => one.action === 'reset' && one.subject === `agent:${subject}`)
    return reset?.details.period_start === String(start) ? BigInt(reset.details.spent ?? '0') : 0n
  }
  return {
    crossings,
    actions,
    spent(meter) {
      const { start, end, budget } = meter
      if (budget.period === 'session') {
        const [customer = '', session = ''] = meter.subject.split('\u001f')
        return runOf(events, customer, session, start)?.spent ?? 0n
      }
      let sum = -forgiven(meter)
      for (const event of events)
        if (event.start >= start && (end === null || event.start < end) && counts(meter, event)) sum += event.cost ?? 0n
      return sum
    },
    session(customer, session, at) {
      if (tooLate.has(`${customer}/${session}`)) return null
      return runOf(events, customer, session, at) ?? { spent: 0n, calls: 0 }
    },
    read(on) {
      for (; heard < Math.max(ledger.delivered, 0); heard++) {
        const entry = ledger.recorded[heard]?.entry
        if (entry?.kind === 'usage' || entry?.kind === 'correction') on.heard(entry)
      }
      for (; read < Math.max(ledger.delivered, ledger.shown); read++) {
        const one = ledger.recorded[read]
        if (one === undefined) throw new Error('more was delivered than recorded')
        const { entry, at } = one
        if (entry.kind === 'crossing') crossings.push(entry)
        if (entry.kind === 'action') actions.push(entry)
        if (entry.kind !== 'usage' && entry.kind !== 'correction') continue
        events.push(entry)
        if (entry.session !== null && Math.abs(at - entry.start) > SESSION_GAP_MS)
          tooLate.add(`${entry.customer}/${entry.session}`)
        on.counted(entry, one.seq > ledger.shown)
      }
    },
  }
}

function runOf(events: readonly Event[], customer: string, session: string, at: number) {
  const own = events.filter((event) => event.customer === customer && event.session === session)
  return sessionsOf(own).find(({ last }) => at <= last + SESSION_GAP_MS)
}
