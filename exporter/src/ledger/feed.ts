import type { Close, Recorded } from './ledger.ts'

export interface Feed {
  /** Hands a commit to all followers, in sequence order. */
  publish(batch: readonly Recorded[]): void
  follow(from: number, onEntries: (batch: readonly Recorded[]) => void): Close
}

interface Follower {
  next: number
  live: boolean
  closed: boolean
  readonly onEntries: (batch: readonly Recorded[]) => void
}

export interface FeedOptions {
  /** Number of the last published entry at the start. */
  readonly published: number
  /** Entries from a number on, in order, read back from the ledger. */
  readonly read: (from: number, limit: number) => Promise<Recorded[]>
}

const PAGE = 10_000
const RETRY_MS = 500

/**
 * Delivers entries to followers: first what they missed, read back from the ledger, then live. No follower ever sees n after
 * m > n, and none sees an entry twice.
 */
export function createFeed(options: FeedOptions): Feed {
  const followers = new Set<Follower>()
  let published = options.published

  const deliver = (follower: Follower, batch: readonly Recorded[]) => {
    const fresh =
      batch[0] !== undefined && batch[0].seq >= follower.next ? batch : batch.filter((r) => r.seq >= follower.next)
    const last = fresh.at(-1)
    if (!last) return
    follower.next = last.seq + 1
    follower.onEntries(fresh)
  }
  const catchUp = async (follower: Follower) => {
    while (!follower.closed) {
      if (follower.next > published) {
        follower.live = true
        return
      }
      const upTo = published
      try {
        const page = await options.read(follower.next, PAGE)
        if (follower.closed) return
        deliver(follower, page)
        // A short page holds all there is up to the number published before the read: numbers missing are gone for good.
        if (page.length < PAGE) follower.next = Math.max(follower.next, upTo + 1)
      } catch {
        // The ledger cannot be read just now, and says so itself.
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref())
      }
    }
  }
  return {
    publish(batch) {
      const last = batch.at(-1)
      if (!last) return
      published = last.seq
      for (const follower of followers) if (follower.live) deliver(follower, batch)
    },
    follow(from, onEntries) {
      const follower: Follower = { next: from, live: false, closed: false, onEntries }
      followers.add(follower)
      void catchUp(follower)
      return async () => {
        follower.closed = true
        followers.delete(follower)
      }
    },
  }
}
