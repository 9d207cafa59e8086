import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { LedgerUnavailable, type Row, type SqlValue } from '../ledger.ts'

/** Bounded memory; the engine cuts no days and fetches no extensions. */
const SETTINGS = { memory_limit: '512MB', threads: '2', checkpoint_threshold: '64MB' }

/**
 * Opens the database file, creating it and its folder where needed. Throws LedgerUnavailable with a sentence when another
 * process has it or when it cannot be written.
 */
export async function connect(file: string): Promise<DuckDBInstance> {
  try {
    await mkdir(dirname(file), { recursive: true })
    const instance = await DuckDBInstance.create(file, { ...SETTINGS })
    return instance
  } catch (cause) {
    throw new LedgerUnavailable(whyNot(file, cause), { cause })
  }
}

/** Runs one statement and returns its rows as plain objects (BIGINT as bigint). */
export async function rows(
  connection: DuckDBConnection,
  sql: string,
  params?: Readonly<Record<string, SqlValue>>,
): Promise<Row[]> {
  const used = params === undefined ? undefined : Object.fromEntries(Object.entries(params))
  const reader = await connection.runAndReadAll(sql, used)
  return reader.getRowObjects()
}

/** What a person should know about an engine error: the first line, without the engine's advice for its own developers. */
export function sentence(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause)
  return text.split('\n', 1)[0]?.trim() ?? text
}

function whyNot(file: string, cause: unknown): string {
  const text = sentence(cause)
  const holder = /PID (\d+)/.exec(text)?.[1]
  if (/conflicting lock|could not set lock/i.test(text)) {
    return (
      `the ledger ${file} is in use by another process${holder ? ` (PID ${holder})` : ''}; ` +
      'one process writes a ledger: stop the other one, or give this one a directory of its own with --data'
    )
  }
  if (/EACCES|EROFS|permission denied|read-only/i.test(text)) {
    return `the ledger ${file} cannot be written (${text}); give this user the right to write there, or choose another directory with --data`
  }
  return `the ledger ${file} cannot be opened: ${text}`
}
