import { Rng } from '@marginwatch/sandbox'
import type { Varied } from './varied.ts'

/** The answer to a push. */
export interface Taken {
  readonly accepted: number
  readonly duplicates: number
  readonly conflicts: number
  readonly refused: readonly { readonly index: number; readonly reason: string }[]
  readonly refusedCount: number
}

/** Numbers of the calls that one post brought. */
export type Batch = readonly number[]

/** Posts calls by their numbers; rejects when there was no whole answer with 2xx. */
export async function post(url: string, calls: Varied, batch: Batch): Promise<Taken> {
  const response = await fetch(`${url}/v1/sources/litellm`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(batch.map(calls.record)),
  })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`the push was answered with ${response.status}: ${text}`)
  return JSON.parse(text) as Taken
}

export interface LoadOptions {
  readonly url: string
  readonly calls: Varied
  readonly clients: number
  readonly seed: number
  /** Number of the first call that nobody has sent yet. */
  readonly from: number
  /** Batches that an earlier load sent and had no answer to: they are sent again first. */
  readonly again: readonly Batch[]
}

export interface Load {
  /** Resolves with the first acknowledgement. */
  readonly begun: Promise<void>
  /** Resolves when every client has met an error, as it does when the program is killed. */
  readonly over: Promise<void>
  readonly acknowledged: readonly Batch[]
  /** Sent, and perhaps kept: there was no answer. */
  readonly unanswered: readonly Batch[]
  /** Number of the first call that nobody has sent. */
  next(): number
}

/** Share of what a client posts that was posted before, by it or by another. */
const DUPLICATES = 0.1
const LARGEST = 120

/** Several clients post without a pause until the program is gone. About a tenth of what they post are repeats. */
export function startLoad({ url, calls, clients, seed, from, again }: LoadOptions): Load {
  const acknowledged: Batch[] = []
  const unanswered: Batch[] = []
  const waiting = [...again]
  let next = from
  let begin = () => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const makeBatch = (rng: Rng): Batch => {
    const size = 1 + rng.below(LARGEST)
    return Array.from({ length: size }, () => (next > 0 && rng.chance(DUPLICATES) ? rng.below(next) : next++))
  }
  const client = async (index: number) => {
    const rng = new Rng(seed, index)
    for (;;) {
      const batch = waiting.shift() ?? makeBatch(rng)
      try {
        await post(url, calls, batch)
      } catch (error) {
        unanswered.push(batch)
        // An answer that is no success is a defect; no answer is what the end of the program looks like.
        if (!(error instanceof TypeError)) throw error
        return
      }
      acknowledged.push(batch)
      begin()
    }
  }
  const over = Promise.all(Array.from({ length: clients }, (_, index) => client(index))).then(() => {
    unanswered.push(...waiting)
  })
  return { begun, over, acknowledged, unanswered, next: () => next }
}
