import type { DuckDBConnection } from '@duckdb/node-api'
import { LedgerUnavailable } from '../ledger.ts'
import { sentence } from './connect.ts'
import { closeState, openState, type State, type StateOptions } from './state.ts'

/** Why the ledger cannot be written, and since when (epoch ms). */
export interface Failure {
  readonly reason: string
  readonly since: number
}

export interface HolderOptions extends StateOptions {
  /** Runs something when no commit is running. */
  readonly exclusive: <T>(job: () => Promise<T>) => Promise<T>
  /** The file was opened again: entries may have become durable that nobody was told of. */
  readonly onReopened: (state: State) => Promise<void>
  readonly onChange: () => void
}

/**
 * Holds the open file. After a failed write nobody knows whether memory and file agree, so the file is closed, and opened and
 * read again as soon as it can be written.
 */
export interface Holder {
  /** The open file; throws LedgerUnavailable while there is none. */
  use(): State
  /** Runs a read on a connection that nothing else is using. */
  read<T>(job: (connection: DuckDBConnection) => Promise<T>): Promise<T>
  /** A write failed. */
  fail(cause: unknown): void
  failure(): Failure | null
  close(): Promise<void>
}

const REOPEN_MS = 1_000

export function holdOpen(first: State, options: HolderOptions): Holder {
  let state: State | null = first
  let failure: Failure | null = null
  let closed = false
  let timer: NodeJS.Timeout | null = null
  const readers = new Set<Promise<unknown>>()

  const use = (): State => {
    if (state) return state
    throw new LedgerUnavailable(`the ledger cannot be written: ${failure?.reason ?? 'it is closed'}`)
  }
  const reopen = async () => {
    if (closed) return
    try {
      // Two instances on one file in one process would not see each other's lock.
      await Promise.allSettled(readers)
      const opened = await openWritable(options)
      state = opened
      failure = null
      await options.onReopened(opened)
      options.onChange()
    } catch (cause) {
      failure = { reason: sentence(cause), since: failure?.since ?? options.now() }
      later()
    }
  }
  const later = () => {
    timer = setTimeout(() => void options.exclusive(reopen), REOPEN_MS)
  }
  return {
    use,
    failure: () => failure,
    async read(job) {
      const read = readOn(use(), job)
      readers.add(read)
      try {
        return await read
      } finally {
        readers.delete(read)
      }
    },
    fail(cause) {
      if (!state) return
      failure = { reason: sentence(cause), since: options.now() }
      closeState(state)
      state = null
      options.onChange()
      later()
    },
    async close() {
      closed = true
      if (timer) clearTimeout(timer)
      await Promise.allSettled(readers)
      if (state) closeState(state)
      state = null
      failure = { reason: 'it is closed', since: options.now() }
    },
  }
}

/** So many connections are kept for the next read; opening one costs as much as a small question. */
const KEPT_READERS = 4

async function readOn<T>(state: State, job: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const connection = state.readers.pop() ?? (await state.instance.connect())
  let clean = false
  try {
    const result = await job(connection)
    clean = true
    return result
  } finally {
    // One that failed may still be in a transaction.
    if (clean && !state.closed && state.readers.length < KEPT_READERS) state.readers.push(connection)
    else connection.closeSync()
  }
}

/** Opening only reads; a durable write shows that writing works again. */
async function openWritable(options: StateOptions): Promise<State> {
  const state = await openState(options)
  try {
    await remember(state.writer, 'proof of writing', 'x'.repeat(4096))
    return state
  } catch (cause) {
    closeState(state)
    throw cause
  }
}

/** Stores a small value under a name, durably. */
export async function remember(writer: DuckDBConnection, name: string, value: string): Promise<void> {
  await writer.run('BEGIN')
  await writer.run('DELETE FROM memory WHERE name = $name', { name })
  await writer.run('INSERT INTO memory VALUES ($name, $value)', { name, value })
  await writer.run('COMMIT')
}
