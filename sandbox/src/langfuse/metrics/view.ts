import type { ColumnKind, ColumnValue } from '../filters.ts'

/** What a row of an answer says of a dimension; '' only where nothing is never null. */
export type GroupValue = string | number | boolean | null | readonly string[]

export interface Dimension<Row> {
  readonly kind: ColumnKind
  /** One of many values: refused unless the query asks for the greatest few. */
  readonly high: boolean
  /** What filters look at. */
  readonly of: (row: Row) => ColumnValue
  /** What rows are grouped by. */
  readonly group: (row: Row) => GroupValue
  /** Splits a row into one for each of these; `group` is then one of them. */
  readonly explode?: (row: Row) => readonly string[]
  /** What a filler row says. */
  readonly filler: GroupValue
}

export interface Measure<Row> {
  readonly kind: 'integer' | 'decimal' | 'text'
  /** The value of a row, and of one part of it where the query splits rows; null = it has none. */
  readonly of: (row: Row, part: (dimension: string) => string | undefined) => number | string | null
  /** A dimension that the measure brings with it. */
  readonly brings?: string
  /** Rows that count at all. */
  readonly only?: (row: Row) => boolean
}

/** A thing that can be measured. */
export interface View<Row> {
  readonly dimensions: Readonly<Record<string, Dimension<Row>>>
  readonly measures: Readonly<Record<string, Measure<Row>>>
  /** Name under which filters know the time. */
  readonly timeColumn: string
  readonly timeOf: (row: Row) => number
  readonly metadata?: (row: Row) => Readonly<Record<string, string>>
}

/** A text dimension that is null when it is empty. */
export function text<Row>(of: (row: Row) => string | null | undefined, high = false): Dimension<Row> {
  const value = (row: Row): string | null => of(row) || null
  return { kind: 'text', high, of: value, group: value, filler: null }
}

/** A text dimension that is never null. */
export function named<Row>(of: (row: Row) => string): Dimension<Row> {
  return { kind: 'text', high: false, of, group: of, filler: '' }
}

export function list<Row>(of: (row: Row) => readonly string[]): Dimension<Row> {
  return { kind: 'list', high: false, of, group: of, filler: [] }
}

/** One row for each of the entries; rows without any are gone. */
export function exploded<Row>(of: (row: Row) => readonly string[]): Dimension<Row> {
  return { kind: 'list', high: false, of, group: () => '', explode: of, filler: '' }
}

export function month(ms: number): string {
  return new Date(ms).toISOString().slice(0, 7)
}
