/** Answers that wait under a name until a test lets them go. */
export interface Holds {
  /** Waits under this name. */
  hold(name: string): Promise<void>
  /** Resolves when something waits, or has waited, under this name. */
  held(name: string): Promise<void>
  release(name: string): void
}

export function openHolds(): Holds {
  const gates = new Map<string, Gate>()
  const gate = (name: string): Gate => {
    const known = gates.get(name)
    if (known) return known
    const fresh = { reached: openSignal(), released: openSignal() }
    gates.set(name, fresh)
    return fresh
  }
  return {
    hold(name) {
      gate(name).reached.give()
      return gate(name).released.given
    },
    held: (name) => gate(name).reached.given,
    release: (name) => gate(name).released.give(),
  }
}

interface Gate {
  readonly reached: Signal
  readonly released: Signal
}

interface Signal {
  readonly given: Promise<void>
  give(): void
}

function openSignal(): Signal {
  let give = (): void => {}
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  return { given, give: () => give() }
}
