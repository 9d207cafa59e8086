/**
 * A clock that only the test moves, for loops that work and sleep in turn: time passes while all of them sleep, so that an
 * hour takes as long as its work takes, and a slow machine sees the same hour as a fast one.
 */
export class VirtualClock {
  private time: number
  private sleepers: Sleeper[] = []
  private watchers: (() => void)[] = []

  constructor(start: number) {
    this.time = start
  }

  readonly now = (): number => this.time

  /** Resolves when the clock has come so far, or at once when the signal aborts. */
  readonly sleep = (ms: number, signal: AbortSignal): Promise<void> => {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake)
        this.sleepers = this.sleepers.filter((one) => one !== sleeper)
        resolve()
      }
      const sleeper: Sleeper = { until: this.time + ms, wake }
      signal.addEventListener('abort', wake, { once: true })
      this.sleepers.push(sleeper)
      for (const watcher of this.watchers.splice(0)) watcher()
    })
  }

  /** Lets time pass at once, as within an exchange that takes its time; nobody is woken by it before the next step. */
  jump(ms: number): void {
    this.time += ms
  }

  /** Moves on step by step, from sleeper to sleeper, each step when so many of them sleep; resolves when they all sleep again. */
  async advance(ms: number, loops: number): Promise<void> {
    const end = this.time + ms
    for (;;) {
      while (this.sleepers.length < loops) await new Promise<void>((resolve) => this.watchers.push(resolve))
      const next = this.sleepers.toSorted((a, b) => a.until - b.until)[0]
      if (next === undefined || next.until > end) break
      this.time = Math.max(this.time, next.until)
      next.wake()
    }
    this.time = Math.max(this.time, end)
  }
}

interface Sleeper {
  readonly until: number
  readonly wake: () => void
}
