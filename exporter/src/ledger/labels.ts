import { type Correction, OTHER, UNATTRIBUTED, UNKNOWN, type Usage } from '../usage.ts'
import { bit, type EventLabel, ownValue } from './admission.ts'

/** The combination of labels under which an event is counted in the big families. */
export interface SeriesLabels {
  readonly tier: string
  readonly model: string
  readonly provider: string
  readonly environment: string
}

/**
 * An event's label values as they are counted: its own while it was named, `other` beyond the bound, `unknown` when it said
 * nothing (for tiers `unattributed`). The SQL below says the same; a test holds them together.
 */
export function labelOf(event: Usage | Correction, named: number, label: EventLabel): string {
  if ((named & bit(label)) === 0) return OTHER
  return ownValue(event, label) || (label === 'tier' ? UNATTRIBUTED : UNKNOWN)
}

/** The labels of the combination; all `other` when the combination itself is beyond its bound. */
export function seriesOf(event: Usage | Correction, named: number): SeriesLabels {
  if ((named & bit('series')) === 0) return { tier: OTHER, model: OTHER, provider: OTHER, environment: OTHER }
  return {
    tier: labelOf(event, named, 'tier'),
    model: labelOf(event, named, 'model'),
    provider: labelOf(event, named, 'provider'),
    environment: labelOf(event, named, 'environment'),
  }
}

/** SQL for a label of rows that have the names' columns (`n`) and a `named` column (`e`). */
export function labelSql(label: Exclude<EventLabel, 'customer'>): string {
  const absent = label === 'tier' ? UNATTRIBUTED : UNKNOWN
  return `CASE WHEN (e.named & ${bit(label)}) = 0 THEN '${OTHER}' WHEN n.${label} = '' THEN '${absent}' ELSE n.${label} END`
}

/** SQL for a label of the combination. */
export function seriesSql(label: keyof SeriesLabels): string {
  return `CASE WHEN (e.named & ${bit('series')}) = 0 THEN '${OTHER}' ELSE ${labelSql(label)} END`
}
