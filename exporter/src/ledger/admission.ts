import {
  type Admission,
  type Attempt,
  type Correction,
  type Fallback,
  OTHER,
  UNATTRIBUTED,
  type Usage,
} from '../usage.ts'

/**
 * Labels whose values come from outside. The position is the bit in `Recorded.named`, so the order is for ever: append
 * only. `series` stands for the combination of tier, model, provider and environment, `fallback` for that of two models.
 */
export const ADMITTED_LABELS = [
  'tier',
  'model',
  'provider',
  'environment',
  'operation',
  'query_type',
  'agent',
  'customer',
  'error_class',
  'series',
  'fallback',
] as const
export type AdmittedLabel = (typeof ADMITTED_LABELS)[number]

/** How many distinct values of each label get series of their own. */
export type LabelBounds = Readonly<Record<AdmittedLabel, number>>

/** True if the value of the label had series of its own when the event was recorded. */
export function isNamed(named: number, label: AdmittedLabel): boolean {
  return (named & bit(label)) !== 0
}

export function bit(label: AdmittedLabel): number {
  return 1 << ADMITTED_LABELS.indexOf(label)
}

/** Bits in `Recorded.named` of a fallback: each of its two models has series of its own. */
export const FALLBACK_BITS = { from: 1, to: 2 } as const

/** An admission that holds, and its number in the ledger. */
export interface Admitted {
  readonly label: string
  readonly value: string
  readonly seq: number
}

export interface AdmissionOptions {
  readonly bounds: LabelBounds
  /** After how long without a call a customer may lose its series to another one. */
  readonly customerIdleMs: number
  readonly admitted: readonly Admitted[]
  /** When each admitted customer was last seen, epoch ms. */
  readonly customerSeen: ReadonlyMap<string, number>
}

export interface Admissions {
  /**
   * Says which of the event's values have series of their own, as bits, admitting new ones while there is room: first come,
   * first served. `admit` is called for every change, before the event itself is numbered. Rejected and blocked calls admit
   * no model or provider: a client could make names up. `names` is the number of the event's combination of names.
   */
  name(event: Usage, names: number, at: number, admit: (entry: Admission) => void): number
  /** The same for a correction, which admits nothing. */
  nameCorrection(correction: Correction): number
  /** The same for an attempt, which is shown by provider and class of error. */
  nameAttempt(attempt: Attempt, admit: (entry: Admission) => void): number
  /** The same for a fallback, in FALLBACK_BITS: its two names share the room of `model`, and their combinations have a bound. */
  nameFallback(fallback: Fallback, admit: (entry: Admission) => void): number
}

const INVENTED = new Set<AdmittedLabel>(['model', 'provider', 'error_class'])

export function createAdmissions(options: AdmissionOptions): Admissions {
  const sets = new Map<AdmittedLabel, Set<string>>(ADMITTED_LABELS.map((label) => [label, new Set()]))
  for (const { label, value } of options.admitted) sets.get(label as AdmittedLabel)?.add(value)
  const customers = createCustomerSlots(sets.get('customer') ?? new Set(), options)

  // Only customers give series up, so a combination whose values all have them is looked at once.
  const settled = new Set<number>()
  const settle = (names: number) => {
    if (settled.size >= REMEMBERED) settled.clear()
    settled.add(names)
  }
  const has = (label: AdmittedLabel, value: string): boolean => value === '' || sets.get(label)?.has(value) === true
  const claim = (label: AdmittedLabel, value: string, admit: (entry: Admission) => void): boolean => {
    const set = sets.get(label)
    // A value that is called like the sum of the rest stays in the rest.
    if (!set || set.size >= options.bounds[label] || value === OTHER) return false
    set.add(value)
    admit(change(label, value, 'admit'))
    return true
  }
  const named = (label: AdmittedLabel, value: string, admit: (entry: Admission) => void): boolean =>
    has(label, value) || claim(label, value, admit)
  const nameAll = (event: Usage | Correction, decide: (label: AdmittedLabel, value: string) => boolean): number => {
    let bits = 0
    for (const label of PLAIN) if (decide(label, ownValue(event, label))) bits |= bit(label)
    const series = SERIES.map((label) => (bits & bit(label) ? ownValue(event, label) : OTHER_MARK)).join(SEPARATOR)
    return decide('series', series) ? bits | bit('series') : bits
  }
  return {
    name(event, names, at, admit) {
      let bits = ALL_BUT_CUSTOMER
      if (!settled.has(names)) {
        const invented = event.status === 'rejected' || event.status === 'blocked'
        bits = nameAll(event, (label, value) => {
          if (invented && INVENTED.has(label)) return has(label, value)
          return named(label, value, admit)
        })
        if (bits === ALL_BUT_CUSTOMER) settle(names)
      }
      if (customers.name(event.customer, at, admit)) bits |= bit('customer')
      return bits
    },
    nameCorrection(correction) {
      const bits = nameAll(correction, has)
      return customers.has(correction.customer) ? bits | bit('customer') : bits
    },
    nameAttempt({ provider, errorClass }, admit) {
      const byProvider = named('provider', provider ?? '', admit) ? bit('provider') : 0
      return named('error_class', errorClass ?? '', admit) ? byProvider | bit('error_class') : byProvider
    },
    nameFallback({ from, to }, admit) {
      const byFrom = named('model', from, admit) ? FALLBACK_BITS.from : 0
      const byTo = named('model', to, admit) ? FALLBACK_BITS.to : 0
      const pair = [byFrom ? from : OTHER_MARK, byTo ? to : OTHER_MARK].join(SEPARATOR)
      return named('fallback', pair, admit) ? byFrom | byTo : 0
    },
  }
}

