import type { Ended } from '../support/decisions.ts'

/**
 * One October, worked out by hand, in two zones. All moments are UTC, so that what lies near a midnight lies in one day or month
 * here and in another one there.
 *
 *   zone     October begins           ends                     container days of 1.68 and 1.575
 *   Berlin   30 September, 22:00 UTC  31 October, 23:00 UTC    1st: 18 h, 2nd: 24 h, 3rd: 6 h
 *   L. A.    1 October, 07:00 UTC     1 November, 07:00 UTC    30 September: 3 h, 1st: 24 h, 2nd: 21 h
 *
 *   plan    a month   a day
 *   tier_1  $31       $1
 *   tier_2  $93       $3
 *   tier_3  $199      $6.419354838709677…
 *
 *   customer  plan                                        days it pays for
 *   ada       tier_1 all along                            31
 *   hal       tier_1 all along, for $20.000000001         31
 *   cid       tier_1 up to the 15th, tier_3 from the 16th 15 and 16
 *   eve       tier_1, free until the 10th                 21 (11th to 31st)
 *   bea       tier_2 from the 10th                        22 (10th to 31st)
 *   dot       tier_2, leaves on the 20th                  19 (1st to 19th)
 *   fay       tier_3, known only from calls of the 1st on 31
 *   gus       tier_3 from the 28th, for $310 a month      4, at $10 a day
 */
export const POLICY = (zone: string, docker: string) => `timezone: ${zone}
tiers:
  tier_1: { price_usd: 31, margin_target: 80% }
  tier_2: { price_usd: 93, margin_target: 65% }
  tier_3: { price_usd: 199 }
roster: { file: customers.csv }
margin: { keep: [grafana] }
rates: { containers: [{ cpu_usd_per_hour: 0.03, memory_usd_per_gib_hour: 0.005 }] }
sources: { ${docker} }
`

/** The price by which the call of the 9th is corrected. */
export const LATE_PRICE =
  'prices: { overrides: [{ model: house-llm, input_usd_per_million: 1.25, output_usd_per_million: 0 }] }\n'

/** As it is until somebody knows that dot will leave. */
export const CUSTOMERS = `id,tier,from,to,price_usd,trial_until
ada,tier_1,2026-09-01,,,
hal,tier_1,2026-09-01,,20.000000001,
cid,tier_1,2026-09-01,2026-10-16,,
cid,tier_3,2026-10-16,,,
eve,tier_1,2026-09-01,,,2026-10-11
bea,tier_2,2026-10-10,,,
dot,tier_2,2026-09-01,,,
gus,tier_3,2026-10-28,,310,
`
export const DOT_LEAVES = CUSTOMERS.replace('dot,tier_2,2026-09-01,', 'dot,tier_2,2026-09-01,2026-10-20')
/** An edit in November that would move October: ada on a dearer plan, bea since the 1st, cid never changed. */
export const LATE_EDIT = DOT_LEAVES.replace('ada,tier_1', 'ada,tier_3')
  .replace('bea,tier_2,2026-10-10', 'bea,tier_2,2026-10-01')
  .replace('cid,tier_1,2026-09-01,2026-10-16,,\n', '')
  .replace('cid,tier_3,2026-10-16', 'cid,tier_3,2026-09-01')

const utc = (text: string) => Date.parse(`${text}Z`)

export const MOMENTS = {
  start: utc('2026-09-30T20:00'),
  /** Two services run from here … */
  containers: utc('2026-10-01T04:00'),
  /** Noon in Berlin, three in the morning in Los Angeles. */
  second: utc('2026-10-02T10:00'),
  /** … to here. */
  containersEnd: utc('2026-10-03T04:00'),
  middle: utc('2026-10-16T10:00'),
  /** Six in the evening in Berlin, ten in the morning in Los Angeles. */
  last: utc('2026-10-31T17:00'),
  november: utc('2026-11-02T10:00'),
}

/** `api` costs $0.03 + $0.005 an hour, `grafana` 2 × $0.005. */
export const SERVICES = [
  { service: 'api', processors: 1, memory: 2 ** 30 },
  { service: 'grafana', processors: 0, memory: 2 ** 31 },
] as const

function call(start: string, customer: string, input: number, usd: number, more: Partial<Ended> = {}): Ended {
  const callId = `${customer} ${start}`
  return { callId, ...(customer && { customer }), input, output: 0, usd, start: utc(start) / 1000, ...more }
}
const FAY = { tier: 'tier_3' }

/** Calls, by the moment before which they happened. */
export const CALLS = {
  second: [
    call('2026-09-30T22:30', 'ada', 1_000, 0.7), // the 1st in Berlin, still September in Los Angeles
    call('2026-10-01T09:00', 'ada', 3_000, 0.6),
    call('2026-10-01T10:00', 'cid', 1_000, 2.5),
    call('2026-10-01T12:00', 'fay', 4_000, 9, FAY),
    call('2026-10-01T13:00', '', 2_000, 0.15),
    call('2026-10-02T03:00', 'dot', 1_000, 4), // the 2nd in Berlin, still the 1st in Los Angeles
    call('2026-10-02T08:00', 'eve', 1_000, 0.3),
    call('2026-10-02T08:30', 'ada', 1_000, 0.1),
  ],
  middle: [
    // Nobody knows its price, until somebody writes it into the policy: then it is $1.25.
    call('2026-10-09T10:00', 'dot', 1_000_000, 0, { model: 'house-llm' }),
    call('2026-10-12T10:00', 'bea', 10_000, 40),
    call('2026-10-15T22:30', 'cid', 100, 5), // on tier_3 in Berlin, still on tier_1 in Los Angeles
  ],
  last: [
    call('2026-10-19T23:30', 'dot', 200, 1), // has left in Berlin, not yet in Los Angeles
    call('2026-10-30T10:00', 'fay', 1_000, 250, FAY),
    call('2026-10-31T16:00', 'gus', 1_000, 20),
  ],
  november: [
    call('2026-10-31T23:30', 'bea', 100, 2), // November in Berlin, still October in Los Angeles
    call('2026-11-01T06:30', 'ada', 100, 3), // the same, half an hour before its midnight
    call('2026-11-01T07:30', 'ada', 100, 11), // November everywhere
  ],
}

/** Accrued, of the whole month, models, infrastructure, margin, in dollars. */
export type Money = readonly [accrued: string, month: string, models: string, infra: string, margin: string]
/** The same with margin ÷ accrued, and accrued ÷ models; '' = there is none. */
export type Row = readonly [...Money, ratio: string, returned: string]

export interface Seen {
  readonly tiers: Readonly<Record<string, Row>>
  /** How many earn, lose, are on trial, and are known only from calls. */
  readonly states: Readonly<Record<string, readonly [number, number, number, number]>>
  readonly whole: Row
  readonly infra: { readonly total: string; readonly unallocated: string }
  readonly customers: Readonly<Record<string, readonly [...Money, state: string]>>
  readonly assumed: { readonly customers: number; readonly of: number }
  /** What the page says above the table. */
  readonly said: string
}
