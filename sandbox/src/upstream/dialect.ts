import { inputTokens, type TokenCounts } from '../tokens.ts'

/** What a request asks for, whatever its provider's words are. */
export interface Asked {
  readonly model: string
  readonly stream: boolean
  /** Most tokens of output, reasoning included; null: no limit. */
  readonly maxTokens: number | null
  /** Whether the answer is to tell its usage. */
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
  readonly tellsUsage: boolean
  readonly finish: 'stop' | 'length' | 'tools'
}

export type Body = Readonly<Record<string, unknown>>

/** How a provider speaks at one of its addresses. */
export interface Dialect {
  readonly path: RegExp
  ask(body: Body, path: string): Asked
  /** The tokens in the classes that this provider tells apart; those that it does not are in another. */
  count(tokens: TokenCounts): TokenCounts
  whole(answer: Answer, body: Body): object
  stream(answer: Answer): Stream
  error(status: number, message: string): object
}

/** Texts of server-sent events: what opens the stream, its pieces, what closes it. */
export interface Stream {
  readonly open: string
  readonly pieces: readonly string[]
  readonly close: string
}

/** A server-sent event. */
export function event(data: object | string, name?: string): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data)
  return `${name === undefined ? '' : `event: ${name}\n`}data: ${text}\n\n`
}

/** The smallest of the numbers among the values, or null. */
export function limit(...values: readonly unknown[]): number | null {
  const numbers = values.filter((value): value is number => typeof value === 'number')
  return numbers.length === 0 ? null : Math.min(...numbers)
}

/** For providers that ask nothing for writing to a cache. */
export function withoutWriting(tokens: TokenCounts): TokenCounts {
  return { ...tokens, input: inputTokens(tokens) - tokens.cacheRead, cacheWrite5m: 0, cacheWrite1h: 0 }
}
