import { TOKEN_CLASSES, UNATTRIBUTED } from '../usage.ts'
import { bit } from './admission.ts'
import { labelSql, seriesSql } from './labels.ts'
import type { Row, RowReader } from './ledger.ts'
import { bucketSql, type HistogramSpec, OBSERVED } from './observed.ts'
import { type AttemptTotal, type FallbackTotal, readTries } from './tries.ts'

/** The sums of a group of events, in the order of the columns of `baseline`. */
export const TOTALS_COLUMNS = [
  'sum(calls)',
  ...TOKEN_CLASSES.map((name) => `sum(${name})`),
  'sum(cost)',
  'coalesce(sum(cost) FILTER (WHERE cost > 0), 0)',
  'sum(saved)',
].join(', ')

/** Observations of single events, labelled as they are shown. */
export function histogramSql(spec: HistogramSpec, where: string): string {
  const rule = OBSERVED[spec.of]
  return `SELECT '${spec.family}' AS family, ${seriesSql('model')} AS model, ${seriesSql('provider')} AS provider,
      ${bucketSql(spec, rule.sql)} AS bucket, min(e.recorded) AS first_at, count(*) AS n, sum(${rule.sql}) AS total
    FROM event e JOIN name_set n ON n.id = e.names WHERE e.kind = 0 AND ${rule.when} AND ${where} GROUP BY ALL`
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
  return `SELECT CASE WHEN ${named} THEN e.customer ELSE '' END AS customer, ${labelSql('tier')} AS tier,
      CASE WHEN NOT ${named} OR e.customer = '${UNATTRIBUTED}' THEN 0 WHEN e.seq > a.seq THEN a.seq ELSE -1 END AS admitted,
      min(e.recorded) AS first_at, count(*) AS calls, sum(e.cost) AS cost
    FROM event e JOIN name_set n ON n.id = e.names
    LEFT JOIN (SELECT value, seq FROM (${ADMITTED}) WHERE label = 'customer') a ON a.value = e.customer
    WHERE e.kind = 0 AND ${where} GROUP BY ALL`
}

/** All that the ledger holds, summed as folds need it: what retention took plus what is still there. */
export interface Totals {
  readonly groups: readonly GroupTotal[]
  readonly customers: readonly CustomerTotal[]
  readonly histograms: readonly BucketTotal[]
  readonly attempts: readonly AttemptTotal[]
  readonly fallbacks: readonly FallbackTotal[]
}

/** Events that are counted under the same labels. */
export interface GroupTotal {
  readonly correction: boolean
  /** Labels of the combination, see `seriesOf`. */
  readonly series: {
    readonly tier: string
    readonly model: string
    readonly provider: string
    readonly environment: string
  }
  /** Labels by themselves, see `labelOf`. */
  readonly tier: string
  readonly model: string
  readonly provider: string
  readonly operation: string
  readonly queryType: string
  readonly agent: string
  readonly errorClass: string
  readonly status: string
  readonly basis: string
  readonly cacheHit: boolean
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
  /** '' for those without a series of their own. */
  readonly customer: string
  readonly tier: string
  /** False when the customer's series was given up since. */
  readonly current: boolean
  readonly firstAt: number
  readonly calls: number
  readonly cost: bigint
}

export interface BucketTotal {
  readonly family: string
  readonly model: string
  readonly provider: string
  readonly bucket: number
  readonly firstAt: number
  readonly n: number
  readonly total: bigint
}

/** Reads the totals inside a snapshot. */
export async function readTotals(rows: RowReader, specs: readonly HistogramSpec[]): Promise<Totals> {
  const groups = await rows(GROUPS)
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
  const tries = await readTries(rows)
  return { groups: groups.map(groupTotal), customers: customers.map(customerTotal), histograms, ...tries }
}

const SUMS = ['calls', ...TOKEN_CLASSES, 'cost', 'cost_up', 'saved']
const GROUPS = `
  SELECT e.kind, ${seriesSql('tier')} AS s_tier, ${seriesSql('model')} AS s_model, ${seriesSql('provider')} AS s_provider,
    ${seriesSql('environment')} AS s_environment, ${labelSql('tier')} AS tier, ${labelSql('model')} AS model,
    ${labelSql('provider')} AS provider, ${labelSql('operation')} AS operation, ${labelSql('query_type')} AS query_type,
    ${labelSql('agent')} AS agent, ${labelSql('error_class')} AS error_class, n.status, n.basis,
    n.cache_hit <> '' AS cache_hit, min(e.first_at) AS first_at, ${SUMS.map((name) => `sum(e.${name}) AS ${name}`).join(', ')}
  FROM (SELECT * FROM baseline UNION ALL
    SELECT names, named, kind, min(recorded), ${TOTALS_COLUMNS} FROM event GROUP BY names, named, kind) e
  JOIN name_set n ON n.id = e.names GROUP BY ALL`

function groupTotal(row: Row): GroupTotal {
  return {
    correction: Number(row.kind) === 1,
    series: {
      tier: text(row.s_tier),
      model: text(row.s_model),
      provider: text(row.s_provider),
      environment: text(row.s_environment),
    },
    tier: text(row.tier),
    model: text(row.model),
    provider: text(row.provider),
    operation: text(row.operation),
    queryType: text(row.query_type),
    agent: text(row.agent),
    errorClass: text(row.error_class),
    status: text(row.status),
    basis: text(row.basis),
    cacheHit: row.cache_hit === true,
    firstAt: Number(row.first_at),
    calls: Number(row.calls),
    tokens: TOKEN_CLASSES.map((name) => Number(row[name])),
    cost: row.cost as bigint,
    costUp: row.cost_up as bigint,
    saved: row.saved as bigint,
  }
}

function customerTotal(row: Row): CustomerTotal {
  return {
    customer: text(row.customer),
    tier: text(row.tier),
    current: row.current === true,
    firstAt: Number(row.first_at),
    calls: Number(row.calls),
    cost: row.cost as bigint,
  }
}

function bucketTotal(row: Row): BucketTotal {
  return {
    family: text(row.family),
    model: text(row.model),
    provider: text(row.provider),
    bucket: Number(row.bucket),
    firstAt: Number(row.first_at),
    n: Number(row.n),
    total: row.total as bigint,
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
