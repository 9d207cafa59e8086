import { gzipSync } from 'node:zlib'

/** How records are posted: as LiteLLM's `generic_api` does, or as our gateway's callback does. */
export type PushForm = 'generic_api' | 'marginwatch'

/** What the gateway says of itself with each post. */
export interface SpoolState {
  /** Stable for the life of one process. */
  readonly process: string
  /** Epoch milliseconds. */
  readonly clock: number
  /** Records that are not acknowledged yet, and when the oldest of them was written, epoch milliseconds. */
  readonly events: number
  readonly bytes: number
  readonly oldest: number | null
  /** Calls that left without a decision since the process began; absent where nobody is asked. */
  readonly undecided?: number
}

export interface Post {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

/** A batch as `generic_api` posts it. */
export function genericPost(records: readonly unknown[]): Post {
  return {
    headers: { 'content-type': 'application/json', 'user-agent': 'litellm/1.106.2' },
    body: JSON.stringify(records),
  }
}

/** A batch as our gateway's callback posts it; without records it says only that the gateway lives. */
export function gatewayPost(records: readonly unknown[], state: SpoolState): Post {
  const lines = records.map((record) => `${JSON.stringify(record)}\n`).join('')
  return {
    headers: {
      'content-type': 'application/x-ndjson',
      'content-encoding': 'gzip',
      'x-marginwatch-gateway': JSON.stringify({
        version: 1,
        process: state.process,
        clock: state.clock / 1000,
        events: state.events,
        bytes: state.bytes,
        oldest: state.oldest === null ? null : state.oldest / 1000,
        dropped: { full: 0, disk: 0, refused: 0, torn: 0 },
        ...(state.undecided === undefined ? {} : { undecided: state.undecided }),
      }),
    },
    body: gzipSync(lines),
  }
}