type PlainLabel = Exclude<AdmittedLabel, 'series' | 'customer' | 'fallback'>
const PLAIN = ADMITTED_LABELS.filter(
  (label): label is PlainLabel => !['customer', 'series', 'fallback'].includes(label),
)
const SERIES: readonly PlainLabel[] = ['tier', 'model', 'provider', 'environment']
const ALL_BUT_CUSTOMER = [...PLAIN, 'series' as const].reduce((bits, label) => bits | bit(label), 0)
const REMEMBERED = 40_000
const SEPARATOR = '\u001f'
const OTHER_MARK = '\u001e'

interface CustomerSlots {
  has(customer: string): boolean
  name(customer: string, at: number, admit: (entry: Admission) => void): boolean
}

/** Customers share a fixed number of slots; when all are taken, one idle for long enough gives its slot up. */
function createCustomerSlots(admitted: Set<string>, options: AdmissionOptions): CustomerSlots {
  const seen = new Map<string, number>()
  for (const customer of admitted) seen.set(customer, options.customerSeen.get(customer) ?? 0)
  const bound = options.bounds.customer
  // No slot can fall free before this moment, so a flood of unknown customers costs one comparison each.
  let nextFree = 0
  const idlest = (): [string, number] => {
    let found: [string, number] = ['', Number.POSITIVE_INFINITY]
    for (const [customer, last] of seen) if (last < found[1]) found = [customer, last]
    return found
  }
  return {
    has: (customer) => customer === UNATTRIBUTED || admitted.has(customer),
    name(customer, at, admit) {
      if (customer === UNATTRIBUTED) return true
      if (customer === OTHER) return false
      if (!admitted.has(customer)) {
        if (admitted.size >= bound) {
          if (at < nextFree || bound === 0) return false
          const [idle, last] = idlest()
          nextFree = last + options.customerIdleMs
          if (at < nextFree) return false
          admitted.delete(idle)
          seen.delete(idle)
          admit(change('customer', idle, 'retire'))
        }
        admitted.add(customer)
        admit(change('customer', customer, 'admit'))
      }
      seen.set(customer, Math.max(at, seen.get(customer) ?? 0))
      return true
    },
  }
}

const FIELDS = {
  tier: 'tier',
  model: 'model',
  provider: 'provider',
  environment: 'environment',
  operation: 'operation',
  query_type: 'queryType',
  agent: 'agent',
  customer: 'customer',
  error_class: 'errorClass',
} as const

/** Labels of an event that it has a value of its own for. */
export type EventLabel = Exclude<AdmittedLabel, 'series' | 'fallback'>

/** What an event itself says for a label; '' when it says nothing. */
export function ownValue(event: Usage | Correction, label: EventLabel): string {
  const field = FIELDS[label]
  if (field === 'errorClass') return event.kind === 'usage' ? (event.errorClass ?? '') : ''
  return event[field] ?? ''
}

/** The key is completed by the ledger with the number that the change gets: a value may come and go more than once. */
function change(label: AdmittedLabel, value: string, what: 'admit' | 'retire'): Admission {
  return { kind: 'admission', version: 1, key: '', label, value, change: what }
}
