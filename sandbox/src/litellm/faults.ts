import type { ServerResponse } from 'node:http'
import type { Rng } from '../random.ts'

/** What can go wrong with an answer of `/spend/logs/v2`. */
export type Fault =
  | { readonly kind: 'rate_limited'; readonly retryAfterSeconds: number }
  | { readonly kind: 'error' }
  | { readonly kind: 'slow'; readonly ms: number }
  | { readonly kind: 'truncated' }
  | { readonly kind: 'reset' }
  /** Another version: unknown fields, texts for numbers, nulls for counts, no `total_is_capped`. */
  | { readonly kind: 'drift' }

/** Faults that come by themselves. */
export interface FaultMix {
  /** Share of the answers. */
  readonly share: number
  readonly faults: readonly Fault[]
}

/** Faults in the order in which they were asked for, then by chance. */
export interface FaultPlan {
  add(...faults: readonly Fault[]): void
  next(): Fault | null
}

export function createFaultPlan(rng: Rng, mixture: FaultMix | null): FaultPlan {
  const waiting: Fault[] = []
  return {
    add: (...faults) => {
      waiting.push(...faults)
    },
    next() {
      const planned = waiting.shift()
      if (planned) return planned
      if (!mixture || !rng.chance(mixture.share)) return null
      return mixture.faults[rng.below(mixture.faults.length)] ?? null
    },
  }
}

interface Envelope {
  readonly data: readonly object[]
  readonly total_is_capped?: boolean
}

/** The same answer from a version that nobody has met yet. */
export function drifted<E extends Envelope>(envelope: E): object {
  const { total_is_capped: _, ...rest } = envelope
  return { ...rest, next_cursor: null, api_version: 3, data: envelope.data.map(driftedRow) }
}

function driftedRow(row: object, index: number): object {
  const { spend, total_tokens, prompt_tokens } = row as Readonly<Record<string, unknown>>
  return {
    ...row,
    spend: String(spend),
    total_tokens: String(total_tokens),
    prompt_tokens: index % 2 === 0 ? String(prompt_tokens) : prompt_tokens,
    request_duration_ms: null,
    carbon_grams: 0.02,
    routing: { region: 'eu', hops: [1, 2] },
  }
}

/** Sends the first half of a body under the length of the whole, then hangs up. */
export function sendTruncated(response: ServerResponse, body: string): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.write(body.slice(0, Math.floor(body.length / 2)), () => response.destroy())
}
