import type { Calendar } from '../../calendar.ts'
import type { Entry } from '../../usage.ts'
import type { Feed } from '../feed.ts'
import { LedgerUnavailable, type Receipt } from '../ledger.ts'
import { commit } from './commit.ts'
import { sentence } from './connect.ts'
import type { Holder } from './holder.ts'
import { readEntries } from './read.ts'
import type { State } from './state.ts'
import { compactDays, rollUp } from './upkeep.ts'

export interface WritingOptions {
  readonly calendar: Calendar
  readonly now: () => number
  readonly onCommit?: (ms: number, entries: number) => void
  readonly holder: () => Holder
  readonly feed: Feed
  /** So many entries are summed anew by each question about days before the stored sums are brought up to date. */
  readonly rollUpAfter?: number
  /** Number of the last entry that followers can know of. */
  readonly published: number
}

/** What happens around a commit: telling followers, rolling day sums up, giving the file up when it fails. */
export interface Writing {
  commit(appends: readonly (readonly Entry[])[]): Promise<Receipt[]>
  /** A commit that was reported as failed may be in the file after all: followers must see it. */
  publishMissed(state: State): Promise<void>
  published(): number
}

/** Summing these anew takes a few milliseconds. */
const ROLL_UP_AFTER = 10_000
/** How often sums are appended before days that have grown are summed into fewer rows. */
const COMPACT_EVERY = 8
const PAGE = 5_000

export function createWriting(options: WritingOptions): Writing {
  const { feed, calendar, now } = options
  let published = options.published
  let rollUps = 0

  const rollUpDays = async (state: State) => {
    if (state.seq - state.rolled < (options.rollUpAfter ?? ROLL_UP_AFTER)) return
    try {
      state.rolled = await rollUp(state.writer, state.rolled, state.seq)
      if (++rollUps % COMPACT_EVERY === 0) await compactDays(state.writer)
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
        await rollUpDays(state)
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
