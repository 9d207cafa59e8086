import { z } from 'zod'
import { readCsv } from './csv.ts'
import { isTreeMap, readDocument } from './document.ts'
import { issuesOf } from './issues.ts'
import type { CustomerEntry } from './policy.ts'
import { found, type Issue, type Path, type Problem, pathText } from './problem.ts'
import { type FileRow, type FileRows, noRows } from './rows.ts'
import { customerIssues } from './rules.ts'
import { customer } from './schema.ts'
import { customerEntry } from './translate.ts'
import { text as textOf } from './tree.ts'
import { dayStarts } from './zone.ts'

/** What a roster file says; its bad rows are left out and told of. */
export interface RosterReading {
  readonly entries: readonly CustomerEntry[]
  /** In the file's order. */
  readonly problems: readonly Problem[]
  /** Ids that stand in a bad row: of these customers the file says nothing that could be trusted, in its good rows neither. */
  readonly unclear: ReadonlySet<string>
  /** False when there may be customers in it that could not be read: a row without an id, or the file itself. */
  readonly whole: boolean
}

export interface RosterFileOptions {
  /** The file's name, for messages; its ending says what it is. */
  readonly file: string
  /** Names of the plans. */
  readonly tiers: readonly string[]
  /** Ids that the policy file names itself. */
  readonly named: ReadonlySet<string>
  /** Zone in which dates begin. */
  readonly zone: string
}

const MOST_ROWS = 100_000
const LONGEST = 32_000_000

/** The columns of a CSV file, and the keys of an entry. */
const COLUMNS = Object.keys(customer.shape)
const NEEDED = ['id', 'tier']

/**
 * Reads a roster file. Never throws. A bad row never loses the good ones beside it; only a file that cannot be read as what its
 * name says gives nothing at all.
 */
export function readRoster(text: string, options: RosterFileOptions): RosterReading {
  const { file, tiers, named } = options
  const read = rowsOf(text, file)
  if (read.rows.length > MOST_ROWS)
    return withFile(file, noRows(`found ${read.rows.length} rows, expected at most ${MOST_ROWS}`))
  const tree = {
    tiers: Object.assign(Object.create(null), Object.fromEntries(tiers.map((tier) => [tier, null]))),
    customers: read.rows.map((row) => row.fields),
  }
  const rows = z.array(customer)
  const parsed = rows.safeParse(tree.customers)
  const lineOf = (index: number) => `line ${read.rows[index]?.place(null).line}`
  const issues = [
    ...(parsed.error?.issues ?? []).flatMap((issue) => issuesOf(issue, rows)),
    ...customerIssues(tree, lineOf).map((issue) => ({ ...issue, path: issue.path.slice(1) })),
    ...namedTwice(read.rows, named),
    ...otherEncoding(read.rows),
  ]
  return judged(read, issues, options)
}

/** The file as a whole cannot be read. */
export function unreadable(file: string, message: string): RosterReading {
  return withFile(file, noRows(message))
}

function rowsOf(text: string, file: string): FileRows {
  if (text.length > LONGEST) return noRows(`found ${text.length} characters, expected at most ${LONGEST}`)
  if (text.includes('\u0000')) return noRows('found a byte that no text has, expected text in UTF-8')
  return file.toLowerCase().endsWith('.csv') ? readCsv(text, COLUMNS, NEEDED) : readYaml(text)
}

function judged(read: FileRows, issues: readonly Issue[], { file, zone }: RosterFileOptions): RosterReading {
  const bad = new Set(issues.map(({ path }) => path[0]))
  const begins = dayStarts(zone)
  const moment = (date: string | null) => (date === null ? null : begins(date))
  const unclear = new Set<string>()
  let whole = read.whole
  const entries: CustomerEntry[] = []
  for (const [index, { fields }] of read.rows.entries()) {
    const id = isTreeMap(fields) ? textOf(fields, 'id') : null
    const good = bad.has(index) ? null : customer.safeParse(fields).data
    if (good) entries.push(customerEntry(good, moment))
    else if (id === null || id === '' || id.includes(LOST)) whole = false
    else unclear.add(id)
  }
  const problems = [
    ...read.problems,
    ...issues.map(({ path, at, message }) => {
      const key = path[1] === undefined ? null : String(path[1])
      return { ...(read.rows[Number(path[0])]?.place(key, at) ?? NOWHERE), message }
    }),
  ].sort((a, b) => a.line - b.line || a.column - b.column)
  return { entries, problems: problems.map((problem) => ({ file, ...problem })), unclear, whole }
}

const NOWHERE = { line: 1, column: 1, path: '' }

function withFile(file: string, { problems }: FileRows): RosterReading {
  return { entries: [], problems: problems.map((problem) => ({ file, ...problem })), unclear: new Set(), whole: false }
}

/** Two files that speak of one customer could contradict each other. */
function namedTwice(rows: readonly FileRow[], named: ReadonlySet<string>): Issue[] {
  return rows.flatMap(({ fields }, i): Issue[] => {
    const id = isTreeMap(fields) ? textOf(fields, 'id') : null
    if (id === null || !named.has(id)) return []
    const message = `${found(id)}, which stands under customers in the policy file too; that counts, expected it in one of the two`
    return [{ path: [i, 'id'], message }]
  })
}

/** What a byte is read as that is not UTF-8. */
const LOST = '\uFFFD'

/** A name of which a letter is lost is nobody's, and would be taken for a new customer. */
function otherEncoding(rows: readonly FileRow[]): Issue[] {
  return rows.flatMap(({ fields }, i): Issue[] => {
    const id = isTreeMap(fields) ? textOf(fields, 'id') : null
    if (id === null || !id.includes(LOST)) return []
    return [{ path: [i, 'id'], message: `${found(id)}, where a letter is not UTF-8, expected a file saved as UTF-8` }]
  })
}

const YAML_SHAPE = 'expected a list of customers, e.g. - { id: acme, tier: tier_1 }, alone or under the key customers'

function readYaml(text: string): FileRows {
  const { document, flaws } = readDocument(text)
  if (document === undefined)
    return { rows: [], problems: flaws.map(({ path: _, ...flaw }) => ({ ...flaw, path: '' })), whole: false }
  const { tree } = document
  const base: Path = isTreeMap(tree) && 'customers' in tree ? ['customers'] : []
  const list = base.length > 0 && isTreeMap(tree) ? tree.customers : tree
  const others = base.length > 0 && isTreeMap(tree) ? Object.keys(tree).filter((key) => key !== 'customers') : []
  if (!Array.isArray(list)) return noRows(`${found(list)}, ${YAML_SHAPE}`)
  const problems = [
    ...flaws.map((flaw) => ({ ...flaw, path: pathText(flaw.path) })),
    ...others.map((key) => ({
      ...document.locate([key], 'key'),
      path: pathText([key]),
      message: 'unknown key; allowed here: customers',
    })),
  ]
  // What stood where the text has a flaw is not known: such a row is as good as none.
  const flawed = new Set(flaws.map(({ path }) => path[base.length]))
  const rows = list.flatMap((fields, i): FileRow[] => {
    const place = (key: string | null, at: 'key' | 'value' = 'value') => {
      const path = [...base, i, ...(key === null ? [] : [key])]
      return { ...document.locate(path, at), path: pathText(path) }
    }
    return flawed.has(i) ? [] : [{ fields, place }]
  })
  return { rows, problems, whole: flaws.length === 0 }
}
