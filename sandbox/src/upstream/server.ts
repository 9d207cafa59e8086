import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TokenCounts } from '../tokens.ts'
import { anthropic } from './anthropic.ts'
import { answerTo } from './answer.ts'
import type { Body, Dialect } from './dialect.ts'
import { gemini } from './gemini.ts'
import { openHolds, type Holds } from './holds.ts'
import { openaiChat } from './openai-chat.ts'
import { openaiEmbeddings } from './openai-embeddings.ts'
import { openaiResponses } from './openai-responses.ts'
import { type Ending, play, sendJson } from './play.ts'
import { BadScript, readScript } from './script.ts'

/** A request that was answered, or that nobody waited for any more. */
export interface Served extends Ending {
  /** As the provider has it, without what stands before `/v1` in the address. */
  readonly path: string
  readonly model: string
  readonly stream: boolean
  /** Most output that the request allowed; null: no limit. */
  readonly maxTokens: number | null
  /** The tokens of the whole answer, in the classes that the provider tells apart, also when it was cut; null for an error. */
  readonly usage: TokenCounts | null
}

export interface Upstream extends Pick<Holds, 'held' | 'release'> {
  /** Where it listens: OpenAI's base address is `${url}/v1`, Anthropic's `url`, Gemini's `${url}/v1beta`. */
  readonly url: string
  /** What was served so far, in the order in which it ended. */
  served(): readonly Served[]
  close(): Promise<void>
}

export interface UpstreamOptions {
  readonly now?: () => number
}

/** All that is spoken. */
const DIALECTS: readonly Dialect[] = [openaiChat, openaiResponses, openaiEmbeddings, anthropic, gemini]

/**
 * A provider of models on a free port of 127.0.0.1 that answers as it is told: the text of a request may hold a script, e.g.
 * `upstream(output=80 first=200)`, and so may its address, `${url}/upstream(status=500)/v1/…`, which goes before the text. The
 * words are in WORDS. Without one it answers with a few words.
 */
export async function startUpstream({ now = Date.now }: UpstreamOptions = {}): Promise<Upstream> {
  const served: Served[] = []
  const desk: Desk = { now, spent: new Map(), holds: openHolds(), served: (one) => void served.push(one) }
  const server = createServer((request, response) => void handle(request, response, desk))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    served: () => [...served],
    held: desk.holds.held,
    release: desk.holds.release,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** What a request needs. */
interface Desk {
  readonly now: () => number
  /** How often a clause of a script was used. */
  readonly spent: Map<string, number>
  readonly holds: Holds
  readonly served: (one: Served) => void
}

async function handle(request: IncomingMessage, response: ServerResponse, desk: Desk): Promise<void> {
  const address = plainAddress(request.url ?? '/')
  const path = /\/v1(?:beta)?\/.*$/.exec(address)?.[0] ?? address
  const dialect = DIALECTS.find((one) => one.path.test(path))
  if (!dialect || request.method !== 'POST')
    return sendJson(response, 404, { error: { message: `nothing is at ${request.method} ${path}` } })
  const text = await textOf(request).catch(() => null)
  // The caller left before it had asked.
  if (text === null) return
  const body = parse(text)
  if (body === null) return sendJson(response, 400, dialect.error(400, 'the body is not a JSON object'))

  const asked = dialect.ask(body, path)
  const { model, stream, maxTokens } = asked
  const serve = (ending: Ending, usage: TokenCounts | null) =>
    desk.served({ path, model, stream, maxTokens, usage, ...ending })
  try {
    const script = readScript(`${address} ${text}`, model, desk.spent)
    const answer = answerTo({ asked, letters: text.length, now: desk.now() }, script, dialect)
    const ending = await play({ request, response, body, stream, dialect, script, answer, holds: desk.holds })
    serve(ending, ending.status === 200 ? answer.tokens : null)
  } catch (error) {
    if (!(error instanceof BadScript)) throw error
    sendJson(response, 400, dialect.error(400, error.message))
    serve({ status: 400, end: 'whole' }, null)
  }
}

/** The address without its question; a client may write the signs of a script as it likes. */
function plainAddress(url: string): string {
  const [path = ''] = url.split('?')
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request.setEncoding('utf8')) text += part as string
  return text
}

function parse(text: string): Body | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : null
  } catch {
    return null
  }
}
