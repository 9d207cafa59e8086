import type { Action, Crossing, Nano, Scope } from '../../usage.ts'
import { dollars } from '../page/format.ts'

/** Whose budget it is, in words for the middle of a sentence. */
export interface Owner {
  readonly scope: Scope
  /** The customer, agent or tier; of a session `customer/session`. */
  readonly subject: string
  readonly session: string | null
  readonly customer: string | null
}

/** `customer acme`, `the day of customer acme`, `session s-1 of acme`, `the sum of all calls`, … */
export function ownerText({ scope, subject, session, customer }: Owner): string {
  switch (scope) {
    case 'global':
      return 'the sum of all calls'
    case 'unknown_customers':
      return 'the sum of all unknown customers'
    case 'tier':
      return `tier ${subject}`
    case 'customer':
      return `customer ${subject}`
    case 'tenant_day':
      return `the day of customer ${subject}`
    case 'agent':
      return `agent ${subject}`
    case 'session':
      return session === null ? `session ${subject}` : `session ${session}${customer === null ? '' : ` of ${customer}`}`
  }
}

/** Hundredths of a percent for people: 9500 → `95 %`, 9550 → `95.5 %`. */
export function shareText(basisPoints: number): string {
  return `${basisPoints / 100} %`
}

/**
 * What happened, how far it went and what is done about it, in sentences for somebody who was just woken up. Of a spend threshold
 * it is the message that the policy has for it.
 */
export function crossingText(crossing: Crossing): string {
  const { action, scope, name, message } = crossing
  const consequence = scope === 'session' && action === 'block' ? 'Its calls are refused.' : CONSEQUENCE.get(action)
  const happened = name === '' || message === '' ? happenedText(crossing) : message
  return consequence === undefined ? happened : `${happened.replace(/[^.!?]$/, '$&.')} ${consequence}`
}

function happenedText(crossing: Crossing): string {
  const { name, threshold, limit, spent, held, scope } = crossing
  const when = scope === 'tenant_day' ? '' : (WITHIN.get(crossing.period) ?? '')
  const waiting = held > 0n ? `, and ${cash(held)} is held for calls under way` : ''
  const reached =
    name === ''
      ? `has reached ${shareText(threshold)} of its limit: ${cash(spent)} of ${cash(limit)}${when}`
      : `has reached ${name}: ${cash(spent)} spent${when}, the threshold is ${cash(part(limit, threshold))}`
  return `${capital(ownerText(crossing))} ${reached}${waiting}.`
}

const WITHIN: ReadonlyMap<string, string> = new Map([
  ['day', ' in its day'],
  ['week', ' in its week'],
  ['month', ' in its month'],
])

/** Of thresholds that act. Otherwise calls go on as before. */
const CONSEQUENCE: ReadonlyMap<string, string> = new Map([
  ['degrade', 'Its calls go to a cheaper model where there is one.'],
  ['block', 'Its calls are refused until the period ends or the limit is raised.'],
  ['pause', 'It is paused: its calls are refused until somebody resumes it.'],
])

/** What somebody did, to what, and why. */
export function actionText({ subject, action, by, reason, details }: Action): string {
  const who = subject.startsWith(AGENT) ? `Agent ${subject.slice(AGENT.length)}` : capital(subject)
  const amount = amountIn(details.limit)
  const limit = amount === null ? '' : ` of ${cash(amount)}`
  const done = new Map([
    ['pause', 'was paused and its calls are refused'],
    ['unpause', 'was resumed'],
    ['budget', `has a new limit${limit}`],
    ['reset', 'begins its period afresh, with nothing spent'],
  ])
  return `${who} ${done.get(action) ?? `was changed (${action})`}, by ${by}${reason === '' ? '' : `: ${reason}`}`
}

/** Money in the details of an action: nano-dollars as text. */
export function amountIn(detail: string | undefined): Nano | null {
  return detail !== undefined && /^-?\d+$/.test(detail) ? BigInt(detail) : null
}

/** What stands before the name of the agent in an action's subject. */
export const AGENT = 'agent:'

/** Cents at least, and no zeros beyond them. */
function cash(amount: Nano): string {
  return dollars(amount).replace(/(\.\d\d\d*?)0+$/, '$1')
}

function part(limit: Nano, basisPoints: number): Nano {
  return (limit * BigInt(basisPoints)) / 10_000n
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
