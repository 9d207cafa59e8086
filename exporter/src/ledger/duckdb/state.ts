import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { Calendar } from '../../calendar.ts'
import { type Admissions, type Admitted, createAdmissions, type LabelBounds } from '../admission.ts'
import { createRecentKeys, type RecentKeys } from '../recent.ts'
import { ADMITTED } from '../totals.ts'
import { connect, rows } from './connect.ts'
import { type Migration, migrate } from './migrate.ts'
import { createNameSets, type NameSets } from './names.ts'
import { TABLES_OF_ENTRIES, TIMED_TABLES } from './typed.ts'
import { adoptZone } from './zone.ts'

/** What must be known to open a ledger file. */
export interface StateOptions {
  readonly file: string
  readonly calendar: Calendar
  readonly bounds: LabelBounds
  readonly customerIdleMs: number
  readonly dedupeWindowMs: number
  readonly migrations: readonly Migration[]
  readonly now: () => number
}

/** Everything in memory that mirrors the file. After a failed write it is thrown away and read again. */
export interface State {
  readonly instance: DuckDBInstance
  readonly writer: DuckDBConnection
  /** Connections that no read is using. */
  readonly readers: DuckDBConnection[]
  /** A read that ends after this must close its connection, or the file stays open. */
  closed: boolean
  readonly names: NameSets
  readonly admissions: Admissions
  readonly recent: RecentKeys
  /** Entries that started before this are looked up in the file; later ones, and those without a start, are all in `recent`. */
  readonly recentFrom: number
  /** Events of days before this one were folded into the baseline. */
  retiredBefore: number
  /** Day sums are stored up to this number; see `daySum`. */
  rolled: number
  /** Last number given out. */
  seq: number
}

/** Opens the file, brings its schema up to date and reads what must be in memory. */
export async function openState(options: StateOptions): Promise<State> {
  const instance = await connect(options.file)
  const writer = await instance.connect()
  try {
    await writer.run('SET autoinstall_known_extensions=false; SET autoload_known_extensions=false')
    await migrate(writer, options.migrations, (from) => copyTo(writer, `${options.file}.schema-${from}.backup`))
    await adoptZone(writer, options.calendar)
    const recentFrom = options.now() - options.dedupeWindowMs
    return {
      instance,
      writer,
      readers: [],
      closed: false,
      names: createNameSets(await one(writer, 'SELECT coalesce(max(id), 0) + 1 AS v FROM name_set')),
      admissions: createAdmissions({ ...options, ...(await readAdmitted(writer)) }),
      recent: await readRecent(writer, recentFrom),
      recentFrom,
      retiredBefore: await readNumber(writer, 'retired_before', -1_000_000),
      rolled: await readNumber(writer, 'rolled', 0),
      seq: await lastSeq(writer),
    }
  } catch (cause) {
    writer.closeSync()
    instance.closeSync()
    throw cause
  }
}

/** Closes the file: an open connection would keep it open. */
export function closeState(state: State): void {
  state.closed = true
  for (const reader of state.readers.splice(0)) reader.closeSync()
  state.writer.closeSync()
  state.instance.closeSync()
}

/** Copies the whole database into a new file; consistent, while it stays open. */
export async function copyTo(connection: DuckDBConnection, file: string): Promise<void> {
  const [name] = await rows(connection, 'SELECT current_database() AS name')
  await connection.run(`ATTACH '${file.replaceAll("'", "''")}' AS copy`)
  try {
    await connection.run(`COPY FROM DATABASE "${String(name?.name).replaceAll('"', '""')}" TO copy`)
  } finally {
    await connection.run('DETACH copy')
  }
}

/** Number of the last entry in the file. */
export function lastSeq(connection: DuckDBConnection): Promise<number> {
  return one(
    connection,
    `SELECT greatest(${TABLES_OF_ENTRIES.map((table) => `(SELECT coalesce(max(seq), 0) FROM ${table})`).join(', ')},
       (SELECT coalesce(max(value::BIGINT), 0) FROM memory WHERE name = 'seq')) AS v`,
  )
}

async function readAdmitted(connection: DuckDBConnection) {
  const list = await rows(connection, ADMITTED)
  const admitted: Admitted[] = list.map((row) => ({
    label: String(row.label),
    value: String(row.value),
    seq: Number(row.seq),
  }))
  const seen = await rows(
    connection,
    `SELECT customer, max(recorded) AS seen FROM event
     WHERE customer IN (SELECT value FROM (${ADMITTED}) WHERE label = 'customer') GROUP BY customer`,
  )
  return { admitted, customerSeen: new Map(seen.map((row) => [String(row.customer), Number(row.seen)])) }
}

async function readRecent(connection: DuckDBConnection, from: number): Promise<RecentKeys> {
  const timed = TIMED_TABLES.map((table) => `SELECT k2 FROM ${table} WHERE start >= ${from} UNION ALL`)
  const source = `(${timed.join(' ')} SELECT k2 FROM entry)`
  const recent = createRecentKeys(await one(connection, `SELECT count(*) AS v FROM ${source}`))
  const result = await connection.stream(`SELECT (k2 & 4294967295)::UINTEGER AS word FROM ${source}`)
  for await (const chunk of result) for (const word of chunk.getColumnValues(0)) recent.add(word as number)
  return recent
}

function readNumber(connection: DuckDBConnection, name: string, otherwise: number): Promise<number> {
  return one(connection, `SELECT coalesce(max(value::BIGINT), ${otherwise}) AS v FROM memory WHERE name = '${name}'`)
}

async function one(connection: DuckDBConnection, sql: string): Promise<number> {
  const [row] = await rows(connection, sql)
  return Number(row?.v ?? 0)
}
