/** One measured figure beside its goal. */
export interface BenchRow {
  readonly name: string
  readonly value: string
  readonly spread: string
  /** Empty where the figure has no goal and only explains another one. */
  readonly goal: string
  readonly aim: string
  /** Whether the goal is met. */
  readonly ok: boolean
}

/** The middle of the values; of an even number the lower middle one. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value that a share of the values does not exceed: one of them, never between two. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort()
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
  if (value === undefined) throw new RangeError('a quantile of no values was asked for')
  return value
}

/** `least – greatest`, with as many decimals as given. */
export function spread(values: readonly number[], decimals: number): string {
  return `${fixed(Math.min(...values), decimals)} – ${fixed(Math.max(...values), decimals)}`
}

/** A number for people: `52,100`, `0.25`. */
export function fixed(value: number, decimals: number): string {
  return value.toLocaleString('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
}

/** What is measured, with its unit and where it should lie. */
export interface Figure {
  readonly name: string
  readonly unit: string
  readonly decimals: number
  /** A goal of `least` is met by more, one of `most` by less. */
  readonly goal?: { readonly least: number; readonly aim?: number } | { readonly most: number; readonly aim?: number }
}

/** A row of a figure whose value is the median of several runs. */
export function figureRow(figure: Figure, values: readonly number[]): BenchRow {
  return valueRow(figure, median(values), spread(values, figure.decimals))
}

/** A row of a figure whose value is known, with how far the readings behind it lie apart. */
export function valueRow({ name, unit, decimals, goal }: Figure, value: number, around: string): BenchRow {
  const text = (bound: number) => `${bound.toLocaleString('en')} ${unit}`
  const row = { name, value: `${fixed(value, decimals)} ${unit}`, spread: around }
  if (goal === undefined) return { ...row, goal: '', aim: '', ok: true }
  const sign = 'least' in goal ? '≥' : '<'
  return {
    ...row,
    goal: `${sign} ${text('least' in goal ? goal.least : goal.most)}`,
    aim: goal.aim === undefined ? '' : `${sign} ${text(goal.aim)}`,
    ok: 'least' in goal ? value >= goal.least : value < goal.most,
  }
}

/** The rows as a Markdown table. */
export function markdown(rows: readonly BenchRow[]): string {
  const lines = rows.map((row) => [row.name, row.value, row.spread, row.goal, row.aim, met(row)])
  return [['what', 'value', 'spread', 'goal', 'aim', 'met'], Array(6).fill('---'), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |\n`)
    .join('')
}

function met(row: BenchRow): string {
  if (row.goal === '') return ''
  return row.ok ? 'yes' : 'no'
}

/** Prints the rows for people and for programs. */
export function print(rows: readonly BenchRow[]): void {
  process.stdout.write(`${markdown(rows)}\n${JSON.stringify(rows)}\n`)
}
