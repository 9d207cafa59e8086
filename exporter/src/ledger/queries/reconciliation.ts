import { latest, type Query, TOKENS } from './query.ts'

/** So many days may lie between a call and its observation. Without a limit each question would read the whole ledger. */
const APART = 7
const NEAR = `day >= $from - ${APART} AND day < $to + ${APART}`
/** Trace stores keep costs as floats, with twelve decimals of a dollar. */
const PARTS = 10_000
const NANOS = 1_000

/** Calls that the gateway answered and that used something, net of corrections: what a trace store should have, too. */
const HERE = `
  SELECT e.k, e.k2, e.start, e.day, n.model, n.provider, ${TOKENS} + coalesce(c.tokens, 0) AS tokens,
    e.cost + coalesce(c.cost, 0) AS cost, n.basis <> 'unpriced' OR coalesce(c.priced, 0) > 0 AS costed
  FROM event e JOIN name_set n ON n.id = e.names
  LEFT JOIN (
    SELECT f.of_k, f.of_k2, sum(e.cost) AS cost, sum(${TOKENS}) AS tokens, count(*) FILTER (WHERE n.basis <> 'unpriced') AS priced
    FROM correction_of f JOIN event e ON e.seq = f.seq JOIN name_set n ON n.id = e.names
    WHERE e.day >= $from AND e.day < $to GROUP BY f.of_k, f.of_k2) c ON c.of_k = e.k AND c.of_k2 = e.k2
  WHERE e.kind = 0 AND e.day >= $from AND e.day < $to AND n.source = 'litellm' AND n.status = 'success'
    AND n.cache_hit = '' AND (e.cost + coalesce(c.cost, 0) <> 0 OR ${TOKENS} + coalesce(c.tokens, 0) <> 0)`

/** Of several observations of one call the latest counts that knows what it used. */
const TOLD = `
  SELECT * FROM seen WHERE call_k = 0 AND call_k2 = 0 OR seq IN (
    SELECT coalesce(max(seq) FILTER (WHERE cost <> 0 OR tokens > 0), max(seq)) FROM seen GROUP BY call_k, call_k2)`

const DIFFERENCE = 'abs(h.cost - t.cost)'
const MATCHED = `
  SELECT h.day, h.model, h.provider, count(*) AS events, count(t.seq) AS observations, sum(h.tokens) AS here_tokens,
    coalesce(sum(t.tokens) FILTER (WHERE t.tokens > 0), 0) AS there_tokens, sum(h.cost) AS here_cost,
    coalesce(sum(t.cost), 0) AS there_cost, 0 AS missing_here,
    count(*) FILTER (WHERE t.seq IS NULL AND h.start < $grace AND h.start >= (SELECT min(start) FROM observation)) AS missing_there,
    count(*) FILTER (WHERE h.costed AND t.costed = 1 AND ${DIFFERENCE} > ${NANOS} AND ${DIFFERENCE} * ${PARTS} > abs(h.cost)) AS price,
    count(*) FILTER (WHERE t.tokens >= 0 AND t.tokens <> h.tokens) AS tokens,
    count(*) FILTER (WHERE t.day <> h.day) AS day_boundary
  FROM here h LEFT JOIN told t ON t.call_k = h.k AND t.call_k2 = h.k2
  GROUP BY h.day, h.model, h.provider`

/** Whose event is none of those above is not missing: it was a hit of a cache, or it failed. */
const ALONE = `
  SELECT t.day, t.model, '', 0, count(*), 0, coalesce(sum(t.tokens) FILTER (WHERE t.tokens > 0), 0), 0, sum(t.cost),
    count(*) FILTER (WHERE t.start < $grace), 0, 0, 0, 0
  FROM told t
  WHERE t.day >= $from AND t.day < $to AND t.status = 'success' AND (t.cost <> 0 OR t.tokens > 0)
    AND NOT EXISTS (SELECT 1 FROM event e WHERE e.k = t.call_k AND e.k2 = t.call_k2 AND e.kind = 0 AND ${NEAR})
  GROUP BY t.day, t.model`

const COUNTS = [
  'events',
  'observations',
  'here_tokens',
  'there_tokens',
  'here_cost',
  'there_cost',
  'missing_here',
  'missing_there',
  'price',
  'tokens',
  'day_boundary',
]

export const RECONCILIATION_QUERIES = {
  /**
   * The calls of local days [from, to) against their observations (latest version of each), joined by the key of the event.
   * `price` and `tokens` count pairs that differ, a cost by more than one part in 10,000 and 1,000 nano-dollars; `day_boundary`
   * those that count in different days. Missing is what is older than `grace` (epoch ms): `missing_there` an event without
   * observation, since the first observation of all; `missing_here` an observation without event, which stands under its own
   * model and no provider. What one of them does not know (a cost, tokens) is not compared.
   */
  reconciliation: {
    params: ['from', 'to', 'grace'],
    sql: `WITH here AS MATERIALIZED (${HERE}),
          seen AS MATERIALIZED (${latest('observation', `what = 'call' AND ${NEAR}`)}),
          told AS MATERIALIZED (${TOLD})
          SELECT day, model, provider, ${COUNTS.map((name) => `sum(${name}) AS ${name}`).join(', ')}
          FROM (${MATCHED} UNION ALL ${ALONE})
          GROUP BY day, model, provider ORDER BY day, model, provider`,
  },
} as const satisfies Record<string, Query>
