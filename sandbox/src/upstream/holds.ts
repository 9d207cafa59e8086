/** Answers that wait under a name until a test lets them go. */
export interface Holds {
  /** Waits under this name, or until the signal aborts. */
  hold(name: string, signal: AbortSignal): Promise<void>
  /** Resolves when so many have come to wait under this name, all in all. */
  held(name: string, count?: number): Promise<void>
  /** Lets go all that waits under this name; nothing waits under it again. */
  release(name: string): void
}

export function openHolds(): Holds {
  const gates = new Map<string, Gate>()
  const gate = (name: string): Gate => {
    const known = gates.get(name)
    if (known) return known
    const fresh: Gate = { came: 0, isOpen: false, watchers: [] }
    gates.set(name, fresh)
    return fresh
  }
  /** Waits until it is so; looks again after each change. */
  const until = async (one: Gate, isSo: () => boolean): Promise<void> => {
    while (!isSo()) await new Promise<void>((resolve) => one.watchers.push(resolve))
  }
  const changed = (one: Gate): void => {
    for (const watcher of one.watchers.splice(0)) watcher()
  }
  return {
    async hold(name, signal) {
      const one = gate(name)
      one.came += 1
      changed(one)
      signal.addEventListener('abort', () => changed(one), { once: true })
      await until(one, () => one.isOpen || signal.aborted)
    },
    held: (name, count = 1) => until(gate(name), () => gate(name).came >= count),
    release(name) {
      const one = gate(name)
      one.isOpen = true
      changed(one)
    },
  }
}

interface Gate {
  came: number
  isOpen: boolean
  readonly watchers: (() => void)[]
}
