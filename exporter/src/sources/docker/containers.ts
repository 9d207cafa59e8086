import type { Seen } from './look.ts'

/** The containers as they were last read, for who shows them. */
export interface ContainerKeeper {
  /** In the order in which they started; null = not known now. */
  readonly read: () => readonly Seen[] | null
  readonly keep: (seen: readonly Seen[]) => void
  /** What an engine once said must not stand for what nobody knows. */
  readonly forget: () => void
}

/** Later than any start. */
const NEVER = 8.64e15

/** One for the program: the source fills it, the metrics read it. */
export function createContainers(): ContainerKeeper {
  let known: readonly Seen[] | null = null
  return {
    read: () => known,
    keep(seen) {
      known = seen.toSorted((a, b) => (a.startedAt ?? NEVER) - (b.startedAt ?? NEVER) || (a.id < b.id ? -1 : 1))
    },
    forget() {
      known = null
    },
  }
}
