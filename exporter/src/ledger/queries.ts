import type { Row, RowReader, SqlValue } from './ledger.ts'
import { MARGIN_QUERIES } from './queries/margin.ts'
import { OBSERVED_QUERIES } from './queries/observed.ts'
import { DAY_SUMS, type DaySum, type Query, TOKENS } from './queries/query.ts'
import { RECONCILIATION_QUERIES } from './queries/reconciliation.ts'
import { SESSION_QUERIES } from './queries/sessions.ts'

/** The sums of some events, in the columns of a table of sums by day. */
export function sumsOf(table: DaySum, where: string): string {
  return `SELECT e.day, ${DAY_SUMS[table]}, sum(e.calls)::BIGINT AS calls,
      coalesce(sum(e.calls) FILTER (WHERE n.basis = 'unpriced'), 0)::BIGINT AS unpriced,
      sum(${TOKENS})::BIGINT AS tokens, sum(e.cost)::BIGINT AS cost
    FROM event e JOIN name_set n ON n.id = e.names WHERE ${where} GROUP BY ALL`
}

/**
 * A common table `day_sum`: sums by day that are stored, and those of the events after them. How far the stored ones reach is
 * read first, in the same transaction, and stands in the text as a literal: only that lets the engine pass over the events
 * before it.
 */
export async function daySum(table: DaySum, rows: RowReader): Promise<string> {
  const [row] = await rows("SELECT coalesce(max(value::BIGINT), 0) AS rolled FROM memory WHERE name = 'rolled'")
  return `WITH day_sum AS (SELECT * FROM ${table} UNION ALL ${sumsOf(table, `e.seq > ${String(row?.rolled)}`)})`
}

const CROSSING_SUMS = `rtrim(body->>'spent', 'n')::BIGINT AS spent, rtrim(body->>'limit', 'n')::BIGINT AS "limit"`

function crossingColumns(...names: readonly string[]): string {
  return names.map((name) => `body->>'${name}' AS "${name}"`).join(', ')
}

/** Net sums are over events and corrections; days are local day numbers. */
export const QUERIES = {
  /** The latest crossings, newest first. */
  crossings: {
    params: ['limit'],
    sql: `SELECT recorded, ${crossingColumns('scope', 'subject', 'session', 'name', 'period', 'action')},
            (body->>'threshold')::BIGINT AS threshold, ${CROSSING_SUMS}
          FROM entry WHERE kind = 'crossing' ORDER BY seq DESC LIMIT $limit`,
  },
  /** Sessions that reached their cap since a moment, epoch ms, each once, latest first. */
  stopped_sessions: {
    params: ['from', 'limit'],
    sql: `SELECT session, customer, max(recorded) AS recorded, arg_max(spent, seq) AS spent, arg_max("limit", seq) AS "limit"
          FROM (SELECT seq, recorded, ${crossingColumns('session', 'customer')}, ${CROSSING_SUMS} FROM entry
            WHERE kind = 'crossing' AND recorded >= $from AND (body->>'scope') = 'session' AND (body->>'action') = 'block')
          WHERE session IS NOT NULL
          GROUP BY session, customer ORDER BY recorded DESC, session LIMIT $limit`,
  },
  /** Spend by local day and tier, from a day on. */
  days: {
    params: ['from'],
    over: 'day_model',
    sql: `SELECT day, tier, sum(calls) AS calls, sum(cost) AS cost FROM day_sum WHERE day >= $from
          GROUP BY day, tier ORDER BY day, tier`,
  },
  /** Spend by tier in [from, to). */
  tiers: {
    params: ['from', 'to'],
    over: 'day_customer',
    sql: `SELECT tier, sum(calls) AS calls, sum(unpriced) AS unpriced, sum(tokens) AS tokens, sum(cost) AS cost,
            count(DISTINCT customer) AS customers
          FROM day_sum WHERE day >= $from AND day < $to GROUP BY tier ORDER BY cost DESC, tier`,
  },
  /** Spend by model in [from, to), dearest first. */
  models: {
    params: ['from', 'to', 'limit'],
    over: 'day_model',
    sql: `SELECT model, provider, sum(calls) AS calls, sum(unpriced) AS unpriced, sum(tokens) AS tokens, sum(cost) AS cost
          FROM day_sum WHERE day >= $from AND day < $to GROUP BY model, provider ORDER BY cost DESC, model LIMIT $limit`,
  },
  /** Dearest customers in [from, to). The tier is the one of the latest day. */
  customers: {
    params: ['from', 'to', 'limit'],
    over: 'day_customer',
    sql: `SELECT customer, arg_max(tier, day) AS tier, sum(calls) AS calls, sum(tokens) AS tokens, sum(cost) AS cost
          FROM day_sum WHERE day >= $from AND day < $to GROUP BY customer ORDER BY cost DESC, customer LIMIT $limit`,
  },
  /** The ledger's own sums, for comparing with any view. */
  sum: {
    params: [],
    over: 'day_model',
    sql: `SELECT sum(calls) AS calls, sum(tokens) AS tokens, sum(cost) AS cost FROM day_sum`,
  },
  ...SESSION_QUERIES,
  ...MARGIN_QUERIES,
  ...OBSERVED_QUERIES,
  ...RECONCILIATION_QUERIES,
} as const satisfies Record<string, Query>
export type QueryName = keyof typeof QUERIES

/**
 * Answers a named question inside one transaction. Throws when the name or a parameter is not known.
 */
export async function ask(
  name: string,
  params: Readonly<Record<string, SqlValue>>,
  rows: RowReader,
): Promise<readonly Row[]> {
  const query = (QUERIES as Record<string, Query>)[name]
  if (!query) throw new RangeError(`no query named ${name}; there are: ${Object.keys(QUERIES).join(', ')}`)
  for (const param of query.params) {
    if (!(param in params)) throw new RangeError(`query ${name} needs ${param}`)
  }
  const days = query.over ? await daySum(query.over, rows) : ''
  return rows(`${days} ${query.sql}`, params)
}
