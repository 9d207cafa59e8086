import { randomUUID } from 'node:crypto'
import { inputTokens, type TokenCounts } from '../tokens.ts'
import type { Script } from './script.ts'

/** What a request asks for, whatever its provider's words are. */
export interface Asked {
  readonly model: string
  readonly stream: boolean
  /** Most tokens of output, reasoning included; null: no limit. */
  readonly maxTokens: number | null
  /** Whether the usage is wanted at the end of a stream. */
  readonly wantsUsage: boolean
}

export interface ToolCall {
  readonly id: string
  readonly name: string
  /** JSON. */
  readonly arguments: string
}

/** An answer before it is put into a provider's words. */
export interface Answer {
  readonly id: string
  readonly model: string
  /** Epoch seconds. */
  readonly created: number
  /** The text, as it is streamed. */
  readonly pieces: readonly string[]
  readonly tools: readonly ToolCall[]
  readonly tokens: TokenCounts
  /** Whether the tokens are told. */
  readonly tellsUsage: boolean
  readonly finish: 'stop' | 'length' | 'tools'
}

/** How a provider speaks. */
export interface Dialect {
  /** Paths that are its own, from the start on. */
  readonly path: RegExp
  /** Whether caches are written at a price of their own. */
  readonly writesCache: boolean
  ask(body: Readonly<Record<string, unknown>>, path: string): Asked
  whole(answer: Answer): object
  /** A stream: what opens it, its pieces, what closes it; texts of server-sent events. */
  stream(answer: Answer): Stream
  error(status: number, message: string): object
}

export interface Stream {
  readonly open: string
  readonly pieces: readonly string[]
  readonly close: string
}

const USUAL_OUTPUT = 12
const LETTERS_A_TOKEN = 4
/** One token in the encodings that gateways estimate with. */
const WORD = ' word'

/** The answer that the script and the request make together: never more output than asked for. */
export function answerTo(
  asked: Asked,
  script: Script,
  dialect: Dialect,
  seen: { letters: number; now: number },
): Answer {
  const wanted = { ...usual(seen.letters), ...script.tokens }
  const most = asked.maxTokens ?? Infinity
  const reasoning = Math.min(wanted.reasoning, most)
  const output = Math.min(wanted.output, most - reasoning)
  const isShort = reasoning + output < wanted.reasoning + wanted.output
  return {
    id: randomUUID(),
    model: asked.model,
    created: Math.floor(seen.now / 1000),
    pieces: pieces(output, script.chunks),
    tools: script.tools.map((name) => ({
      id: `call_${randomUUID().slice(0, 8)}`,
      name,
      arguments: '{"of":"everything"}',
    })),
    tokens: { ...(dialect.writesCache ? wanted : withoutWriting(wanted)), reasoning, output },
    tellsUsage: script.tellsUsage,
    finish: isShort ? 'length' : script.tools.length > 0 ? 'tools' : 'stop',
  }
}

function usual(letters: number): TokenCounts {
  const input = Math.max(1, Math.ceil(letters / LETTERS_A_TOKEN))
  return { input, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0, output: USUAL_OUTPUT, reasoning: 0 }
}

function withoutWriting(tokens: TokenCounts): TokenCounts {
  return { ...tokens, input: inputTokens(tokens) - tokens.cacheRead, cacheWrite5m: 0, cacheWrite1h: 0 }
}

/** So many words in so many pieces, none of them empty. */
function pieces(words: number, chunks: number): string[] {
  const count = Math.min(words, chunks)
  return Array.from({ length: count }, (_, i) => {
    const share = Math.floor((words * (i + 1)) / count) - Math.floor((words * i) / count)
    return WORD.repeat(share)
  })
}

/** Lines of a server-sent event. */
export function event(data: object | string, name?: string): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data)
  return `${name === undefined ? '' : `event: ${name}\n`}data: ${text}\n\n`
}

/** A whole number in a request, or null. */
export function limit(...values: readonly unknown[]): number | null {
  const numbers = values.filter((value): value is number => typeof value === 'number')
  return numbers.length === 0 ? null : Math.min(...numbers)
}
