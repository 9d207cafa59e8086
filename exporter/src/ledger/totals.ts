import { UNATTRIBUTED } from '../usage.ts'
import { bit } from './admission.ts'
import type { Row, RowReader } from './ledger.ts'

/** A distribution that the folds show: of what, and where its buckets end. */
export interface HistogramSpec {
  readonly family: string
  readonly of: HistogramValue
  /** Upper bounds in the value's own unit, rising. */
  readonly bounds: readonly number[]
}

/** cost in nano-dollars, duration and ttft in milliseconds, context in millionths of the model's window. */
export type HistogramValue = 'cost' | 'duration' | 'ttft' | 'context'

const TOKENS = [
  'input',
  'cache_read',
  'cache_write_5m',
  'cache_write_1h',
  'output',
  'reasoning',
  'input_audio',
  'output_audio',
  'input_image',
  'output_image',
]

const SUMS = ['calls', ...TOKENS, 'cost', 'cost_up', 'saved']

/** The sums of a group of events, in the order of the columns of `baseline`. */
export const TOTALS_COLUMNS = [
  'sum(calls)',
  ...TOKENS.map((name) => `sum(${name})`),
  'sum(cost)',
  'coalesce(sum(cost) FILTER (WHERE cost > 0), 0)',
  'sum(saved)',
].join(', ')

const CONTEXT_TOKENS =
  'e.input::BIGINT + e.cache_read + e.cache_write_5m + e.cache_write_1h + e.input_audio + e.input_image'
const VALUES: Record<HistogramValue, { value: string; when: string }> = {
  cost: { value: 'e.cost', when: 'true' },
  duration: { value: 'e.duration_ms', when: 'e.duration_ms >= 0' },
  ttft: { value: 'e.ttft_ms', when: 'e.ttft_ms >= 0' },
  context: {
    value: `(${CONTEXT_TOKENS}) * 1000000 // n.context_window::BIGINT`,
    when: `n.context_window <> '' AND n.context_window <> '0'`,
  },
}

/** Observations of events by names and bucket (0 = up to the first bound, last = beyond the last). */
export function histogramSql(spec: HistogramSpec, where: string): string {
  const { value, when } = VALUES[spec.of]
  const cases = spec.bounds.map((bound, index) => `WHEN v <= ${bound} THEN ${index}`).join(' ')
  return `SELECT '${spec.family}' AS family, names, named, CASE ${cases} ELSE ${spec.bounds.length} END AS bucket,
      min(recorded) AS first_at, count(*) AS n, sum(v) AS total
    FROM (SELECT e.names, e.named, e.recorded, ${value} AS v FROM event e JOIN name_set n ON n.id = e.names
      WHERE e.kind = 0 AND ${when} AND ${where}) GROUP BY ALL`
}

/** Admissions that hold now: the last change of each value, where it admits. */
export const ADMITTED = `
  SELECT body->>'label' AS label, body->>'value' AS value, max(seq) AS seq FROM entry WHERE kind = 'admission'
  GROUP BY ALL HAVING arg_max(body->>'change', seq) = 'admit'`

/**
 * Calls and cost by customer. `admitted` is the number of the admission that holds, 0 where none is needed, −1 for what was
 * counted under a series that was given up since; without a series of its own the customer is ''.
 */
export function customerSql(where: string): string {
  const named = `(e.named & ${bit('customer')}) <> 0`
  return `SELECT CASE WHEN ${named} THEN e.customer ELSE '' END AS customer, n.tier,
      (e.named & ${bit('tier')}) <> 0 AS tier_named,
      CASE WHEN NOT ${named} OR e.customer = '${UNATTRIBUTED}' THEN 0 WHEN e.seq > a.seq THEN a.seq ELSE -1 END AS admitted,
      min(e.recorded) AS first_at, count(*) AS calls, sum(e.cost) AS cost
    FROM event e JOIN name_set n ON n.id = e.names
    LEFT JOIN (SELECT value, seq FROM (${ADMITTED}) WHERE label = 'customer') a ON a.value = e.customer
    WHERE e.kind = 0 AND ${where} GROUP BY ALL`
}

/** All that the ledger holds, summed in the grouping that folds start from: what retention took plus what is still there. */
export interface Totals {
  readonly groups: readonly GroupTotal[]
  readonly customers: readonly CustomerTotal[]
  readonly histograms: readonly BucketTotal[]
  /** Names by number. */
  readonly names: ReadonlyMap<number, Names>
}

