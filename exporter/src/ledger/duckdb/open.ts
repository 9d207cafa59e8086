import type { Calendar } from '../../calendar.ts'
import type { Entry, EntryKind } from '../../usage.ts'
import type { LabelBounds } from '../admission.ts'
import { createFeed, type Feed } from '../feed.ts'
import { type Ledger, type LedgerHealth, LedgerUnavailable, type Receipt, type Recorded } from '../ledger.ts'
import { statement } from '../queries.ts'
import { createQueue } from '../queue.ts'
import type { HistogramSpec } from '../observed.ts'
import { commit } from './commit.ts'
import { rows, sentence } from './connect.ts'
import { type Migration, migrations } from './migrate.ts'
import { readEntries } from './read.ts'
import { closeState, copyTo, openState, type State } from './state.ts'
import { compactDays, retire } from './upkeep.ts'

export interface LedgerOptions {
  readonly file: string
  readonly calendar: Calendar
  readonly bounds: LabelBounds
  readonly customerIdleMs: number
  readonly dedupeWindowMs: number
  /** Distributions that retention must keep. */
  readonly histograms: readonly HistogramSpec[]
  readonly now: () => number
  /** Told of each durable commit: how long it took and how many entries it held. */
  readonly onCommit?: (ms: number, entries: number) => void
  /** Told once when the ledger can no longer be written, and once when it can again. */
  readonly onHealth?: (health: LedgerHealth) => void
  readonly migrations?: readonly Migration[]
  readonly delayMs?: number
}

const COMMIT_ENTRIES = 5_000
const LIMIT_ENTRIES = 50_000
const LIMIT_BYTES = 64 * 1024 * 1024
const COMPACT_EVERY = 64
const REOPEN_MS = 1_000

