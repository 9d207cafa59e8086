import { HttpProblem } from '../http/problem.ts'
import { type Kind, date, dollars, Refusal } from '../policy/kinds.ts'
import type { CustomerEntry, Policy } from '../policy/policy.ts'
import { dayStarts } from '../policy/zone.ts'

/** What somebody asks to be changed of a customer. Moments are epoch milliseconds. */
export interface Wish extends Omit<CustomerEntry, 'id' | 'from' | 'tier'> {
  /** Null = it is to be none. */
  readonly tier: string | null
  readonly from: number
  readonly by: string
  readonly reason: string
}

export interface WishOptions {
  readonly policy: Policy
  /** First moment of today: from then on it holds when nothing else is said. */
  readonly today: number
}

const PUT_KEYS = ['tier', 'price_usd', 'trial_until', 'from', 'to', 'by', 'reason'] as const
const END_KEYS = ['from', 'by', 'reason'] as const
type Body = Readonly<Record<string, unknown>>

/** The body of a PUT. Throws HttpProblem that says what was found and what is expected. */
export function readChange(given: unknown, { policy, today }: WishOptions): Wish {
  const body = bodyOf(given, PUT_KEYS)
  const tier = textIn(body, 'tier', 64)
  const tiers = Object.keys(policy.tiers)
  if (!tiers.includes(tier)) {
    const known = tiers.length === 0 ? 'but the policy names no tiers' : `expected one of ${tiers.join(', ')}`
    throw bad(`Found the tier ${JSON.stringify(tier)}, ${known}.`)
  }
  const moment = momentsIn(body, policy)
  const [from, to, trialUntil] = [moment('from') ?? today, moment('to'), moment('trial_until')]
  if (to !== null && to <= from)
    throw bad(`Found to ${String(body.to)}, expected a day after from; it is the first day that no longer counts.`)
  if (trialUntil !== null && trialUntil <= from)
    throw bad(`Found trial_until ${String(body.trial_until)}, expected a day after from; it is the first paid day.`)
  if (trialUntil !== null && to !== null && trialUntil > to)
    throw bad(`Found trial_until ${String(body.trial_until)}, expected a day not after to.`)
  return { tier, from, to, trialUntil, price: valueIn(body, 'price_usd', dollars), ...whoIn(body) }
}

/** The body of a DELETE. */
export function readEnd(given: unknown, { policy, today }: WishOptions): Wish {
  const body = bodyOf(given, END_KEYS)
  const from = momentsIn(body, policy)('from') ?? today
  return { tier: null, from, to: null, trialUntil: null, price: null, ...whoIn(body) }
}

function bodyOf(given: unknown, keys: readonly string[]): Body {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw bad(`Expected a JSON object as the body, with ${keys.join(', ')}.`)
  const strange = Object.keys(given).find((key) => !keys.includes(key))
  if (strange === undefined) return given as Body
  throw bad(`Found ${JSON.stringify(strange.slice(0, 40))}, expected nothing but ${keys.join(', ')}.`)
}

function whoIn(body: Body): { readonly by: string; readonly reason: string } {
  return { by: textIn(body, 'by', 200), reason: textIn(body, 'reason', 500) }
}

function textIn(body: Body, name: string, longest: number): string {
  const value = body[name]
  if (typeof value === 'string' && value.trim() !== '' && value.length <= longest) return value
  throw bad(
    `Found ${value === undefined ? 'no' : 'an unusable'} ${name}, expected a text of at most ${longest} characters.`,
  )
}

/** A value as the policy file would have it, as text or as a number. */
function valueIn<T>(body: Body, name: string, kind: Kind<T>): T | null {
  const value = body[name]
  if (value === undefined || value === null) return null
  if (typeof value !== 'string' && typeof value !== 'number')
    throw bad(`Found no usable ${name}, expected ${kind.expected}.`)
  const read = kind.read(String(value))
  if (read instanceof Refusal) throw bad(`${name}: ${read.message}.`)
  return read
}

/** Days begin at midnight in the policy's zone. */
function momentsIn(body: Body, { timezone }: Policy): (name: string) => number | null {
  const begins = dayStarts(timezone)
  return (name) => {
    const day = valueIn(body, name, date)
    return day === null ? null : begins(day)
  }
}

export function bad(detail: string): HttpProblem {
  return new HttpProblem({ status: 400, title: 'Not possible', detail })
}
