import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import type { Answer, Question } from '../src/decisions/wire.ts'

export type Json = Readonly<Record<string, unknown>>

/** What a question is answered with: an answer's own fields, a status instead of one, or nothing at all. */
export type Script = (question: Question) => Partial<Answer> | { readonly status: number } | 'silence'

export interface Post {
  readonly records: readonly Json[]
  readonly state: Json
  readonly headers: IncomingHttpHeaders
}

/** A server that answers questions by a script, and takes records. */
export interface Scripted {
  readonly url: string
  readonly ingestUrl: string
  readonly questions: Question[]
  readonly headers: IncomingHttpHeaders[]
  readonly posts: Post[]
  /** How many connections were opened. */
  connections(): number
  script: Script
  /** What becomes of posted records: true = they are taken. */
  takes: boolean
  close(): Promise<void>
}

export async function startScripted(script: Script = () => ({})): Promise<Scripted> {
  let connections = 0
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    if (request.url === '/v1/sources/litellm') {
      if (scripted.takes) scripted.posts.push(postOf(body, request.headers))
      response.writeHead(scripted.takes ? 200 : 503, { 'content-type': 'application/json' }).end('{}')
      return
    }
    const question = JSON.parse(body.toString('utf8')) as Question
    scripted.questions.push(question)
    scripted.headers.push(request.headers)
    const told = scripted.script(question)
    if (told === 'silence') return
    if ('status' in told) return void response.writeHead(told.status).end('{"title":"scripted"}')
    const answer = { version: 1, call_id: question.call_id, action: 'allow', reason: 'ok', ...told }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  })
  server.on('connection', () => {
    connections += 1
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const scripted: Scripted = {
    url: `${base}/v1/decisions`,
    ingestUrl: `${base}/v1/sources/litellm`,
    questions: [],
    headers: [],
    posts: [],
    connections: () => connections,
    script,
    takes: true,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return scripted
}

function postOf(body: Buffer, headers: IncomingHttpHeaders): Post {
  const text = headers['content-encoding'] === 'gzip' ? gunzipSync(body).toString('utf8') : body.toString('utf8')
  const records = text.startsWith('[')
    ? (JSON.parse(text) as Json[])
    : text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Json)
  return { records, state: JSON.parse(String(headers['x-marginwatch-gateway'] ?? '{}')) as Json, headers }
}

/** A refusal as a budget's. */
export const REFUSAL = {
  status: 402,
  type: 'customer_budget_exceeded',
  message: 'The AI budget of your plan is used up.',
  retry_after: 86_400,
} as const
