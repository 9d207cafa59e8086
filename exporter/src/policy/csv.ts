import { type CsvError, parse } from 'csv-parse/sync'
import type { TreeMap } from './document.ts'
import { nearest } from './nearest.ts'
import { found } from './problem.ts'
import { type FileRow, type FileRows, noRows } from './rows.ts'

/** A record of the text: its fields, and the line on which it begins. */
interface Cells {
  readonly cells: readonly string[]
  readonly line: number
}

interface Broken {
  readonly line: number
  readonly message: string
}

/**
 * Reads CSV whose first line names the columns, in any case and order; those that nobody knows are passed over, unless one looks
 * like a known one. Commas, semicolons and tabs are told apart by the first line. A broken row costs no other: where quotes do
 * not fit, each line is read by itself.
 */
export function readCsv(text: string, columns: readonly string[], needed: readonly string[]): FileRows {
  // Some spreadsheets say first what divides the columns; the line after it tells as much.
  const plain = text
    .replace(/^\uFEFF/, '')
    .replace(/\r\n?/g, '\n')
    .replace(/^sep=.\n/i, '\n')
  const headLine = 1 + (/^(?:[^\S\n]*\n)*/.exec(plain)?.[0].split('\n').length ?? 1) - 1
  const head = plain.split('\n')[headLine - 1] ?? ''
  if (head.trim() === '')
    return noRows(`found nothing, expected a first line that names the columns: ${columns.join(', ')}`)
  const delimiter = delimiterOf(head)
  const names = namesIn(head, delimiter)
  if (typeof names === 'string') return noRows(names)
  const missing = needed.filter((name) => !names.includes(name))
  if (missing.length > 0) {
    const message = `found the columns ${names.map((name) => name.slice(0, 40)).join(', ')}, expected ${missing.join(' and ')} among them; the first line names the columns: ${columns.join(', ')}`
    return noRows(message)
  }
  const body = { text: plain, delimiter, after: headLine }
  const passedOver = names.map((name) => !columns.includes(name))
  const { list, broken } = wholly(body, passedOver) ?? lineByLine(body)
  const rows: FileRow[] = []
  const problems = [...doubts(names, columns, headLine)]
  for (const { line, message } of broken) problems.push({ line, column: 1, path: '', message })
  for (const { cells, line } of list) {
    if (cells.every((cell) => cell === '')) continue
    if (cells.length > names.length && cells.slice(names.length).some((cell) => cell !== '')) {
      const message = `found ${cells.length} fields, expected the ${names.length} that the first line names; a value with ${delimiter === '\t' ? 'a tab' : `a ${delimiter}`} in it stands in quotes`
      problems.push({ line, column: 1, path: '', message })
      broken.push({ line, message })
      continue
    }
    rows.push({ fields: fieldsOf(cells, names, columns), place: (key) => ({ line, column: 1, path: key ?? '' }) })
  }
  return { rows, problems, whole: broken.length === 0 }
}

function delimiterOf(head: string): string {
  const count = (of: string) => head.split(of).length
  return [',', ';', '\t'].reduce((best, one) => (count(one) > count(best) ? one : best))
}

/** Names of the columns, or what is wrong with them. */
function namesIn(head: string, delimiter: string): string[] | string {
  const [cells] = parsed(head, delimiter).list
  if (cells === undefined) return `found a first line with quotes that do not fit: ${found(head)}`
  const names = cells.cells.map((cell) => cell.toLowerCase().replace(/[\s-]+/g, '_'))
  const twice = names.find((name, i) => name !== '' && names.indexOf(name) < i)
  return twice === undefined ? names : `found the column ${twice} twice, expected it once`
}

function fieldsOf(cells: readonly string[], names: readonly string[], columns: readonly string[]): TreeMap {
  const fields: TreeMap = Object.create(null)
  for (const [i, name] of names.entries()) if (columns.includes(name) && cells[i]) fields[name] = cells[i]
  return fields
}

/** A column that is not known but looks like one that is missing. */
function doubts(names: readonly string[], columns: readonly string[], line: number) {
  const absent = columns.filter((column) => !names.includes(column))
  return names.flatMap((name) => {
    const guess = name === '' || columns.includes(name) ? null : nearest(name, absent)
    if (guess === null) return []
    return [{ line, column: 1, path: '', message: `unknown column ${JSON.stringify(name)}; did you mean ${guess}?` }]
  })
}

interface Body {
  readonly text: string
  readonly delimiter: string
  /** The line of the head. */
  readonly after: number
}

interface Read {
  readonly list: Cells[]
  readonly broken: Broken[]
}

/**
 * The text as one, where a value in quotes may go over several lines. Null when quotes do not fit: then a value holds lines that
 * is none of a column that we pass over, or the text is no CSV, and what stands between two stray quotes is not to be lost.
 */
function wholly({ text, delimiter, after }: Body, passedOver: readonly boolean[]): Read | null {
  const { list, broken } = parsed(text, delimiter)
  if (broken.length > 0) return null
  const rows = list.filter(({ line }) => line > after)
  const torn = rows.some(({ cells }) => cells.some((cell, i) => cell.includes('\n') && !passedOver[i]))
  return torn ? null : { list: rows, broken: [] }
}

function lineByLine({ text, delimiter, after }: Body): Read {
  const read: Read = { list: [], broken: [] }
  for (const [index, one] of text.split('\n').entries()) {
    const line = index + 1
    if (line <= after) continue
    const { list, broken } = parsed(one, delimiter)
    for (const { cells } of list) read.list.push({ cells, line })
    for (const { message } of broken) read.broken.push({ line, message })
  }
  return read
}

function parsed(text: string, delimiter: string): Read {
  try {
    const records = parse(text, {
      delimiter,
      info: true,
      record_delimiter: '\n',
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    }) as unknown as { readonly record: string[]; readonly info: { readonly lines: number } }[]
    const list = records.map(({ record, info }) => ({
      cells: record,
      line: info.lines - record.reduce((sum, cell) => sum + cell.split('\n').length - 1, 0),
    }))
    return { list, broken: [] }
  } catch (cause) {
    const { code } = cause as CsvError
    const what = code === 'CSV_QUOTE_NOT_CLOSED' ? 'a quote that nothing closes' : 'a quote in the middle of a value'
    return {
      list: [],
      broken: [{ line: 1, message: `found ${what}, expected a value with quotes around all of it, or none` }],
    }
  }
}