export interface Names {
  readonly tier: string
  readonly model: string
  readonly provider: string
  readonly environment: string
  readonly operation: string
  readonly queryType: string
  readonly agent: string
  readonly status: string
  readonly basis: string
  readonly errorClass: string
  readonly cacheHit: boolean
}

export interface GroupTotal {
  readonly names: number
  readonly named: number
  readonly correction: boolean
  readonly firstAt: number
  readonly calls: number
  /** In the order of TOKEN_CLASSES. */
  readonly tokens: readonly number[]
  readonly cost: bigint
  /** The part of the cost that adds; the rest takes away. */
  readonly costUp: bigint
  readonly saved: bigint
}

export interface CustomerTotal {
  readonly customer: string
  readonly tier: string
  readonly tierNamed: boolean
  /** False when the customer's series was given up since. */
  readonly current: boolean
  readonly firstAt: number
  readonly calls: number
  readonly cost: bigint
}

export interface BucketTotal {
  readonly family: string
  readonly names: number
  readonly named: number
  readonly bucket: number
  readonly firstAt: number
  readonly n: number
  readonly total: bigint
}

/** Reads the totals inside a snapshot. */
export async function readTotals(rows: RowReader, specs: readonly HistogramSpec[]): Promise<Totals> {
  const sums = SUMS.map((name) => `sum(${name}) AS ${name}`).join(', ')
  const groups = await rows(
    `SELECT names, named, kind, min(first_at) AS first_at, ${sums} FROM (
       SELECT * FROM baseline UNION ALL
       SELECT names, named, kind, min(recorded), ${TOTALS_COLUMNS} FROM event GROUP BY names, named, kind)
     GROUP BY names, named, kind`,
  )
  const customers = await rows(
    `SELECT b.*, b.admitted = 0 OR a.seq IS NOT NULL AS current
     FROM (SELECT * FROM baseline_customer UNION ALL ${customerSql('true')}) b
     LEFT JOIN (SELECT value, seq FROM (${ADMITTED}) WHERE label = 'customer') a ON a.value = b.customer AND a.seq = b.admitted`,
  )
  const histograms: BucketTotal[] = []
  for (const spec of specs) {
    const list = await rows(
      `SELECT * FROM baseline_histogram WHERE family = '${spec.family}' UNION ALL ${histogramSql(spec, 'true')}`,
    )
    for (const row of list) histograms.push(bucketTotal(row))
  }
  return {
    groups: groups.map(groupTotal),
    customers: customers.map(customerTotal),
    histograms,
    names: await readNames(rows),
  }
}

async function readNames(rows: RowReader): Promise<Map<number, Names>> {
  const list = await rows(
    `SELECT * FROM name_set WHERE id IN (SELECT names FROM event UNION SELECT names FROM baseline)`,
  )
  return new Map(
    list.map((row) => [
      Number(row['id']),
      {
        tier: text(row['tier']),
        model: text(row['model']),
        provider: text(row['provider']),
        environment: text(row['environment']),
        operation: text(row['operation']),
        queryType: text(row['query_type']),
        agent: text(row['agent']),
        status: text(row['status']),
        basis: text(row['basis']),
        errorClass: text(row['error_class']),
        cacheHit: row['cache_hit'] === '1',
      },
    ]),
  )
}

function groupTotal(row: Row): GroupTotal {
  return {
    names: Number(row['names']),
    named: Number(row['named']),
    correction: Number(row['kind']) === 1,
    firstAt: Number(row['first_at']),
    calls: Number(row['calls']),
    tokens: TOKENS.map((name) => Number(row[name])),
    cost: row['cost'] as bigint,
    costUp: row['cost_up'] as bigint,
    saved: row['saved'] as bigint,
  }
}

function customerTotal(row: Row): CustomerTotal {
  return {
    customer: text(row['customer']),
    tier: text(row['tier']),
    tierNamed: row['tier_named'] === true,
    current: row['current'] === true,
    firstAt: Number(row['first_at']),
    calls: Number(row['calls']),
    cost: row['cost'] as bigint,
  }
}

function bucketTotal(row: Row): BucketTotal {
  return {
    family: text(row['family']),
    names: Number(row['names']),
    named: Number(row['named']),
    bucket: Number(row['bucket']),
    firstAt: Number(row['first_at']),
    n: Number(row['n']),
    total: row['total'] as bigint,
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
