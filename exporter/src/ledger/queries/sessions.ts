import { latest, type Query } from './query.ts'

/** Sessions that observations lend to calls; `where` says which observations. */
function lent(where: string): string {
  return `SELECT call_k, call_k2, arg_max(session, seq) AS session
    FROM (${latest('observation', `what = 'call' AND session <> '' AND ${where}`)}) GROUP BY call_k, call_k2`
}

/** Sessions of calls that have none of their own, for the events that `where` holds for. */
function lentTo(where: string): string {
  return lent(`call_k IN (SELECT e.k FROM event e WHERE e.session = '' AND e.kind = 0 AND ${where})`)
}

const COLUMNS = 'e.customer, e.seq, e.names, e.kind, e.start, e.calls, e.cost, e.duration_ms'

/** Events with their session: their own, else the one that `table` lends to the call, or to the call that they correct. */
function withSession(table: string, where: string): string {
  return `SELECT e.session, ${COLUMNS} FROM event e WHERE e.session <> '' AND ${where}
    UNION ALL SELECT b.session, ${COLUMNS} FROM event e JOIN ${table} b ON b.call_k = e.k AND b.call_k2 = e.k2
      WHERE e.session = '' AND e.kind = 0 AND ${where}
    UNION ALL SELECT b.session, ${COLUMNS} FROM event e JOIN correction_of c ON c.seq = e.seq
      JOIN ${table} b ON b.call_k = c.of_k AND b.call_k2 = c.of_k2 WHERE e.session = '' AND e.kind = 1 AND ${where}`
}

const RANGE = 'e.start >= $from AND e.start < $to'
const SINCE = 'e.start >= $from'

/** A call without a session of its own has the session of its observation, if that has one. */
export const SESSION_QUERIES = {
  /** Dearest sessions of calls that started in [from, to), epoch ms. */
  sessions: {
    params: ['from', 'to', 'limit'],
    sql: `WITH lent AS MATERIALIZED (${lentTo(RANGE)})
          SELECT session, customer, sum(calls) AS calls, sum(cost) AS cost, min(start) AS first, max(start) AS last
          FROM (${withSession('lent', RANGE)})
          GROUP BY session, customer ORDER BY cost DESC, session LIMIT $limit`,
  },
  /** Distinct customers and sessions with a call that started since a moment, epoch ms. */
  active: {
    params: ['from'],
    sql: `WITH lent AS MATERIALIZED (${lentTo(SINCE)})
          SELECT (SELECT count(DISTINCT customer) FROM event e WHERE ${SINCE} AND kind = 0) AS customers,
            (SELECT count(DISTINCT customer || chr(31) || session) FROM (${withSession('lent', SINCE)}) WHERE kind = 0) AS sessions`,
  },
  /** Sessions whose last call is older than a moment and that are not closed yet. Only those with a call since `from`. */
  idle_sessions: {
    params: ['from', 'idle'],
    sql: `WITH fresh AS MATERIALIZED (${lentTo(SINCE)}),
          late AS MATERIALIZED (SELECT DISTINCT customer, session FROM (${withSession('fresh', SINCE)})),
          lent AS MATERIALIZED (${lent('session IN (SELECT session FROM late)')})
          SELECT e.session, e.customer, arg_max(n.tier, e.seq) AS tier, sum(e.calls) AS calls, sum(e.cost) AS cost,
            min(e.start) AS first, max(e.start) AS last
          FROM (${withSession('lent', 'true')}) e JOIN name_set n ON n.id = e.names
          WHERE (e.customer, e.session) IN (SELECT (customer, session) FROM late)
            AND NOT EXISTS (SELECT 1 FROM entry c WHERE c.kind = 'session_closed'
              AND (c.body->>'session') = e.session AND (c.body->>'customer') = e.customer)
          GROUP BY e.session, e.customer HAVING max(greatest(e.start, e.start + e.duration_ms)) < $idle`,
  },
} as const satisfies Record<string, Query>
