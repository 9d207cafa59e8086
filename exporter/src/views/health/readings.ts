/**
 * How a source is doing. `silent` = expected to speak and has not; `failing` = spoke, and it was an error; `degraded` = speaks,
 * and holds back what is old.
 */
export const SOURCE_STATES = ['ok', 'degraded', 'silent', 'failing', 'catching up'] as const
export type SourceCondition = (typeof SOURCE_STATES)[number]

export interface SourceState {
  readonly name: string
  readonly state: SourceCondition
  /** When it entered this state, epoch milliseconds; null when it has been so since the start. */
  readonly since: number | null
  /** When the neighbour last answered or pushed, epoch milliseconds; null = never yet. */
  readonly lastSuccess: number | null
  /** Why, in a sentence; null when there is nothing to say. */
  readonly detail: string | null
}

/** What `/readyz` is made of; read from memory for each request. */
export interface HealthReadings {
  readonly ledger: {
    readonly writable: boolean
    /** Why it cannot be written, in a sentence; null while it can. */
    readonly reason: string | null
    /** When it became (un)writable, epoch milliseconds. */
    readonly since: number
    /** Number of the last entry. */
    readonly seq: number
  }
  readonly sources: readonly SourceState[]
  readonly policy: {
    /** False when the last reload was refused; the policy before it is then still in force. */
    readonly ok: boolean
    readonly problems: readonly string[]
  }
  /** A first back-fill is running: sums are not whole yet. */
  readonly catchingUp: boolean
}
