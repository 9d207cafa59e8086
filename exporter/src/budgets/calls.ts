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

/** What the key of the correction is that takes an unsettled call's event back. */
export function heardKey(callId: string): string {
  return `${unsettledKey(callId)}:heard`
}

/** Finds of which call an event is the end, by its key as it came in or, among the calls that it knows, as the ledger keeps it. */
export interface CallFinder {
  add(callId: string): void
  delete(callId: string): void
  find(key: string): string | null
}

export function createCallFinder(): CallFinder {
  const byStored = new Map<string, string>()
  /** Null = not worked out yet: only after a start, or when following falls behind, do keys come as the ledger keeps them. */
  const forms = new Map<string, readonly string[] | null>()
  const unhashed = new Set<string>()
  return {
    add(callId) {
      if (forms.has(callId)) return
      forms.set(callId, null)
      unhashed.add(callId)
    },
    delete(callId) {
      for (const form of forms.get(callId) ?? []) byStored.delete(form)
      forms.delete(callId)
      unhashed.delete(callId)
    },
    find(key) {
      if (!key.startsWith('#')) return ENDED.exec(key)?.[1] ?? null
      for (const callId of unhashed) {
        const own = endKeys(callId).map(storedForm)
        forms.set(callId, own)
        for (const form of own) byStored.set(form, callId)
      }
      unhashed.clear()
      return byStored.get(key) ?? null
    },
  }
}

/** An idempotency key in the form under which the ledger gives it back. */
export function storedForm(key: string): string {
  const { high, low } = hashKey(key)
  return storedKey(high, low)
}
