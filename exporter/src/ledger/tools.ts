/**
 * How runs of tools are counted. A run is an observation of the kind `tool`, whatever is said of it later: it counts once, under the
 * name and the status of its first version. What a later version changes is no new run: it goes up under what the run is now and
 * down under what it was. So nothing ever falls, and what was counted, plus up, less down, is what the latest versions say.
 *
 * Each version adds something by itself, so that sums over pieces of the sequence can be added up.
 */

/** What those versions add of which `where` holds (over `observation` as `e`), in the columns of `baseline_tool`. */
export function toolRunsSql(where: string): string {
  const versions = versionsSql(where)
  return `SELECT name, status, min(seq) AS first_seq, min(recorded) AS first_at, sum(n)::BIGINT AS n, sum(up)::BIGINT AS up,
      sum(down)::BIGINT AS down
    FROM (
      SELECT seq, recorded, name, status, 1 - known AS n, known AS up, 0 AS down
      FROM (${versions}) e WHERE what = 'tool' AND NOT same AND ${where}
      UNION ALL
      SELECT seq, recorded, was_name, was_status, 0, 0, 1
      FROM (${versions}) e WHERE was_what = 'tool' AND NOT same AND ${where})
    GROUP BY name, status`
}

/** All versions of the runs that are meant, each with the one before it, and whether it was a run of a tool before (1, else 0). */
function versionsSql(where: string): string {
  return `SELECT *, coalesce(what = 'tool' AND was_what = 'tool' AND name = was_name AND status = was_status, false) AS same
    FROM (
      SELECT seq, recorded, day, what, name, status, lag(what) OVER one AS was_what, lag(name) OVER one AS was_name,
        lag(status) OVER one AS was_status, coalesce(max(CASE WHEN what = 'tool' THEN 1 ELSE 0 END)
          OVER (PARTITION BY id_k, id_k2 ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS known
      FROM observation WHERE id_k IN (SELECT e.id_k FROM observation e WHERE ${where})
        AND id_k IN (SELECT id_k FROM observation WHERE what = 'tool')
      WINDOW one AS (PARTITION BY id_k, id_k2 ORDER BY seq))`
}
