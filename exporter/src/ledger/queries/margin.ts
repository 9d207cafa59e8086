import type { Query } from './query.ts'

const HOUR = 3_600_000

/** What the margin and the forecast are made of. Days are local day numbers, [from, to). */
export const MARGIN_QUERIES = {
  /** Calls and what they cost, net, by day, customer and tier ('' = none). */
  margin_days: {
    params: ['from', 'to'],
    over: 'day_customer',
    sql: `SELECT day, customer, tier, sum(calls) AS calls, sum(tokens) AS tokens, sum(cost) AS cost, sum(unpriced) AS unpriced
          FROM day_sum WHERE day >= $from AND day < $to GROUP BY day, customer, tier ORDER BY day, customer, tier`,
  },
  /** Metered infrastructure by day; `cost` is the sum of the known costs, `unknown` counts the amounts without one. */
  metered_days: {
    params: ['from', 'to'],
    sql: `SELECT day, resource, service, meter, sum(amount) AS amount, sum(cost) AS cost, sum(unknown) AS "unknown"
          FROM metered_sum WHERE day >= $from AND day < $to
          GROUP BY day, resource, service, meter ORDER BY day, resource, service, meter`,
  },
  /** For each thing that is metered the end of its last span, epoch ms. */
  last_metered: {
    params: [],
    sql: `SELECT source, resource, service, meter, max(until) AS "end" FROM metered_sum
          GROUP BY source, resource, service, meter ORDER BY source, resource, service, meter`,
  },
  /** Net spend by hour, of calls that started in [from, to), epoch ms; `hour` is its first moment. */
  spend_hours: {
    params: ['from', 'to'],
    sql: `SELECT start - start % ${HOUR} AS hour, sum(cost) AS cost, sum(calls) AS calls FROM event
          WHERE start >= $from AND start < $to GROUP BY hour ORDER BY hour`,
  },
  /**
   * Net spend of late, by everything, tier, agent and customer: of calls that started before `to` and at or after each of four
   * moments, epoch ms, `h72` the first of them. Those that spent most in all come first.
   */
  spend_windows: {
    params: ['h1', 'h6', 'h24', 'h72', 'to', 'limit'],
    sql: `WITH late AS (SELECT e.customer, n.tier, n.agent, e.start, e.cost FROM event e JOIN name_set n ON n.id = e.names
            WHERE e.start >= $h72 AND e.start < $to)
          SELECT scope, name, sum(CASE WHEN start >= $h1 THEN cost ELSE 0 END)::BIGINT AS h1,
            sum(CASE WHEN start >= $h6 THEN cost ELSE 0 END)::BIGINT AS h6,
            sum(CASE WHEN start >= $h24 THEN cost ELSE 0 END)::BIGINT AS h24, sum(cost)::BIGINT AS h72
          FROM (SELECT 'global' AS scope, '' AS name, start, cost FROM late
            UNION ALL SELECT 'tier', tier, start, cost FROM late WHERE tier <> ''
            UNION ALL SELECT 'agent', agent, start, cost FROM late WHERE agent <> ''
            UNION ALL SELECT 'customer', customer, start, cost FROM late)
          GROUP BY scope, name ORDER BY h72 DESC, scope, name LIMIT $limit`,
  },
} as const satisfies Record<string, Query>
