import {
  BIGINT,
  DOUBLE,
  type DuckDBConnection,
  DuckDBDataChunk,
  type DuckDBType,
  type DuckDBValue,
  INTEGER,
  TINYINT,
  VARCHAR,
} from '@duckdb/node-api'

/** How one column of a table is filled from a row. */
export interface Column<R> {
  readonly name: string
  readonly type: DuckDBType
  readonly of: (row: R) => DuckDBValue
}

export const bigint = <R>(name: string, of: (row: R) => bigint): Column<R> => ({ name, type: BIGINT, of })
export const integer = <R>(name: string, of: (row: R) => number): Column<R> => ({ name, type: INTEGER, of })
export const tiny = <R>(name: string, of: (row: R) => number): Column<R> => ({ name, type: TINYINT, of })
export const double = <R>(name: string, of: (row: R) => number): Column<R> => ({ name, type: DOUBLE, of })
export const text = <R>(name: string, of: (row: R) => string): Column<R> => ({ name, type: VARCHAR, of })

/** An engine chunk holds this many rows. */
const CHUNK = 2048

/**
 * Appends rows to a table inside the connection's transaction: the fastest way in, several times faster than INSERT.
 * Lets the event loop run between chunks.
 */
export async function appendRows<R>(
  connection: DuckDBConnection,
  table: string,
  columns: readonly Column<R>[],
  all: readonly R[],
): Promise<void> {
  if (all.length === 0) return
  const appender = await connection.createAppender(table)
  const types = columns.map((column) => column.type)
  for (let from = 0; from < all.length; from += CHUNK) {
    if (from > 0) await new Promise(setImmediate)
    const count = Math.min(CHUNK, all.length - from)
    const chunk = DuckDBDataChunk.create(types, count)
    columns.forEach((column, index) => {
      const vector = chunk.getColumnVector(index)
      for (let i = 0; i < count; i++) vector.setItem(i, column.of(all[from + i] as R))
      vector.flush()
    })
    appender.appendDataChunk(chunk)
  }
  appender.closeSync()
}
