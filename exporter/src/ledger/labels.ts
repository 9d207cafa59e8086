import { type Correction, OTHER, UNATTRIBUTED, UNKNOWN, type Usage } from '../usage.ts'
import { type AdmittedLabel, bit } from './admission.ts'

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
export function labelOf(event: Usage | Correction, named: number, label: Exclude<AdmittedLabel, 'series'>): string {
  return (named & bit(label)) === 0 ? OTHER : own(event, label)
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
export function labelSql(label: Exclude<AdmittedLabel, 'series' | 'customer'>): string {
  const absent = label === 'tier' ? UNATTRIBUTED : UNKNOWN
  return `CASE WHEN (e.named & ${bit(label)}) = 0 THEN '${OTHER}' WHEN n.${label} = '' THEN '${absent}' ELSE n.${label} END`
}

/** SQL for a label of the combination. */
export function seriesSql(label: keyof SeriesLabels): string {
  return `CASE WHEN (e.named & ${bit('series')}) = 0 THEN '${OTHER}' ELSE ${labelSql(label)} END`
}

function own(event: Usage | Correction, label: Exclude<AdmittedLabel, 'series'>): string {
  switch (label) {
    case 'tier':
      return event.tier ?? UNATTRIBUTED
    case 'model':
      return event.model ?? UNKNOWN
    case 'provider':
      return event.provider ?? UNKNOWN
    case 'environment':
      return event.environment ?? UNKNOWN
    case 'operation':
      return event.operation ?? UNKNOWN
    case 'query_type':
      return event.queryType ?? UNKNOWN
    case 'agent':
      return event.agent ?? UNKNOWN
    case 'customer':
      return event.customer
    case 'error_class':
      return (event.kind === 'usage' ? event.errorClass : null) ?? UNKNOWN
  }
}
