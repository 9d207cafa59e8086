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

/** All tokens of an event `e`. */
export const TOKENS = `(e.input::BIGINT + e.cache_read + e.cache_write_5m + e.cache_write_1h + e.output + e.reasoning
  + e.input_audio + e.output_audio + e.input_image + e.output_image)`

/**
 * The rows of observations or scores that `where` (over their columns) holds for and that no later version stands over. Versions
 * are looked for only of those that some version of is meant.
 */
export function latest(table: 'observation' | 'score', where: string): string {
  return `SELECT * FROM ${table} WHERE (${where}) AND seq IN (
    SELECT max(seq) FROM ${table} WHERE id_k IN (SELECT id_k FROM ${table} WHERE ${where}) GROUP BY id_k, id_k2)`
}
