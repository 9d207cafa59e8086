import { gatewayPost } from '../litellm/post.ts'

export interface DeliveryOptions {
  /** Of `/v1/sources/litellm`. */
  readonly url: string
  readonly key: string | null
  /** Epoch milliseconds. */
  readonly now: () => number
  readonly reachable: () => boolean
  /** Calls that left without a decision so far. */
  readonly undecided: () => number
  readonly batchSize: number
}

/** Records on their way: they wait as in the spool of our gateway, which survives the end of its process. */
export interface Delivery {
  /** `due` is when it may go, epoch milliseconds; `onTaken` is called when it is acknowledged. */
  add(record: object, due: number, onTaken: () => void): void
  /** Lets what is due go, in batches, one after the other; returns when nothing is or one was not taken. */
  send(): Promise<void>
  /** Another process of the gateway goes on with the same spool. */
  restart(): void
  waiting(): number
}

interface Waiting {
  readonly record: object
  readonly onTaken: () => void
  /** Epoch milliseconds. */
  readonly since: number
  readonly due: number
}

export function createDelivery(options: DeliveryOptions): Delivery {
  const { url, key, now, reachable, undecided, batchSize } = options
  let queue: Waiting[] = []
  let process = 1
  let sending: Promise<void> | null = null
  let postedAt = now()
  const post = async (batch: readonly Waiting[]): Promise<boolean> => {
    if (!reachable()) return false
    postedAt = now()
    const { headers, body } = gatewayPost(
      batch.map(({ record }) => record),
      {
        process: `callers-1-${process}`,
        clock: now(),
        events: queue.length,
        bytes: queue.length * USUAL_BYTES,
        oldest: queue[0]?.since ?? null,
        undecided: undecided(),
      },
    )
    const authorization = key === null ? {} : { authorization: `Bearer ${key}` }
    try {
      const answer = await fetch(url, { method: 'POST', headers: { ...headers, ...authorization }, body })
      await answer.arrayBuffer()
      return answer.status < 300
    } catch {
      return false
    }
  }
  const sendAll = async (): Promise<void> => {
    for (;;) {
      const time = now()
      const batch = queue.filter(({ due }) => due <= time).slice(0, batchSize)
      if (batch.length === 0 && (queue.length === 0 || time - postedAt < HEARTBEAT_MS)) return
      if (!(await post(batch))) return
      const taken = new Set(batch)
      queue = queue.filter((one) => !taken.has(one))
      for (const { onTaken } of batch) onTaken()
    }
  }
  return {
    add: (record, due, onTaken) => void queue.push({ record, onTaken, since: now(), due }),
    send() {
      sending ??= sendAll().finally(() => {
        sending = null
      })
      return sending
    },
    restart() {
      process += 1
    },
    waiting: () => queue.length,
  }
}

/** So long the gateway is silent at most while something waits. */
const HEARTBEAT_MS = 5_000
/** Of a record on its line; what is said of a backlog in bytes is read by people. */
const USUAL_BYTES = 900
