import type { Tree } from './document.ts'
import type { Problem } from './problem.ts'

/** A row of a file, with where it stands. */
export interface FileRow {
  readonly fields: Tree
  /** Where a field stands, or its name; of null, the row. */
  place(key: string | null, at?: 'key'): Pick<Problem, 'line' | 'column' | 'path'>
}

/** Rows as they were read, and what was wrong with them as text. */
export interface FileRows {
  readonly rows: readonly FileRow[]
  readonly problems: readonly Omit<Problem, 'file'>[]
  /** False when there may be rows that could not be read. */
  readonly whole: boolean
}

/** The file as a whole cannot be read. */
export function noRows(message: string): FileRows {
  return { rows: [], problems: [{ line: 1, column: 1, path: '', message }], whole: false }
}
