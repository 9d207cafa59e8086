/** Where something stands in the policy: keys and list positions from the root. */
export type Path = readonly (string | number)[]

/** What is wrong with a policy file, and where. Lines and columns count from 1. Never holds a secret. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly column: number
  /** E.g. `customers[0].tier`; empty for the file as a whole. */
  readonly path: string
  /** What was found, what is expected. */
  readonly message: string
}

/** A problem before its place in the text is known. */
export interface Issue {
  readonly path: Path
  /** Points at the key instead of the value. */
  readonly at?: 'key'
  readonly message: string
}

/** One line: `marginwatch.yaml:12:7: tiers.tier_1.price_usd: found "x", expected …`. */
export function formatProblem(problem: Problem): string {
  const place = `${problem.file}:${problem.line}:${problem.column}`
  return problem.path === '' ? `${place}: ${problem.message}` : `${place}: ${problem.path}: ${problem.message}`
}

/** The same line for something that is no mistake. */
export function formatHint(hint: Problem): string {
  return formatProblem({ ...hint, message: `hint: ${hint.message}` })
}

/** `['customers', 0, 'tier']` → `customers[0].tier`; names that are more than words are quoted. */
export function pathText(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else text += `${text === '' ? '' : '.'}${/^[\w-]+$/.test(step) ? step : JSON.stringify(step)}`
  }
  return text
}

/** How a found value is named in a message. */
export function found(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null || value === '') return 'found nothing'
  if (Array.isArray(value)) return 'found a list'
  if (typeof value === 'object') return 'found a block of keys'
  const text = String(value)
  return `found ${JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text)}`
}

/** The sentence of most problems. */
export function wrong(value: unknown, expected: string): string {
  return `${found(value)}, expected ${expected}`
}
