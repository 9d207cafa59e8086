import type { Call } from './call.ts'
import type { Litellm } from './litellm/server.ts'
import type { Sleep } from './litellm/pusher.ts'
import type { CallOptions, Traffic } from './traffic.ts'

export interface ReplayOptions extends CallOptions {
  readonly traffic: Traffic
  /** Epoch milliseconds: calls that start from then on are replayed. */
  readonly from: number
  /** How many milliseconds of traffic pass in one of `now`. Default 1. */
  readonly speed?: number
  readonly server: Pick<Litellm, 'add'>
  readonly now: () => number
  readonly sleep: Sleep
  readonly signal: AbortSignal
  /** How often it looks what has ended. Default 250 ms. */
  readonly tickMs?: number
  /** Each call as it is handed to the server: for a truth kept beside. */
  readonly onCall?: (call: Call) => void
}

/** A clock of the traffic: `from` now, and `speed` times as fast as `now`. Give it to the server too when speed is not 1. */
export function trafficClock(now: () => number, from: number, speed: number): () => number {
  const begun = now()
  return () => from + (now() - begun) * speed
}

/**
 * Lets traffic happen: each call reaches the server when it has ended by the traffic's clock, in order of ends. Runs until
 * the signal aborts. Together with `traffic.calls(…, from)` for what lies before, every call is seen exactly once.
 */
export async function replay(options: ReplayOptions): Promise<void> {
  const { traffic, from, speed = 1, density = 1, server, sleep, signal, tickMs = 250, onCall } = options
  const clock = trafficClock(options.now, from, speed)
  const coming = upcoming(traffic, from, density)
  let next = coming.next().value
  let running: Call[] = []
  while (!signal.aborted) {
    const time = clock()
    for (; next.at < time; next = coming.next().value) if (next.call) running.push(next.call)
    const ended = running.filter((call) => call.end <= time).sort((a, b) => a.end - b.end)
    running = running.filter((call) => call.end > time)
    server.add(ended)
    if (onCall) ended.forEach(onCall)
    await sleep(tickMs, signal)
  }
}

interface Upcoming {
  readonly at: number
  /** Null: only time passes here, so that thin traffic keeps nobody searching for its next call. */
  readonly call: Call | null
}

const HOUR = 3_600_000

/** Traffic without end, an hour at a time, produced as far as it is read. */
function* upcoming(traffic: Traffic, from: number, density: number): Generator<Upcoming, never> {
  for (let hour = from; ; hour += HOUR) {
    for (const call of traffic.calls(hour, hour + HOUR, { density })) yield { at: call.start, call }
    yield { at: hour + HOUR, call: null }
  }
}
