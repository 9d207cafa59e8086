import type { RowReader } from '../../src/ledger/ledger.ts'
import { TOKEN_CLASSES } from '../../src/usage.ts'
import { openLedger } from './ledger.ts'
import { type Page, seriesOf, valuesOfFamilies } from './scrape.ts'

/** One family as a person would ask for it in SQL, over the documented view `usage_event` unless it says otherwise. */
interface Question {
  readonly family: string
  /** Label → expression. */
  readonly by: Readonly<Record<string, string>>
  readonly sum: string
  readonly from?: string
  readonly where?: string
}

const ONE = 'count(*) * 1000000000'
const LABELS = {
  tier: `coalesce(tier, 'unattributed')`,
  model: `coalesce(model, 'unknown')`,
  provider: `coalesce(provider, 'unknown')`,
  environment: `coalesce(environment, 'unknown')`,
}
const CUSTOMER = { customer: 'customer', tier: LABELS.tier }
const QUERY_TYPE = { query_type: `coalesce(query_type, 'unknown')` }
const REFUSED = `status IN ('rejected', 'blocked')`
const COSTING = `basis NOT IN ('unpriced', 'cached')`

const QUESTIONS: readonly Question[] = [
  { family: 'llm_requests_total', by: { ...LABELS, status: 'status' }, sum: ONE, where: `NOT ${REFUSED}` },
  // Whether a refused call's names have series of their own depends on what else was seen: a client could make them up.
  { family: 'llm_requests_total', by: { status: 'status' }, sum: ONE, where: REFUSED },
  { family: 'llm_cost_usd_total', by: { ...LABELS, basis: 'basis' }, sum: 'sum(cost)', where: COSTING },
  ...TOKEN_CLASSES.map((name) => ({
    family: 'llm_tokens_total',
    by: { tier: LABELS.tier, model: LABELS.model, provider: LABELS.provider, token_type: `'${name}'` },
    sum: `sum(${name}) * 1000000000`,
  })),
  { family: 'llm_customer_cost_usd_total', by: CUSTOMER, sum: 'sum(cost)' },
  { family: 'llm_customer_requests_total', by: CUSTOMER, sum: ONE },
  { family: 'llm_agent_cost_usd_total', by: { agent: 'agent' }, sum: 'sum(cost)', where: 'agent IS NOT NULL' },
  { family: 'llm_operation_cost_usd_total', by: { operation: `coalesce(operation, 'unknown')` }, sum: 'sum(cost)' },
  { family: 'llm_query_type_cost_usd_total', by: QUERY_TYPE, sum: 'sum(cost)' },
  { family: 'llm_query_type_requests_total', by: QUERY_TYPE, sum: ONE },
  { family: 'llm_cache_hits_total', by: { model: LABELS.model }, sum: ONE, where: 'cache_hit' },
  { family: 'llm_cache_saved_usd_total', by: { model: LABELS.model }, sum: 'sum(saved)', where: 'cache_hit' },
  { family: 'llm_unpriced_requests_total', by: { model: LABELS.model }, sum: ONE, where: `basis = 'unpriced'` },
  {
    family: 'llm_provider_errors_total',
    by: { provider: LABELS.provider, class: `coalesce(error_class, 'unknown')` },
    sum: ONE,
    from: `(SELECT provider, error_class FROM usage_event WHERE status = 'failed'
      UNION ALL SELECT body->>'provider', body->>'errorClass' FROM entry WHERE kind = 'attempt')`,
  },
  {
    family: 'llm_fallbacks_total',
    by: { from: `body->>'from'`, to: `body->>'to'` },
    sum: ONE,
    from: 'entry',
    where: `kind = 'fallback'`,
  },
]

/** Families that `countersBySql` answers for. */
export const BY_SQL: ReadonlySet<string> = new Set(QUESTIONS.map(({ family }) => family))

/**
 * What the counters of `/metrics` must show by plain SQL, in thousand-millionths and without those that are zero. Holds
 * while no label is beyond its bound and nothing was corrected or folded away.
 */
export async function countersBySql(rows: RowReader): Promise<Map<string, bigint>> {
  const values = new Map<string, bigint>()
  for (const { family, by, sum, from = 'usage_event', where } of QUESTIONS) {
    const labels = Object.entries(by).map(([label, expression]) => `${expression} AS "${label}"`)
    const condition = where === undefined ? '' : `WHERE ${where}`
    const sql = `SELECT ${labels.join(', ')}, (${sum})::HUGEINT AS total FROM ${from} ${condition} GROUP BY ALL`
    for (const { total, ...found } of await rows(sql)) {
      if (total !== null && total !== 0n) values.set(seriesOf(family, found as Record<string, string>), total as bigint)
    }
  }
  return values
}

/** Each series in which the page and SQL differ, in words; empty when they are the same to the nano-dollar. */
export function differences(page: Page, bySql: ReadonlyMap<string, bigint>): string[] {
  const shown = new Map<string, bigint>()
  for (const { series, value } of valuesOfFamilies(page, BY_SQL)) {
    const refused = /^llm_requests_total\{.*(status="(?:rejected|blocked)")/.exec(series)
    const name = refused ? `llm_requests_total{${refused[1]}}` : series
    shown.set(name, (shown.get(name) ?? 0n) + value)
  }
  const all = new Set([...shown.keys(), ...bySql.keys()])
  return [...all].flatMap((one) =>
    shown.get(one) === bySql.get(one) ? [] : [`${one}: page ${shown.get(one) ?? 0n}, SQL ${bySql.get(one) ?? 0n}`],
  )
}

/** Opens the ledger in a folder that no program has open, reads it and closes it. */
export async function readLedger<T>(folder: string, read: (rows: RowReader) => Promise<T>): Promise<T> {
  const ledger = await openLedger(folder, Date.now)
  try {
    return (await ledger.snapshot((rows) => read(rows))).state
  } finally {
    await ledger.close()
  }
}
