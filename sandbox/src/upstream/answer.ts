import { randomUUID } from 'node:crypto'
import type { TokenCounts } from '../tokens.ts'
import type { Answer, Asked, Dialect, ToolCall } from './dialect.ts'
import type { Script } from './script.ts'

const USUAL_OUTPUT = 12
const LETTERS_A_TOKEN = 4
/** One token in the encodings that gateways estimate with. */
const WORD = ' word'
const ARGUMENTS = '{"of":"everything"}'

/** What the request says beside its script. */
export interface Seen {
  readonly asked: Asked
  /** Length of its text. */
  readonly letters: number
  /** Epoch milliseconds. */
  readonly now: number
}

/** The answer that the script and the request make together: never more output than the request allows. */
export function answerTo({ asked, letters, now }: Seen, script: Script, dialect: Dialect): Answer {
  const wanted = { ...usual(letters), ...script.tokens }
  const most = asked.maxTokens ?? Infinity
  const reasoning = Math.min(wanted.reasoning, most)
  const output = Math.min(wanted.output, most - reasoning)
  const isShort = reasoning + output < wanted.reasoning + wanted.output
  return {
    id: randomUUID().replaceAll('-', ''),
    model: asked.model,
    created: Math.floor(now / 1000),
    pieces: pieces(output, script.chunks),
    tools: script.tools.map(toolCall),
    tokens: dialect.count({ ...wanted, reasoning, output }),
    tellsUsage: script.tellsUsage && asked.wantsUsage,
    finish: isShort ? 'length' : script.tools.length > 0 ? 'tools' : 'stop',
  }
}

function usual(letters: number): TokenCounts {
  const input = Math.max(1, Math.ceil(letters / LETTERS_A_TOKEN))
  return { input, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0, output: USUAL_OUTPUT, reasoning: 0 }
}

/** So many words in so many pieces, none of them empty. */
function pieces(words: number, chunks: number): string[] {
  const count = Math.min(words, chunks)
  return Array.from({ length: count }, (_, i) => {
    const share = Math.floor((words * (i + 1)) / count) - Math.floor((words * i) / count)
    return WORD.repeat(share)
  })
}

function toolCall(name: string): ToolCall {
  return { id: `call_${randomUUID().slice(0, 8)}`, name, arguments: ARGUMENTS }
}
