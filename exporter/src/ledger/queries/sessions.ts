import { APART, latest, type Query } from './query.ts'

const APART_MS = APART * 86_400_000

/** Sessions that observations lend to calls; `where` says which observations. */
function lent(where: string): string {
  const seen = latest('observation', `what = 'call' AND session <> '' AND ${where}`, 'call_k, call_k2, session, seq')
  return `SELECT call_k, call_k2, arg_max(session, seq) AS session FROM (${seen}) GROUP BY call_k, call_k2`
}

const COLUMNS = 'e.customer, e.seq, e.names, e.kind, e.start, e.calls, e.cost, e.duration_ms'

/**
 * Events with their session: their own, else the one that the table `lender` lends to the call, or to the call that they
 * correct. Without a lender only those with a session of their own.
 */
function withSession(lender: string | null, where: string): string {
  if (lender === null) return `SELECT e.session, ${COLUMNS} FROM event e WHERE ${where} AND e.session <> ''`
  return `SELECT CASE WHEN e.session <> '' THEN e.session ELSE l.session END AS session, ${COLUMNS}
    FROM event e LEFT JOIN correction_of c ON c.seq = e.seq
    LEFT JOIN ${lender} l ON l.call_k = coalesce(c.of_k, e.k) AND l.call_k2 = coalesce(c.of_k2, e.k2)
    WHERE ${where} AND (e.session <> '' OR l.session IS NOT NULL)`
}

const SINCE = 'e.start >= $from'
const LENT_SINCE = lent(`start >= $from - ${APART_MS}`)
const RANGE = 'e.start >= $from AND e.start < $to'
const LENT_RANGE = lent(`start >= $from - ${APART_MS} AND start < $to + ${APART_MS}`)
const LENT_LATE = lent(
  'call_k IN (SELECT call_k FROM observation WHERE session IN (SELECT session FROM late) AND call_k <> 0)',
)

function sessions(lender: string | null): string {
  return `SELECT session, customer, sum(calls) AS calls, sum(cost) AS cost, min(start) AS first, max(start) AS last
    FROM (${withSession(lender, RANGE)})
    GROUP BY session, customer ORDER BY cost DESC, session LIMIT $limit`
}

function active(lender: string | null): string {
  return `SELECT (SELECT count(DISTINCT customer) FROM event e WHERE ${SINCE} AND kind = 0) AS customers,
    (SELECT count(DISTINCT customer || chr(31) || session) FROM (${withSession(lender, SINCE)}) WHERE kind = 0) AS sessions`
}

/** Over the sessions in the common table `late`. */
function idleSessions(lender: string | null): string {
  return `SELECT e.session, e.customer, arg_max(n.tier, e.seq) AS tier, sum(e.calls) AS calls, sum(e.cost) AS cost,
      min(e.start) AS first, max(e.start) AS last
    FROM (${withSession(lender, 'true')}) e JOIN name_set n ON n.id = e.names
    WHERE (e.customer, e.session) IN (SELECT (customer, session) FROM late)
      AND NOT EXISTS (SELECT 1 FROM entry c WHERE c.kind = 'session_closed'
        AND (c.body->>'session') = e.session AND (c.body->>'customer') = e.customer)
    GROUP BY e.session, e.customer HAVING max(greatest(e.start, e.start + e.duration_ms)) < $idle`
}

/** Of single calls only: nothing where those of the first day are not kept any more. */
function tierSessions(lender: string | null): string {
  return `SELECT tier, count(*) AS sessions, sum(calls)::BIGINT AS calls, sum(cost)::BIGINT AS cost,
      sum(length)::BIGINT AS length
    FROM (SELECT arg_max(n.tier, e.seq) AS tier, sum(e.calls) AS calls, sum(e.cost) AS cost,
        max(greatest(e.start, e.start + e.duration_ms)) - min(e.start) AS length
      FROM (${withSession(lender, RANGE)}) e JOIN name_set n ON n.id = e.names
      WHERE NOT EXISTS (SELECT 1 FROM memory WHERE name = 'retired_before' AND value::INTEGER > $day)
      GROUP BY e.session, e.customer)
    GROUP BY tier ORDER BY tier`
}

function late(lender: string | null): string {
  return `late AS MATERIALIZED (SELECT DISTINCT customer, session FROM (${withSession(lender, SINCE)}))`
}

/** A call without a session of its own has the session of its observation, if that has one. */
export const SESSION_QUERIES = {
  /** Dearest sessions of calls that started in [from, to), epoch ms. */
  sessions: {
    params: ['from', 'to', 'limit'],
    sql: `WITH lent AS MATERIALIZED (${LENT_RANGE}) ${sessions('lent')}`,
    unlent: sessions(null),
  },
  /** Distinct customers and sessions with a call that started since a moment, epoch ms. */
  active: {
    params: ['from'],
    sql: `WITH lent AS MATERIALIZED (${LENT_SINCE}) ${active('lent')}`,
    unlent: active(null),
  },
  /** Sessions whose last call is older than a moment and that are not closed yet. Only those with a call since `from`. */
  idle_sessions: {
    params: ['from', 'idle'],
    sql: `WITH fresh AS MATERIALIZED (${LENT_SINCE}), ${late('fresh')}, lent AS MATERIALIZED (${LENT_LATE})
      ${idleSessions('lent')}`,
    unlent: `WITH ${late(null)} ${idleSessions(null)}`,
  },
  /**
   * Sessions with a call in [from, to), epoch ms, by tier, and what of them lies there; `day` is the local day of `from`. Nothing
   * where single calls of it are not kept any more.
   */
  tier_sessions: {
    params: ['day', 'from', 'to'],
    sql: `WITH lent AS MATERIALIZED (${LENT_RANGE}) ${tierSessions('lent')}`,
    unlent: tierSessions(null),
  },
} as const satisfies Record<string, Query>

/** Whether any observation has a session: asking for those that there are costs more than the question itself. */
export const LENDS = "SELECT 1 FROM observation WHERE session <> '' LIMIT 1"
