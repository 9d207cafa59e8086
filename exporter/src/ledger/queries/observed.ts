import { TOKEN_CLASSES } from '../../usage.ts'
import { toolRunsSql } from '../tools.ts'
import { latest, type Query } from './query.ts'

const NAMES = [
  'source',
  'tier',
  'operation',
  'query_type',
  'agent',
  'model',
  'provider',
  'environment',
  'status',
  'basis',
]

/** A hashed key as the ledger gives it back. */
function keyText(table: string, high: string, low: string): string {
  return `'#' || lpad(lower(to_hex(${table}.${high})), 16, '0') || lpad(lower(to_hex(${table}.${low})), 16, '0')`
}

/** What trace stores saw; of an observation or a score that was edited the latest version counts. */
export const OBSERVED_QUERIES = {
  /** Runs of tools that started in [from, to), epoch ms, by name ('' = none) and status. */
  observed_tools: {
    params: ['from', 'to'],
    sql: `SELECT name, status, count(*) AS calls
          FROM (${latest('observation', `what = 'tool' AND start >= $from AND start < $to`, 'name, status')})
          GROUP BY name, status ORDER BY name, status`,
  },
  /**
   * What was recorded of runs of tools after one number and up to another, by name ('' = none) and status, the first named first:
   * runs by their first version, and what later versions changed. From 0 on all that there ever was.
   */
  tool_runs: {
    params: ['after', 'to'],
    sql: `SELECT name, status, min(first_seq) AS first_seq, min(first_at) AS first_at, sum(n)::BIGINT AS n, sum(up)::BIGINT AS up,
            sum(down)::BIGINT AS down
          FROM (SELECT name, status, first_seq, first_at, n, up, down FROM baseline_tool WHERE $after = 0
            UNION ALL ${toolRunsSql('e.seq > $after AND e.seq <= $to')})
          GROUP BY name, status ORDER BY first_seq, name, status`,
  },
  /**
   * Scores in numbers that were given in [from, to), epoch ms, by what they judge: an observation, or the calls of a trace, each
   * combination of names once. Names are the event's, without one the observation's; the prompt's the other way round.
   */
  scores: {
    params: ['from', 'to'],
    sql: `WITH judged AS MATERIALIZED (${latest('score', 'start >= $from AND start < $to AND numeric_value = 1')}),
          seen AS MATERIALIZED (${latest(
            'observation',
            `id_k IN (SELECT observation_k FROM judged WHERE observation <> '')
               OR what = 'call' AND trace IN (SELECT trace FROM judged WHERE observation = '' AND trace <> '')`,
            'id_k, id_k2, call_k, call_k2, source, project, what, trace, model, prompt_name, prompt_version',
          )}),
          pair AS (
            SELECT j.seq, j.name, j.value, o.call_k, o.call_k2, o.model, o.prompt_name, o.prompt_version
            FROM judged j LEFT JOIN seen o ON o.id_k = j.observation_k AND o.id_k2 = j.observation_k2
            WHERE j.observation <> ''
            UNION ALL
            SELECT j.seq, j.name, j.value, o.call_k, o.call_k2, o.model, o.prompt_name, o.prompt_version
            FROM judged j LEFT JOIN seen o ON o.source = j.source AND o.project = j.project AND o.trace = j.trace
              AND o.what = 'call' AND o.trace <> ''
            WHERE j.observation = ''),
          known AS (
            SELECT e.k, e.k2, n.model, n.query_type, n.prompt_name, n.prompt_version
            FROM event e JOIN name_set n ON n.id = e.names
            WHERE e.kind = 0 AND e.k IN (SELECT call_k FROM seen))
          SELECT name, model, query_type, prompt_name, prompt_version, count(*) AS n, avg(value) AS average FROM (
            SELECT DISTINCT p.seq, p.name, p.value, coalesce(nullif(c.model, ''), p.model, '') AS model,
              coalesce(c.query_type, '') AS query_type,
              CASE WHEN p.prompt_name <> '' THEN p.prompt_name ELSE coalesce(c.prompt_name, '') END AS prompt_name,
              CASE WHEN p.prompt_name <> '' THEN p.prompt_version ELSE coalesce(c.prompt_version, '') END AS prompt_version
            FROM pair p LEFT JOIN known c ON c.k = p.call_k AND c.k2 = p.call_k2)
          GROUP BY name, model, query_type, prompt_name, prompt_version
          ORDER BY name, model, query_type, prompt_name, prompt_version`,
  },
  /**
   * Calls that were counted because a trace store alone had seen them, and that the gateway has reported since: what to take
   * back of each, net of corrections, under the event's own names ('' = none). `key` is the event's, `call` the gateway's event.
   */
  double_counted: {
    params: ['limit'],
    sql: `WITH own AS MATERIALIZED (
            SELECT e.*, n.* EXCLUDE (id) FROM event e JOIN name_set n ON n.id = e.names
            WHERE e.kind = 0 AND (n.source = 'langfuse' OR n.source LIKE 'langfuse:%')),
          changed AS (
            SELECT c.of_k, c.of_k2, sum(e.calls) AS calls, sum(e.cost) AS cost,
              ${TOKEN_CLASSES.map((name) => `sum(e.${name}) AS ${name}`).join(', ')}
            FROM correction_of c JOIN event e ON e.seq = c.seq WHERE c.of_k IN (SELECT k FROM own) GROUP BY c.of_k, c.of_k2),
          seen AS (${latest('observation', 'id_k IN (SELECT k FROM own)', 'id_k, id_k2, call_k, call_k2')})
          SELECT e.seq, ${keyText('e', 'k', 'k2')} AS key, ${keyText('o', 'call_k', 'call_k2')} AS call, e.start, e.customer,
            e.usr AS "user", e.session, e.trace, ${NAMES.map((name) => `e.${name}`).join(', ')},
            ${[...TOKEN_CLASSES, 'cost'].map((name) => `e.${name} + coalesce(c.${name}, 0) AS ${name}`).join(', ')}
          FROM own e JOIN seen o ON o.id_k = e.k AND o.id_k2 = e.k2
          LEFT JOIN changed c ON c.of_k = e.k AND c.of_k2 = e.k2
          WHERE e.calls + coalesce(c.calls, 0) > 0 AND (o.call_k, o.call_k2) IN (
            SELECT (g.k, g.k2) FROM event g WHERE g.kind = 0 AND g.k IN (SELECT call_k FROM seen))
          ORDER BY e.seq LIMIT $limit`,
  },
} as const satisfies Record<string, Query>
