import type { TokenCounts } from '../tokens.ts'

/** What an answer shall be, as the caller chose it. */
export interface Script {
  /** Tokens by class; those not chosen follow from the request. */
  readonly tokens: Partial<TokenCounts>
  /** Whether the answer tells its usage. */
  readonly tellsUsage: boolean
  /** Names of the tools that the answer calls. */
  readonly tools: readonly string[]
  /** In how many pieces a streamed text comes. */
  readonly chunks: number
  readonly firstMs: number
  readonly everyMs: number
  readonly status: number
  /** Seconds, for the header Retry-After of an error. */
  readonly retryAfter: number | null
  /** The connection breaks after so many pieces of a stream, or in the middle of a whole answer; null: not. */
  readonly cut: number | null
  /** The connection breaks before the first byte. */
  readonly reset: boolean
  /** The answer waits under this name, after so many pieces, until it is released. */
  readonly hold: string | null
  readonly holdAt: number
}

/** A part of a script for the first so many requests that carry it only, all in all. */
interface Clause {
  readonly text: string
  readonly values: Values
  readonly times: number
}

type Values = Readonly<Record<string, string>>

/** A script that says something nobody understands. */
export class BadScript extends Error {
  override readonly name = 'BadScript'
}

/** Every word of a script, with what it means: the table of the README. */
export const WORDS: Readonly<Record<string, string>> = {
  input: 'Tokens of input at the full price; by default a quarter of the letters of the request.',
  cache_read: 'Tokens of input read from the cache; 0 by default.',
  cache_write_5m: 'Tokens written to a cache of five minutes (Anthropic; for others they are input).',
  cache_write_1h: 'Tokens written to a cache of an hour (Anthropic; for others they are input).',
  output: 'Tokens of output without reasoning, one short word each; 12 by default.',
  reasoning: 'Tokens of reasoning (part of the output for Anthropic); 0 by default.',
  usage: '`none`: the answer does not tell its usage.',
  tool: 'Name of a tool that the answer calls; several with commas.',
  chunks: 'In how many pieces a streamed text comes; 4 by default.',
  first: 'Milliseconds before the first byte.',
  every: 'Milliseconds between the pieces of a stream.',
  status: 'Status of an error, e.g. 429 or 500.',
  after: 'Seconds for the header Retry-After of that error.',
  cut: 'The connection breaks after so many pieces of a stream, or in the middle of a whole answer.',
  reset: '`yes`: the connection breaks before the first byte.',
  hold: 'The answer waits under this name until the test releases it.',
  hold_at:
    'After how many pieces of a stream it waits (at the latest before its end); 0 by default: before the first byte.',
  times: 'The parenthesis counts for the first so many requests with exactly these words, then no more.',
  id: 'Makes the words of a parenthesis its own, for `times`.',
}

const CLAUSE = /upstream\(([^()]*)\)/g
const TOKEN_WORDS = {
  input: 'input',
  cache_read: 'cacheRead',
  cache_write_5m: 'cacheWrite5m',
  cache_write_1h: 'cacheWrite1h',
  output: 'output',
  reasoning: 'reasoning',
} as const

/**
 * Reads the script out of a request's address and text: `upstream(output=80 cache_read=400)`; with a model in front,
 * `upstream(gpt-4o: status=500 times=2)`, it is for that model alone. A later word stands over an earlier one. `spent` counts
 * how often a clause was used; it is changed. Throws BadScript.
 */
export function readScript(text: string, model: string, spent: Map<string, number>): Script {
  const values: Record<string, string> = {}
  for (const clause of clausesFor(text, model)) {
    if (clause.times < Infinity) {
      const name = `${model} ${clause.text}`
      const used = spent.get(name) ?? 0
      if (used >= clause.times) continue
      spent.set(name, used + 1)
    }
    Object.assign(values, clause.values)
  }
  return scriptOf(values)
}

function clausesFor(text: string, model: string): Clause[] {
  return [...text.matchAll(CLAUSE)].flatMap(([, inside = '']) => {
    const [, only, words = ''] = /^(?:\s*([^\s=:]+):)?(.*)$/s.exec(inside) ?? []
    if (only !== undefined && only !== model) return []
    const values = Object.fromEntries(words.trim().split(/\s+/).filter(Boolean).map(word))
    return [{ text: inside, values, times: values.times === undefined ? Infinity : whole('times', values.times) }]
  })
}

function word(text: string): [string, string] {
  const [name = '', value, ...more] = text.split('=')
  if (!Object.hasOwn(WORDS, name) || value === undefined || value === '' || more.length > 0)
    throw new BadScript(
      `found "${text}" in a script, expected word=value; the words are ${Object.keys(WORDS).join(', ')}`,
    )
  return [name, value]
}

function scriptOf(values: Values): Script {
  const number = (name: string, otherwise: number) =>
    values[name] === undefined ? otherwise : whole(name, values[name])
  const maybe = (name: string) => (values[name] === undefined ? null : whole(name, values[name]))
  const tokens = Object.entries(TOKEN_WORDS).flatMap(([name, tokenClass]) =>
    values[name] === undefined ? [] : [[tokenClass, whole(name, values[name])]],
  )
  return {
    tokens: Object.fromEntries(tokens) as Partial<TokenCounts>,
    tellsUsage: values.usage !== 'none',
    tools: values.tool?.split(',') ?? [],
    chunks: Math.max(1, number('chunks', 4)),
    firstMs: number('first', 0),
    everyMs: number('every', 0),
    status: number('status', 200),
    retryAfter: maybe('after'),
    cut: maybe('cut'),
    reset: values.reset === 'yes',
    hold: values.hold ?? null,
    holdAt: number('hold_at', 0),
  }
}

function whole(name: string, value: string): number {
  if (/^\d{1,9}$/.test(value)) return Number(value)
  throw new BadScript(`found ${name}=${value} in a script, expected a whole number`)
}
