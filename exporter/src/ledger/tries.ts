import { type Attempt, type Fallback, OTHER, UNKNOWN } from '../usage.ts'
import { bit, FALLBACK_BITS } from './admission.ts'
import type { Row, RowReader } from './ledger.ts'

/**
 * What happened inside the gateway before a call was answered. Attempts and fallbacks are entries of their own, and retention
 * leaves them where they are. What they are counted under stands here in both languages side by side, first what a recorded
 * entry is shown under, then the same as SQL; the property test of the house holds them together.
 */
export interface AttemptLabels {
  readonly provider: string
  readonly errorClass: string
}

export interface FallbackLabels {
  readonly from: string
  readonly to: string
}

export interface AttemptTotal extends AttemptLabels {
  /** When the first of them was recorded, epoch milliseconds. */
  readonly firstAt: number
  readonly n: number
}

export interface FallbackTotal extends FallbackLabels {
  readonly firstAt: number
  readonly n: number
}

export function attemptLabels({ provider, errorClass }: Attempt, named: number): AttemptLabels {
  return {
    provider: shown(provider, named & bit('provider')),
    errorClass: shown(errorClass, named & bit('error_class')),
  }
}

export function fallbackLabels({ from, to }: Fallback, named: number): FallbackLabels {
  return { from: shown(from, named & FALLBACK_BITS.from), to: shown(to, named & FALLBACK_BITS.to) }
}

function shown(value: string | null, isNamed: number): string {
  return isNamed === 0 ? OTHER : value || UNKNOWN
}

/** Reads the sums of both inside a snapshot. */
export async function readTries(
  rows: RowReader,
): Promise<{ attempts: readonly AttemptTotal[]; fallbacks: readonly FallbackTotal[] }> {
  const attempts = await rows(ATTEMPTS)
  const fallbacks = await rows(FALLBACKS)
  return {
    attempts: attempts.map((row) => ({
      ...sums(row),
      provider: text(row.provider),
      errorClass: text(row.error_class),
    })),
    fallbacks: fallbacks.map((row) => ({ ...sums(row), from: text(row.a), to: text(row.b) })),
  }
}

const ATTEMPTS = `
  SELECT ${shownSql('provider', bit('provider'))} AS provider, ${shownSql('errorClass', bit('error_class'))} AS error_class,
    min(recorded) AS first_at, count(*) AS n
  FROM entry WHERE kind = 'attempt' GROUP BY ALL`

const FALLBACKS = `
  SELECT ${shownSql('from', FALLBACK_BITS.from)} AS a, ${shownSql('to', FALLBACK_BITS.to)} AS b,
    min(recorded) AS first_at, count(*) AS n
  FROM entry WHERE kind = 'fallback' GROUP BY ALL`

/** SQL for a name in the body of an entry, which also holds the bits. */
function shownSql(name: string, bits: number): string {
  const value = `coalesce(body->>'${name}', '')`
  return `CASE WHEN ((body->>'named')::INTEGER & ${bits}) = 0 THEN '${OTHER}' WHEN ${value} = '' THEN '${UNKNOWN}' ELSE ${value} END`
}

function sums(row: Row): { firstAt: number; n: number } {
  return { firstAt: Number(row.first_at), n: Number(row.n) }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
