/** One measured figure beside its goal. */
export interface BenchRow {
  readonly name: string
  readonly value: string
  readonly spread: string
  readonly goal: string
  readonly aim: string
  /** Whether the goal is met. */
  readonly ok: boolean
}

/** The middle of the values; of an even number the lower middle one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted[Math.floor((sorted.length - 1) / 2)]
  if (middle === undefined) throw new RangeError('a median of no values was asked for')
  return middle
}

/** `least – greatest`, with as many decimals as given. */
export function spread(values: readonly number[], decimals: number): string {
  return `${Math.min(...values).toFixed(decimals)} – ${Math.max(...values).toFixed(decimals)}`
}

/** The rows as a Markdown table. */
export function markdown(rows: readonly BenchRow[]): string {
  const lines = rows.map((row) => [row.name, row.value, row.spread, row.goal, row.aim, row.ok ? 'yes' : 'no'])
  return [['what', 'median', 'spread', 'goal', 'aim', 'met'], Array(6).fill('---'), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |\n`)
    .join('')
}

/** Prints the rows for people and for programs. */
export function print(rows: readonly BenchRow[]): void {
  process.stdout.write(`${markdown(rows)}\n${JSON.stringify(rows)}\n`)
}
