import { type Gap, gapsText } from './completeness.ts'

/** What is worth knowing of a project that is well. */
export interface Notable {
  /** What lies behind is still being read. */
  readonly behind: boolean
  /** How far Langfuse's clock is ahead of ours, milliseconds. */
  readonly skewMs: number
  /** Whether it has the second version of the API. */
  readonly counts: boolean
  readonly version: string | null
  readonly scoresMissing: boolean
  readonly gaps: readonly Gap[]
  readonly checkNote: string | null
  readonly queuesNote: string | null
}

/** The first of the notes while a back-fill runs. */
export const BEHIND = 'What lies behind is still being read.'

/** Clocks that differ by more are told of, milliseconds. */
const TOLD_SKEW = 30_000

/** The same in sentences; null when there is nothing. */
export function notesOf(of: Notable): string | null {
  const notes = [
    of.behind ? BEHIND : null,
    skewNote(of.skewMs),
    of.counts ? null : oldNote(of.version),
    of.scoresMissing ? 'It does not give scores to these keys, so they are not read.' : null,
    gapsText(of.gaps),
    of.checkNote,
    of.queuesNote,
  ].filter((note) => note !== null)
  return notes.length === 0 ? null : notes.join(' ')
}

function skewNote(skewMs: number): string | null {
  if (Math.abs(skewMs) <= TOLD_SKEW) return null
  // In minutes, so that what is said changes seldom.
  const minutes = Math.max(1, Math.round(Math.abs(skewMs) / 60_000))
  return `Langfuse's clock is ${minutes} min ${skewMs > 0 ? 'ahead of' : 'behind'} ours; its time is used.`
}

function oldNote(version: string | null): string {
  const named = version === null ? 'It has' : `It is ${version}, which has`
  return `${named} no second version of its API: it is read by the first, and completeness is not checked.`
}

/** A moment for people, in UTC. */
export function clock(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
