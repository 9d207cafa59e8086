import { createFeed } from '../feed.ts'
import { hashKey, type KeyHash } from '../key.ts'
import { type Ledger, type LedgerHealth, LedgerUnavailable, type RowReader } from '../ledger.ts'
import type { HistogramSpec } from '../observed.ts'
import { ask } from '../queries.ts'
import { createQueue } from '../queue.ts'
import { rows, sentence } from './connect.ts'
import { type Holder, holdOpen, remember } from './holder.ts'
import { findKeys } from './lookup.ts'
import { type Migration, migrations } from './migrate.ts'
import { readEntries, readUnpriced } from './read.ts'
import { copyTo, lastSeq, openState, type State, type StateOptions } from './state.ts'
import { retire, rollUp } from './upkeep.ts'
import { createWriting } from './writing.ts'

export interface LedgerOptions extends Omit<StateOptions, 'migrations'> {
  /** Distributions that retention must keep. */
  readonly histograms: readonly HistogramSpec[]
  /** Told of each durable commit: how long it took and how many entries it held. */
  readonly onCommit?: (ms: number, entries: number) => void
  /** Told when the ledger can no longer be written, and when it can again. */
  readonly onHealth?: (health: LedgerHealth) => void
  readonly migrations?: readonly Migration[]
  /** How long the first entry of a commit waits for company. */
  readonly delayMs?: number
  /** After how many entries the sums of days are brought up to date. */
  readonly rollUpAfter?: number
}

const COMMIT_ENTRIES = 5_000
const LIMIT_ENTRIES = 50_000
const LIMIT_BYTES = 64 * 1024 * 1024

/** Opens the embedded ledger. Throws LedgerUnavailable with a sentence when it cannot be opened. */
export async function openDuckdbLedger(options: LedgerOptions): Promise<Ledger> {
  const stateOptions: StateOptions = { ...options, migrations: options.migrations ?? (await migrations()) }
  const first = await openState(stateOptions)
  const openedAt = options.now()

  const feed = createFeed({
    published: first.seq,
    read: (from, limit) => reading(holder, (_, connection) => readEntries(connection, from, limit)),
  })
  const writing = createWriting({ ...options, holder: () => holder, feed, published: first.seq })
  const queue = createQueue({
    delayMs: options.delayMs ?? 10,
    commitEntries: COMMIT_ENTRIES,
    limitEntries: LIMIT_ENTRIES,
    limitBytes: LIMIT_BYTES,
    commit: writing.commit,
  })
  const health = (): LedgerHealth => {
    const failure = holder.failure()
    const waiting = queue.waiting()
    return {
      writable: failure === null,
      reason: failure?.reason ?? null,
      since: failure?.since ?? openedAt,
      seq: writing.published(),
      waitingEvents: waiting.entries,
      waitingBytes: waiting.bytes,
    }
  }
  const holder: Holder = holdOpen(first, {
    ...stateOptions,
    exclusive: queue.exclusive,
    onReopened: writing.publishMissed,
    onChange: () => options.onHealth?.(health()),
  })
  const write = <T>(job: (state: State) => Promise<T>) => queue.exclusive(() => guarded(holder, job))
  return {
    append: async (entries) => {
      holder.use()
      return queue.append(entries)
    },
    snapshot: (read) =>
      reading(holder, async (run, connection) => {
        const seq = await lastSeq(connection)
        return { seq, state: await read(run, seq) }
      }),
    follow: feed.follow,
    query: (name, params = {}) => reading(holder, async (run) => [...(await ask(name, params, run))]),
    read: (from, limit, kind) => reading(holder, (_, connection) => readEntries(connection, from, limit, kind)),
    has: async (keys) => {
      const { recent, recentFrom } = holder.use()
      const hashes = keys.map(hashKey)
      const found = await holder.read((connection) => findKeys(connection, hashes, { recent, recentFrom }))
      return new Set(keys.filter((_, index) => found.has((hashes[index] as KeyHash).id)))
    },
    unpriced: (from, limit) => holder.read((connection) => readUnpriced(connection, from, limit)),
    health,
    remember: (name, value) => write(({ writer }) => remember(writer, name, value)),
    recall: (name) => holder.read((connection) => recall(connection, name)),
    backup: (file) => holder.read((connection) => copyTo(connection, file)),
    retire: (day) =>
      write(async (state) => {
        if (day <= state.retiredBefore) return 0
        state.rolled = await rollUp(state.writer, state.rolled, state.seq)
        const deleted = await retire(state.writer, day, state.seq, options.histograms)
        state.retiredBefore = day
        return deleted
      }),
    close: async () => {
      await queue.close()
      await holder.close()
    },
  }
}

/** Reads in one transaction, so that everything it sees is of one moment. */
function reading<T>(holder: Holder, job: (run: RowReader, connection: State['writer']) => Promise<T>): Promise<T> {
  return holder.read(async (connection) => {
    await connection.run('BEGIN TRANSACTION READ ONLY')
    const result = await job((sql, params) => rows(connection, sql, params), connection)
    await connection.run('COMMIT')
    return result
  })
}

async function recall(connection: State['writer'], name: string): Promise<string | null> {
  const [row] = await rows(connection, 'SELECT value FROM memory WHERE name = $name', { name })
  return typeof row?.value === 'string' ? row.value : null
}

/** Runs a write that is not a commit; a failure of it is a failure of the file like any other. */
async function guarded<T>(holder: Holder, job: (state: State) => Promise<T>): Promise<T> {
  const state = holder.use()
  try {
    return await job(state)
  } catch (cause) {
    holder.fail(cause)
    throw new LedgerUnavailable(`the ledger cannot be written: ${sentence(cause)}`, { cause })
  }
}