/** Opens the embedded ledger. Throws LedgerUnavailable with a sentence when it cannot be opened. */
export async function openDuckdbLedger(options: LedgerOptions): Promise<Ledger> {
  const stateOptions = { ...options, migrations: options.migrations ?? (await migrations()) }
  let state: State | null = await openState(stateOptions)
  let failure: { reason: string; since: number } | null = null
  let lastSeq = state.seq
  const openedAt = options.now()
  const touched = new Set<number>()
  const readers = new Set<Promise<unknown>>()
  let commits = 0
  let reopening: NodeJS.Timeout | null = null

  const use = (): State => {
    if (state) return state
    throw new LedgerUnavailable(`the ledger cannot be written: ${failure?.reason ?? 'it is closed'}`)
  }
  const feed: Feed = createFeed({
    published: lastSeq,
    read: (from, limit) => reading((connection) => readEntries(connection, from, limit)),
    onError: () => undefined,
  })
  const health = (): LedgerHealth => ({
    writable: state !== null,
    reason: failure?.reason ?? null,
    since: failure?.since ?? openedAt,
    seq: lastSeq,
    waitingEvents: queue.waiting().entries,
    waitingBytes: queue.waiting().bytes,
  })
  /** A write failed: what is in memory may not be what is in the file, so the file is closed, and opened again when it can be. */
  const fail = (cause: unknown) => {
    failure = { reason: sentence(cause), since: options.now() }
    if (state) closeState(state)
    state = null
    options.onHealth?.(health())
    reopening = setTimeout(reopen, REOPEN_MS)
  }
  const reopen = () =>
    void queue.exclusive(async () => {
      try {
        // Two instances on one file in one process would not see each other's lock.
        await Promise.allSettled(readers)
        const opened = await openState(stateOptions)
        await proveWritable(opened)
        state = opened
        failure = null
        await publishMissed(opened)
        options.onHealth?.(health())
      } catch (cause) {
        failure = { reason: sentence(cause), since: failure?.since ?? options.now() }
        reopening = setTimeout(reopen, REOPEN_MS)
      }
    })
  /** A commit that was reported as failed may be in the file after all; followers must see it. */
  const publishMissed = async (opened: State) => {
    while (lastSeq < opened.seq) {
      const page = await readEntries(opened.writer, lastSeq + 1, COMMIT_ENTRIES)
      const last = page.at(-1)
      if (!last) break
      lastSeq = last.seq
      feed.publish(page)
    }
    lastSeq = opened.seq
  }
  const commitBatch = async (appends: readonly (readonly Entry[])[]): Promise<Receipt[]> => {
    const current = use()
    const started = performance.now()
    try {
      const done = await commit(current, options.calendar, options.now(), appends)
      lastSeq = current.seq
      feed.publish(done.batch)
      for (const row of done.days) touched.add(row.day)
      options.onCommit?.(performance.now() - started, done.batch.length)
      if (++commits % COMPACT_EVERY === 0) await compact(current)
      return done.receipts
    } catch (cause) {
      fail(cause)
      throw new LedgerUnavailable(`the ledger cannot be written: ${sentence(cause)}`, { cause })
    }
  }
  const compact = async (current: State) => {
    const days = [...touched]
    touched.clear()
    await compactDays(current.writer, days)
  }
  const queue = createQueue({
    delayMs: options.delayMs ?? 10,
    commitEntries: COMMIT_ENTRIES,
    limitEntries: LIMIT_ENTRIES,
    limitBytes: LIMIT_BYTES,
    commit: commitBatch,
  })
  const writing = <T>(job: (current: State) => Promise<T>): Promise<T> =>
    queue.exclusive(async () => {
      try {
        return await job(use())
      } catch (cause) {
        if (!(cause instanceof LedgerUnavailable)) fail(cause)
        throw cause instanceof LedgerUnavailable ? cause : new LedgerUnavailable(sentence(cause), { cause })
      }
    })
  const reading = async <T>(job: (connection: State['writer']) => Promise<T>): Promise<T> => {
    const read = readOn(use(), job)
    readers.add(read)
    try {
      return await read
    } finally {
      readers.delete(read)
    }
  }

  return {
    append: (entries) => (state ? queue.append(entries) : Promise.reject(unavailable(failure?.reason))),
    snapshot: (read) =>
      reading(async (connection) => {
        await connection.run('BEGIN TRANSACTION READ ONLY')
        const [row] = await rows(connection, LAST_SEQ)
        const seq = Number(row?.['seq'] ?? 0)
        const result = { seq, state: await read((sql, params) => rows(connection, sql, params), seq) }
        await connection.run('COMMIT')
        return result
      }),
    follow: feed.follow,
    query: (name, params = {}) => reading((connection) => rows(connection, statement(name, params), params)),
    read: (from: number, limit: number, kind?: EntryKind): Promise<Recorded[]> =>
      reading((connection) => readEntries(connection, from, limit, kind)),
    health,
    remember: (name, value) =>
      writing(async ({ writer }) => {
        await writer.run('BEGIN')
        await writer.run('DELETE FROM memory WHERE name = $name', { name })
        await writer.run('INSERT INTO memory VALUES ($name, $value)', { name, value })
        await writer.run('COMMIT')
      }),
    recall: async (name) => {
      const [row] = await reading((connection) =>
        rows(connection, 'SELECT value FROM memory WHERE name = $name', { name }),
      )
      return typeof row?.['value'] === 'string' ? row['value'] : null
    },
    backup: (file) => reading((connection) => copyTo(connection, file)),
    retire: (day) =>
      writing(async (current) => {
        const deleted = await retire(current.writer, day, current.seq, options.histograms)
        current.retiredBefore = Math.max(current.retiredBefore, day)
        return deleted
      }),
    close: async () => {
      await queue.close()
      if (reopening) clearTimeout(reopening)
      await Promise.allSettled(readers)
      if (state) closeState(state)
      state = null
      failure ??= { reason: 'it is closed', since: options.now() }
    },
  }
}

const LAST_SEQ = `SELECT greatest((SELECT coalesce(max(seq), 0) FROM event), (SELECT coalesce(max(seq), 0) FROM entry),
  (SELECT coalesce(max(value::BIGINT), 0) FROM memory WHERE name = 'seq')) AS seq`

async function readOn<T>(state: State, job: (connection: State['writer']) => Promise<T>): Promise<T> {
  const connection = await state.instance.connect()
  try {
    return await job(connection)
  } finally {
    connection.closeSync()
  }
}

function unavailable(reason: string | undefined): LedgerUnavailable {
  return new LedgerUnavailable(`the ledger cannot be written: ${reason ?? 'it is closed'}`)
}

/** Opening reads; only a durable write shows that writing works again. */
async function proveWritable(state: State): Promise<void> {
  await state.writer.run('BEGIN')
  await state.writer.run("DELETE FROM memory WHERE name = 'proof'")
  await state.writer.run("INSERT INTO memory VALUES ('proof', repeat('x', 4096))")
  await state.writer.run('COMMIT')
}
