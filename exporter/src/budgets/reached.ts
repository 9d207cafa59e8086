import { usd } from '@marginwatch/pricing'
import type { Crossing, Nano } from '../usage.ts'
import type { Meter } from './ask.ts'
import type { Rung } from './ladder.ts'

/** What made a threshold be reached. */
export interface Cause {
  readonly customer: string | null
  readonly tier: string | null
  readonly session: string | null
  readonly agent: string | null
  readonly trace: string | null
  /** Key of the event, or of the call that was refused. */
  readonly of: string
}

/** A threshold at the moment in which it is reached. */
export interface Reached {
  readonly meter: Meter
  readonly rung: Rung
  readonly spent: Nano
  readonly held: Nano
  readonly cause: Cause
  /** The period is over: it is written down, and nothing is done. */
  readonly closed: boolean
}

/** Which thresholds were reached already, and when somebody was last told of each. */
export interface Crossings {
  /** Takes one that the ledger holds. */
  known(crossing: Crossing, at: number): void
  /** The entry for a threshold that is reached now; null when it was before, in this period and with this limit. */
  note(reached: Reached, now: number): Crossing | null
  has(meter: Meter, rung: Rung): boolean
}

/** `policy` is the print of the one that judges. */
export function createCrossings(cooldownMs: number, policy = ''): Crossings {
  const seen = new Set<string>()
  const told = new Map<string, number>()
  const remember = (key: string, telling: string, notice: boolean, at: number) => {
    seen.add(key)
    if (notice) told.set(telling, Math.max(at, told.get(telling) ?? 0))
  }
  return {
    known(crossing, at) {
      remember(crossing.key, tellingOf(crossing), crossing.notice, at)
    },
    has: (meter, rung) => seen.has(keyOf(meter, rung)),
    note(reached, now) {
      const { meter, rung, closed } = reached
      const key = keyOf(meter, rung)
      if (seen.has(key)) return null
      const place = placeOf(meter, rung)
      const telling = tellingOf(place)
      const last = told.get(telling)
      const cool = last === undefined || now - last >= cooldownMs || now < last
      const notice = rung.do !== 'log' && !closed && cool
      remember(key, telling, notice, now)
      return { ...crossingOf(reached, key, notice), policy }
    },
  }
}

type Place = Pick<Crossing, 'scope' | 'subject' | 'name' | 'period' | 'periodStart' | 'threshold'>

function placeOf({ budget, subject, start }: Meter, { name, at }: Rung): Place {
  const { scope, period } = budget
  return { scope, subject: shown(subject), name, period, periodStart: start, threshold: at }
}

/** Once for scope, subject, threshold, period and limit: a raised limit reopens it. */
function keyOf(meter: Meter, rung: Rung): string {
  const { scope, subject, name, period, periodStart, threshold } = placeOf(meter, rung)
  // The first call of a session may turn out to be another one; the session is the same.
  const start = period === 'session' ? '' : periodStart
  return ['crossing', scope, subject, period, start, name || threshold, meter.budget.limit].join(':')
}

function tellingOf({ scope, subject, name, period, periodStart, threshold }: Place): string {
  return [scope, subject, period, period === 'session' ? '' : periodStart, name || threshold].join(':')
}

/** Sessions are told apart by customer and session. */
export function shown(subject: string): string {
  return subject.replace('\u001f', '/')
}

function crossingOf(
  { meter, rung, spent, held, cause }: Reached,
  key: string,
  notice: boolean,
): Omit<Crossing, 'policy'> {
  return {
    kind: 'crossing',
    version: 1,
    key,
    ...placeOf(meter, rung),
    limit: meter.budget.limit,
    spent,
    held,
    action: rung.do,
    severity: rung.severity,
    channels: rung.channels,
    notice,
    message: messageOf(meter, rung, spent),
    ...cause,
  }
}

const PERIODS = { day: 'day', week: 'week', month: 'month', session: 'session' } as const

function messageOf(meter: Meter, rung: Rung, spent: Nano): string {
  const { budget, subject } = meter
  const [cost, threshold] = [dollars(spent), dollars(rung.amount)]
  if (rung.message !== '') {
    const places = new Map(
      Object.entries({
        name: rung.name,
        cost,
        threshold,
        period: PERIODS[budget.period],
        subject: shown(subject),
      }),
    )
    return rung.message.replace(/\{(\w+)\}/g, (whole, place: string) => places.get(place) ?? whole)
  }
  const share = rung.at / 100
  return `${subjectOf(meter)} has spent ${cost} of ${dollars(budget.limit)} (${share} %) ${ofPeriod(budget.period)}.`
}

function subjectOf({ budget, subject }: Meter): string {
  switch (budget.scope) {
    case 'global':
      return 'Everything together'
    case 'unknown_customers':
      return 'All unknown customers together'
    case 'tenant_day':
      return `Customer ${subject}`
    case 'session':
      return `Session ${shown(subject)}`
    default:
      return `${budget.scope[0]?.toUpperCase()}${budget.scope.slice(1)} ${subject}`
  }
}

function ofPeriod(period: Meter['budget']['period']): string {
  return period === 'session' ? 'so far' : period === 'day' ? 'today' : `this ${period}`
}

/** `$12.50`; smaller amounts with as many digits as they need. */
export function dollars(amount: Nano): string {
  const text = usd(amount)
  const [whole = '0', decimals = ''] = text.split('.')
  return `$${whole}.${decimals.padEnd(2, '0')}`
}
