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
} as const satisfies Record<string, Query>
