import { createTraffic } from '@marginwatch/sandbox'
import type { HourTruth } from './year.ts'

const HOUR = 3_600_000
/** A conversation of people has at most 41 calls; only an agent that does not stop has more. */
const ENDLESS = 60

export interface TraceSpan {
  /** Epoch milliseconds, `[from, to)`. */
  readonly from: number
  readonly to: number
  /** 1 = some 300,000 calls a month. */
  readonly density: number
}

/** Spend of the sandbox's company by the hour: token sizes and waits of the real trace, hours and weekdays of its rhythm (UTC). */
export function traceHours(seed: number, { from, to, density }: TraceSpan): HourTruth[] {
  const count = Math.round((to - from) / HOUR)
  const usd = new Float64Array(count)
  const calls = new Map<string, number>()
  const costs = new Map<string, Map<number, number>>()
  for (const call of createTraffic({ seed }).calls(from, to, { density })) {
    const index = Math.floor((call.start - from) / HOUR)
    const cost = Number(call.cost ?? 0n) / 1e9
    usd[index] = (usd[index] ?? 0) + cost
    if (call.agent !== 'research-scout' || call.session === null) continue
    calls.set(call.session, (calls.get(call.session) ?? 0) + 1)
    const own = costs.get(call.session) ?? new Map<number, number>()
    own.set(index, (own.get(index) ?? 0) + cost)
    costs.set(call.session, own)
  }
  const runaway = new Float64Array(count)
  for (const [session, number] of calls) {
    if (number < ENDLESS) continue
    for (const [index, cost] of costs.get(session) ?? []) runaway[index] = (runaway[index] ?? 0) + cost
  }
  return Array.from(usd, (all, index) => ({
    hour: from + index * HOUR,
    usd: all,
    runaway: runaway[index] ?? 0,
    down: false,
  }))
}
