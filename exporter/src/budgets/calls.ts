import { hashKey, storedKey } from '../ledger/key.ts'

const ENDED = /^litellm:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(:failed|:unsettled)?$/

/** Keys of the events that can be the end of a call, by the id that the gateway stamped on it. */
export function endKeys(callId: string): string[] {
  return ['', ':failed', ':unsettled'].map((ending) => `litellm:${callId}${ending}`)
}

/** What the key of an unsettled call's event is. */
export function unsettledKey(callId: string): string {
  return `litellm:${callId}:unsettled`
}

/** Finds of which call an event is the end, by its key as it came in or as the ledger keeps it. */
export function createCallFinder(open: () => Iterable<string>): (key: string) => string | null {
  let stored: Map<string, string> | null = null
  let size = 0
  return (key) => {
    if (!key.startsWith('#')) return ENDED.exec(key)?.[1] ?? null
    const ids = [...open()]
    if (stored === null || size !== ids.length) {
      stored = new Map(ids.flatMap((id) => endKeys(id).map((end) => [storedForm(end), id])))
      size = ids.length
    }
    return stored.get(key) ?? null
  }
}

/** An idempotency key in the form under which the ledger gives it back. */
export function storedForm(key: string): string {
  const { high, low } = hashKey(key)
  return storedKey(high, low)
}
