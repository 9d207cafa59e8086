import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { TokenCounts } from '../tokens.ts'
import { type Answer, answerTo, type Asked, type Dialect } from './answer.ts'
import { openHolds, type Holds } from './holds.ts'
import { openaiChat } from './openai-chat.ts'
import { BadScript, readScript, type Script } from './script.ts'

/** A request that was answered, or that nobody waited for any more. */
export interface Served {
  /** As the provider has it, without what stands before `/v1` in the address. */
  readonly path: string
  readonly model: string
  readonly stream: boolean
  /** Most output that the request allowed. */
  readonly maxTokens: number | null
  /** 0 when the connection broke before there was one. */
  readonly status: number
  /** What the answer cost in tokens; null for an error. */
  readonly usage: TokenCounts | null
  /** `whole`; `cut` by the script; `left` by the caller before the end. */
  readonly end: 'whole' | 'cut' | 'left'
}

export interface Upstream {
  /** Where it listens; OpenAI's base is `${url}/v1`, Anthropic's `url`, Gemini's `${url}/v1beta`. */
  readonly url: string
  /** In the order in which they ended. */
  served(): readonly Served[]
  /** Resolves when a request waits under this name. */
  held(name: string): Promise<void>
  /** Lets go all that waits, or will wait, under this name. */
  release(name: string): void
  close(): Promise<void>
}

/** All that is spoken. */
const DIALECTS: readonly Dialect[] = [openaiChat]

/**
 * A provider of models on 127.0.0.1 that answers as it is told: in the text of the request, in its model, or in its address
 * (`${url}/upstream(status=500)/v1/…`) there may be a script, e.g. `upstream(output=80 first=200)`; its words are in WORDS.
 */
export async function startUpstream({ now = Date.now }: { readonly now?: () => number } = {}): Promise<Upstream> {
  const served: Served[] = []
  const desk: Desk = { now, spent: new Map(), holds: openHolds(), served: (one) => void served.push(one) }
  const server = createServer((request, response) => void handle(request, response, desk))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    served: () => served,
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
  const address = decodeURIComponent((request.url ?? '/').replace(/\?.*$/, ''))
  const path = /\/v1(?:beta)?\/.*$/.exec(address)?.[0] ?? address
  const dialect = DIALECTS.find((one) => one.path.test(path))
  if (!dialect) return sendJson(response, 404, { error: { message: `nothing is at ${path}` } })
  const text = await textOf(request)
  const asked = dialect.ask(JSON.parse(text) as Record<string, unknown>, path)
  try {
    const script = readScript(`${address} ${text}`, asked.model, desk.spent)
    const answer = answerTo(asked, script, dialect, { letters: text.length, now: desk.now() })
    const { status, end } = await play({ request, response, dialect, asked, script, answer, holds: desk.holds })
    const { model, stream, maxTokens } = asked
    const usage = status === 200 ? answer.tokens : null
    desk.served({ path, model, stream, maxTokens, status, usage, end })
  } catch (error) {
    if (!(error instanceof BadScript)) throw error
    sendJson(response, 400, dialect.error(400, error.message))
  }
}

interface Play {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly dialect: Dialect
  readonly asked: Asked
  readonly script: Script
  readonly answer: Answer
  readonly holds: Holds
}

type Ending = Pick<Served, 'status' | 'end'>

async function play(scene: Play): Promise<Ending> {
  const { response, script, dialect, asked, answer } = scene
  if (script.firstMs > 0) await pause(script.firstMs)
  await holdAt(scene, 0)
  if (response.destroyed) return { status: 0, end: 'left' }
  if (script.reset) {
    scene.request.socket.resetAndDestroy()
    return { status: 0, end: 'cut' }
  }
  const { status } = script
  if (status !== 200) {
    const headers = script.retryAfter === null ? {} : { 'retry-after': String(script.retryAfter) }
    sendJson(response, status, dialect.error(status, `the script asked for ${status}`), headers)
    return { status, end: 'whole' }
  }
  const end = asked.stream ? await playStream(scene) : playWhole(response, dialect.whole(answer), script.cut !== null)
  return { status, end }
}

function playWhole(response: ServerResponse, body: object, isCut: boolean): Ending['end'] {
  if (!isCut) {
    sendJson(response, 200, body)
    return 'whole'
  }
  const bytes = Buffer.from(JSON.stringify(body))
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length })
  response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy())
  return 'cut'
}

async function playStream(scene: Play): Promise<Ending['end']> {
  const { response, dialect, answer, asked, script } = scene
  const { open, pieces, close } = dialect.stream({ ...answer, tellsUsage: answer.tellsUsage && asked.wantsUsage })
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  response.write(open)
  for (const [index, piece] of pieces.entries()) {
    if (script.cut === index) break
    if (index > 0) {
      if (script.everyMs > 0) await pause(script.everyMs)
      await holdAt(scene, index)
    }
    if (response.destroyed) return 'left'
    response.write(piece)
  }
  if (script.cut !== null) {
    await new Promise<void>((resolve) => response.write('', () => resolve()))
    response.destroy()
    return 'cut'
  }
  response.end(close)
  return 'whole'
}

/** Waits where the script says so, and no longer than the caller does. */
async function holdAt({ script, response, holds }: Play, piece: number): Promise<void> {
  if (script.hold === null || script.holdAt !== piece) return
  const left = new Promise<void>((resolve) => response.once('close', resolve))
  await Promise.race([holds.hold(script.hold), left])
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request.setEncoding('utf8')) text += part as string
  return text
}

function sendJson(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}
