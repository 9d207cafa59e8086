import type { Call } from './call.ts'
import type { Litellm } from './litellm/server.ts'
import { createPeople } from './people.ts'
import type { Sleep } from './litellm/pusher.ts'
import type { CallOptions, Traffic } from './traffic.ts'

export interface ReplayOptions extends CallOptions {
  readonly traffic: Traffic
  /** Epoch milliseconds: calls that start from then on are replayed. */
  readonly from: number
  /** How many milliseconds of traffic pass in one of `now`. Default 1. */
  readonly speed?: number
  /** Without `begin`, calls go as the traffic says. */
  readonly server: Pick<Litellm, 'add'> & Partial<Pick<Litellm, 'begin'>>
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
 * Lets traffic happen: each call is begun at the server, and reaches it when it has ended by the traffic's clock, in order of
 * ends. Those who are refused try a few times and then leave the rest of their conversation. Runs until
 * the signal aborts. Together with `traffic.calls(…, from)` for what lies before, every call is seen exactly once.
 */
export async function replay(options: ReplayOptions): Promise<void> {
  const { traffic, from, speed = 1, density = 1, server, sleep, signal, tickMs = 250, onCall } = options
  const clock = trafficClock(options.now, from, speed)
  const coming = upcoming(traffic, from, density)
  let next = coming.next().value
  let running: Call[] = []
  const begin = opening(server, (call) => running.push(call))
  while (!signal.aborted) {
    const time = clock()
    for (; next.at < time; next = coming.next().value) if (next.call) begin(next.call)
    const ended = running.filter((call) => call.end <= time).sort((a, b) => a.end - b.end)
    running = running.filter((call) => call.end > time)
    server.add(ended)
    if (onCall) ended.forEach(onCall)
    await sleep(tickMs, signal)
  }
}

/** Begins calls; hands over those that were made, as they go. */
function opening({ begin }: ReplayOptions['server'], onMade: (call: Call) => void): (call: Call) => void {
  if (!begin) return onMade
  const people = createPeople()
  return (call) => {
    if (!people.goesOn(call)) return
    // It never rejects: whoever cannot be asked is part of what may happen.
    void begin(call).then((made) => {
      if (!made) return
      people.told(made)
      onMade(made)
    })
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
