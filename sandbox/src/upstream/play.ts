import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { Answer, Body, Dialect } from './dialect.ts'
import type { Holds } from './holds.ts'
import type { Script } from './script.ts'

/** A request and all that is known of its answer. */
export interface Scene {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly body: Body
  readonly stream: boolean
  readonly dialect: Dialect
  readonly script: Script
  readonly answer: Answer
  readonly holds: Holds
}

export interface Ending {
  /** 0 when the connection broke before there was one. */
  readonly status: number
  /** `whole`; `cut` by the script; `left` by the caller before the end. */
  readonly end: 'whole' | 'cut' | 'left'
}

/** Gives the answer as the script says; resolves when it is given, or broken off. */
export async function play(scene: Scene): Promise<Ending> {
  const { request, response, script, dialect, answer, stream } = scene
  const left = leaving(response)
  await wait(scene, { ms: script.firstMs, holds: !stream || script.holdAt === 0, left })
  if (left.aborted) return { status: 0, end: 'left' }
  if (script.reset) {
    request.socket.resetAndDestroy()
    return { status: 0, end: 'cut' }
  }
  const { status, retryAfter } = script
  if (status !== 200) {
    const headers = retryAfter === null ? {} : { 'retry-after': String(retryAfter) }
    sendJson(response, status, dialect.error(status, `the script asked for ${status}`), headers)
    return { status, end: 'whole' }
  }
  if (stream) return { status, end: await playStream(scene, left) }
  if (script.cut !== null) return { status, end: await playHalf(scene) }
  sendJson(response, status, dialect.whole(answer, scene.body))
  return { status, end: 'whole' }
}

async function playStream(scene: Scene, left: AbortSignal): Promise<Ending['end']> {
  const { response, dialect, answer, script } = scene
  const { open, pieces, close } = dialect.stream(answer)
  const sent = pieces.slice(0, script.cut ?? Infinity)
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  response.write(open)
  for (const [index, piece] of sent.entries()) {
    if (index > 0) await wait(scene, { ms: script.everyMs, holds: script.holdAt === index, left })
    if (left.aborted) return 'left'
    response.write(piece)
  }
  await wait(scene, { ms: 0, holds: script.holdAt > 0 && script.holdAt >= sent.length, left })
  if (left.aborted) return 'left'
  if (script.cut !== null) {
    await breakOff(response)
    return 'cut'
  }
  response.end(close)
  return 'whole'
}

/** Half an answer. */
async function playHalf({ response, dialect, answer, body }: Scene): Promise<'cut'> {
  const bytes = Buffer.from(JSON.stringify(dialect.whole(answer, body)))
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length })
  response.write(bytes.subarray(0, bytes.length / 2))
  await breakOff(response)
  return 'cut'
}

/** What was written gets there, and then nothing more. */
async function breakOff(response: ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => response.write('', () => resolve()))
  response.destroy()
}

interface Wait {
  readonly ms: number
  /** Whether this is where the script wants to be held. */
  readonly holds: boolean
  readonly left: AbortSignal
}

/** Waits no longer than the caller does. */
async function wait({ script: { hold }, holds: gates }: Scene, { ms, holds, left }: Wait): Promise<void> {
  if (ms > 0) await pause(ms, undefined, { signal: left }).catch(() => undefined)
  if (holds && hold !== null) await gates.hold(hold, left)
}

/** Aborts when the caller has gone before the answer was whole. */
function leaving(response: ServerResponse): AbortSignal {
  const left = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) left.abort()
  })
  return left.signal
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}
