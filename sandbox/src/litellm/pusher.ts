import type { Rng } from '../random.ts'
import { gatewayPost, genericPost, type Post, type PushForm } from './post.ts'
import type { PushRecord } from './push.ts'
import type { SlimRecord } from './slim.ts'

export type Pushed = PushRecord | SlimRecord

/** Waits; returns at once when the signal aborts. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>

export interface PushOptions {
  /** Where batches are posted, with which bearer key. */
  readonly url: string
  readonly key: string | null
  /** `marginwatch`: slim records, one a line, from a spool that survives the process; nothing is lost then, whatever `loss` says. */
  readonly form: PushForm
  readonly flushMs: number
  readonly batchSize: number
  /** Tries after the first one on 5xx and transport errors, waiting 1, 2, 4, … times the delay. */
  readonly retries: number
  readonly retryDelayMs: number
  /**
   * `as-real`: what LiteLLM's `generic_api` does. A refused batch is gone; what is queued while a post is under way is
   * gone with it; a full queue posts again beside a post under way, so that records arrive twice.
   * `none`: every record stays until it was taken.
   */
  readonly loss: 'as-real' | 'none'
  /** Share of records that are posted once more in a later batch. */
  readonly duplicates: number
}

export interface PushStats {
  readonly queued: number
  /** Records taken by the receiver, repeats not counted. */
  readonly delivered: number
  /** Repeats that were taken. */
  readonly repeated: number
  readonly lost: number
  readonly posts: number
  readonly refused: number
}

export interface Pusher {
  enqueue(records: readonly Pushed[]): void
  /** Posts what is queued now and waits for the answer. */
  flush(): Promise<void>
  /** The process ends: what is queued is gone, unless it lies in a spool. */
  drop(): void
  stats(): PushStats
}

export interface PushDeps {
  readonly fetch: typeof fetch
  readonly now: () => number
  readonly sleep: Sleep
  readonly rng: Rng
  readonly signal: AbortSignal
  /** Calls that left without a decision so far; absent where nobody is asked. */
  readonly undecided?: () => number
}

interface Item {
  readonly record: Pushed
  /** When it was queued, epoch milliseconds. */
  readonly at: number
  readonly repeat: boolean
  delivered: boolean
  queued: boolean
  posting: number
}

export function createPusher(options: PushOptions, deps: PushDeps): Pusher {
  const queue: Item[] = []
  const count = { delivered: 0, repeated: 0, lost: 0, posts: 0, refused: 0 }
  const spooled = options.form === 'marginwatch'
  let starts = 1
  let postedAt = deps.now()
  let last = Promise.resolve()

  /** An item that has left the queue and is in no post under way, undelivered, will never arrive. */
  const settle = (item: Item): void => {
    if (!item.queued && item.posting === 0 && !item.delivered && !item.repeat) count.lost += 1
  }
  const deliver = (item: Item): void => {
    if (item.repeat || item.delivered) count.repeated += 1
    else count.delivered += 1
    if (!item.repeat && !item.delivered && deps.rng.chance(options.duplicates)) push(item.record, true)
    item.delivered = true
  }
  const push = (record: Pushed, repeat: boolean): void => {
    queue.push({ record, at: deps.now(), repeat, delivered: false, queued: true, posting: 0 })
  }
  const clear = (howMany: number): Item[] => {
    const gone = queue.splice(0, howMany)
    for (const item of gone) item.queued = false
    return gone
  }
  /** Made anew for each try: what the gateway says of itself is of that moment. */
  const made = (records: readonly Pushed[]): Post => {
    if (!spooled) return genericPost(records)
    const clock = deps.now()
    const bytes = queue.reduce((sum, item) => sum + JSON.stringify(item.record).length + 1, 0)
    const process = `sandbox-1-${starts}`
    const waits = { events: queue.length, bytes, oldest: queue[0]?.at ?? null }
    return gatewayPost(records, {
      process,
      clock,
      ...waits,
      ...(deps.undecided ? { undecided: deps.undecided() } : {}),
    })
  }
  const post = async (items: readonly Item[]): Promise<boolean> => {
    for (const item of items) item.posting += 1
    postedAt = deps.now()
    const records = items.map((item) => item.record)
    const taken = await postBatch(options, deps, () => made(records))
    count.posts += 1
    if (!taken) count.refused += 1
    for (const item of items) item.posting -= 1
    return taken
  }

  const sendAsReal = async (): Promise<void> => {
    const batch = [...queue]
    if (batch.length === 0) return
    const taken = await post(batch)
    const gone = clear(queue.length)
    if (taken) batch.forEach(deliver)
    for (const item of new Set([...gone, ...batch])) settle(item)
  }
  const sendSafely = async (): Promise<void> => {
    if (spooled && queue.length === 0 && deps.now() - postedAt >= HEARTBEAT_MS) await post([])
    for (let left = queue.length; left > 0; left -= options.batchSize) {
      const batch = queue.slice(0, Math.min(left, options.batchSize))
      if (!(await post(batch))) return
      clear(batch.length)
      batch.forEach(deliver)
    }
  }
  const safe = spooled || options.loss === 'none'
  const send = safe ? sendSafely : sendAsReal

  return {
    enqueue(records) {
      for (const record of records) {
        push(record, false)
        if (!safe && queue.length >= options.batchSize) void send()
      }
    },
    flush() {
      last = last.then(send)
      return last
    },
    drop() {
      starts += 1
      if (spooled) return
      for (const item of clear(queue.length)) settle(item)
    },
    stats: () => ({ ...count, queued: queue.length }),
  }
}

/** So long our gateway is silent at most. */
const HEARTBEAT_MS = 10_000

/** Posts one batch as LiteLLM does; true when it was taken. */
async function postBatch(options: PushOptions, deps: PushDeps, make: () => Post): Promise<boolean> {
  for (let attempt = 0; ; attempt++) {
    const status = await postOnce(options, deps, make())
    if (status !== null && status < 400) return true
    const again = (status === null || status >= 500) && attempt < options.retries && !deps.signal.aborted
    if (!again) return false
    await deps.sleep(options.retryDelayMs * 2 ** attempt, deps.signal)
  }
}

/** HTTP status of a post; null when there was no answer. */
async function postOnce(options: PushOptions, deps: PushDeps, { headers, body }: Post): Promise<number | null> {
  const authorization = options.key === null ? {} : { authorization: `Bearer ${options.key}` }
  try {
    const answer = await deps.fetch(options.url, {
      method: 'POST',
      headers: { ...headers, ...authorization },
      body,
      signal: deps.signal,
    })
    await answer.arrayBuffer()
    return answer.status
  } catch {
    return null
  }
}
