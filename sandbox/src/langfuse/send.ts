import type { IncomingMessage, ServerResponse } from 'node:http'
import { gunzipSync } from 'node:zlib'
import type { Answer } from './answers.ts'
import { type NumbersAs, rewritten } from './faults.ts'

export function send(response: ServerResponse, { status, body, headers }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
  response.end(JSON.stringify(body))
}

/** Sends the first half of a body under the length of the whole, then hangs up. */
export function sendTorn(response: ServerResponse, { body }: Answer): void {
  const text = JSON.stringify(body)
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  response.write(text.slice(0, Math.floor(text.length / 2)), () => response.destroy())
}

/** The whole body of a request, unpacked when it is packed. Throws on a body that says it is packed and is not. */
export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of request) parts.push(part as Uint8Array)
  const body = Buffer.concat(parts)
  return request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
}

/** The same answer with the numbers of its rows written otherwise. */
export function withNumbers(answer: Answer, as: NumbersAs, integers: ReadonlySet<string> = new Set()): Answer {
  const { data } = (answer.body ?? {}) as { data?: unknown }
  if (as === 'plain' || answer.status !== 200 || !Array.isArray(data)) return answer
  const rows = data.map((row: object) => rewritten(row, as, integers))
  return { ...answer, body: { ...(answer.body as object), data: rows } }
}
