import type { Calendar } from '../../calendar.ts'
import type { Entry } from '../../usage.ts'
import type { Feed } from '../feed.ts'
import { LedgerUnavailable, type Receipt } from '../ledger.ts'
import { commit } from './commit.ts'
import { sentence } from './connect.ts'
import type { Holder } from './holder.ts'
import { readEntries } from './read.ts'
import type { State } from './state.ts'
import { compactDays } from './upkeep.ts'

export interface WritingOptions {
  readonly calendar: Calendar
  readonly now: () => number
  readonly onCommit?: (ms: number, entries: number) => void
  readonly holder: () => Holder
  readonly feed: Feed
  /** Number of the last entry that followers can know of. */
  readonly published: number
}

/** What happens around a commit: telling followers, compacting, giving the file up when it fails. */
export interface Writing {
  commit(appends: readonly (readonly Entry[])[]): Promise<Receipt[]>
  /** A commit that was reported as failed may be in the file after all: followers must see it. */
  publishMissed(state: State): Promise<void>
  published(): number
}

const COMPACT_EVERY = 64
const PAGE = 5_000

export function createWriting(options: WritingOptions): Writing {
  const { feed, calendar, now } = options
  let published = options.published
  let commits = 0
  const touched = new Set<number>()

  const compact = async (state: State) => {
    const days = [...touched]
    touched.clear()
    try {
      await compactDays(state.writer, days)
    } catch (cause) {
      // The commit before it is durable and was acknowledged; only what comes next has to wait.
      options.holder().fail(cause)
    }
  }
  return {
    published: () => published,
    async commit(appends) {
      const holder = options.holder()
      const state = holder.use()
      const started = performance.now()
      try {
        const done = await commit(state, calendar, now(), appends)
        published = state.seq
        options.onCommit?.(performance.now() - started, done.batch.length)
        feed.publish(done.batch)
        for (const row of done.days) touched.add(row.day)
        if (++commits % COMPACT_EVERY === 0) await compact(state)
        return done.receipts
      } catch (cause) {
        holder.fail(cause)
        throw new LedgerUnavailable(`the ledger cannot be written: ${sentence(cause)}`, { cause })
      }
    },
    async publishMissed(state) {
      while (published < state.seq) {
        const page = await readEntries(state.writer, published + 1, PAGE)
        published = page.at(-1)?.seq ?? state.seq
        feed.publish(page)
      }
    },
  }
}
