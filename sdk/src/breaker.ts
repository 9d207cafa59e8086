import type { TroubleKind } from './trouble.ts'

/** Spares calls the wait for an exporter that does not answer. */
export interface Breaker {
  /** Whether a question may go out now. While the exporter is away, one a pause may: it finds out when it is back. */
  mayAsk(): boolean
  failed(kind: TroubleKind): void
  succeeded(): void
}

const FAILURES = 3
const PAUSE_MS = 1000

export function createBreaker({ now, random }: { now: () => number; random: () => number }): Breaker {
  let failures = 0
  let pausedAt = 0
  let pauseMs = 0
  const pause = () => {
    pausedAt = now()
    // Many applications that lost the exporter at once do not come back at once.
    pauseMs = PAUSE_MS * (1 + random())
  }
  return {
    mayAsk() {
      if (failures < FAILURES) return true
      const passed = now() - pausedAt
      if (passed >= 0 && passed < pauseMs) return false
      pause()
      return true
    },
    failed(kind) {
      // A question that is refused says nothing about the next one.
      if (kind === 'question') return
      failures++
      if (failures >= FAILURES) pause()
    },
    succeeded: () => {
      failures = 0
    },
  }
}
