import type { Row, RowReader, SqlValue } from './ledger.ts'

/** The tables of sums by local day, and what each sums by besides the day. Both hold the same events. */
export const DAY_SUMS = {
  day_customer: 'customer, tier',
  day_model: 'tier, model, provider',
} as const
export type DaySum = keyof typeof DAY_SUMS

/** A named question to the ledger: plain SQL that both engines understand, parameters only. */
export interface Query {
  readonly sql: string
  /** Parameter names, each of which must be given. */
  readonly params: readonly string[]
  /** The sums that stand in the text as `day_sum`. */
  readonly over?: DaySum
}

/** The sums of some events, in the columns of a table of sums by day. */
export function sumsOf(table: DaySum, where: string): string {
  return `SELECT e.day, ${DAY_SUMS[table]}, sum(e.calls)::BIGINT AS calls,
      coalesce(sum(e.calls) FILTER (WHERE n.basis = 'unpriced'), 0)::BIGINT AS unpriced,
      sum(e.input::BIGINT + e.cache_read + e.cache_write_5m + e.cache_write_1h + e.output + e.reasoning + e.input_audio
        + e.output_audio + e.input_image + e.output_image)::BIGINT AS tokens, sum(e.cost)::BIGINT AS cost
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
  /** Dearest sessions of calls that started in [from, to), epoch ms. */
  sessions: {
    params: ['from', 'to', 'limit'],
    sql: `SELECT session, customer, sum(calls) AS calls, sum(cost) AS cost, min(start) AS first, max(start) AS last
          FROM event WHERE start >= $from AND start < $to AND session <> ''
          GROUP BY session, customer ORDER BY cost DESC, session LIMIT $limit`,
  },
  /** Distinct customers and sessions with a call that started since a moment, epoch ms. */
  active: {
    params: ['from'],
    sql: `SELECT count(DISTINCT customer) AS customers,
            count(DISTINCT CASE WHEN session <> '' THEN customer || chr(31) || session END) AS sessions
          FROM event WHERE start >= $from AND kind = 0`,
  },
  /** Sessions whose last call is older than a moment and that are not closed yet. Only those with a call since `from`. */
  idle_sessions: {
    params: ['from', 'idle'],
    sql: `SELECT e.session, e.customer, arg_max(n.tier, e.seq) AS tier, sum(e.calls) AS calls, sum(e.cost) AS cost,
            min(e.start) AS first, max(e.start) AS last
          FROM event e JOIN name_set n ON n.id = e.names
          WHERE e.session <> '' AND (e.customer, e.session) IN (SELECT (customer, session) FROM event WHERE start >= $from)
            AND NOT EXISTS (SELECT 1 FROM entry c WHERE c.kind = 'session_closed'
              AND (c.body->>'session') = e.session AND (c.body->>'customer') = e.customer)
          GROUP BY e.session, e.customer HAVING max(greatest(e.start, e.start + e.duration_ms)) < $idle`,
  },
  /**
   * Sessions with a call in [from, to), epoch ms, by tier, and what of them lies there; `day` is the local day of `from`. Nothing
   * where single calls of it are not kept any more.
   */
  tier_sessions: {
    params: ['day', 'from', 'to'],
    sql: `SELECT tier, count(*) AS sessions, sum(calls)::BIGINT AS calls, sum(cost)::BIGINT AS cost, sum(length)::BIGINT AS length
          FROM (SELECT arg_max(n.tier, e.seq) AS tier, sum(e.calls) AS calls, sum(e.cost) AS cost,
              max(greatest(e.start, e.start + e.duration_ms)) - min(e.start) AS length
            FROM event e JOIN name_set n ON n.id = e.names
            WHERE e.session <> '' AND e.start >= $from AND e.start < $to AND NOT EXISTS
              (SELECT 1 FROM memory WHERE name = 'retired_before' AND value::INTEGER > $day)
            GROUP BY e.session, e.customer)
          GROUP BY tier ORDER BY tier`,
  },
  /** The ledger's own sums, for comparing with any view. */
  sum: {
    params: [],
    over: 'day_model',
    sql: `SELECT sum(calls) AS calls, sum(tokens) AS tokens, sum(cost) AS cost FROM day_sum`,
  },
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
