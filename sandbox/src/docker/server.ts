import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { API_VERSION, answersAt, type EngineAnswers } from './answers.ts'
import { containersSince } from './containers.ts'

export interface DockerOptions {
  /** When its containers started, epoch milliseconds; asked for each answer, and always the same once somebody reads it. */
  readonly since: () => number
  readonly now: () => number
}

/** A stand-in for a Docker engine. */
export interface Docker {
  readonly url: string
  /** What it would answer at a moment: its counters are a pure function of time, also of the past. */
  at(ms: number): EngineAnswers
  close(): Promise<void>
}

/**
 * Starts a stand-in for a Docker engine with the containers of the invented company, as far as reading them goes. It listens on a
 * port of 127.0.0.1 and not on a socket, whose path may be too long.
 */
export async function startDocker({ since, now }: DockerOptions): Promise<Docker> {
  const at = (ms: number) => answersAt(containersSince(since()), ms)
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://docker')
    if (request.method !== 'GET') return send(response, 405, { message: 'page not found' })
    if (url.pathname === '/_ping') return send(response, 200, 'OK')
    const answer = answerTo(url, at(now()))
    if (answer === null) send(response, 404, { message: 'No such container' })
    else send(response, 200, answer)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    at,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Null for what there is not. */
function answerTo({ pathname, searchParams }: URL, engine: EngineAnswers): object | null {
  const path = pathname.replace(/^\/v1\.\d+/, '')
  if (path === '/containers/json') return engine.list(projectIn(searchParams.get('filters')))
  const [, id = '', what] = /^\/containers\/([^/]+)\/(json|stats)$/.exec(path) ?? []
  if (what === undefined) return null
  return what === 'json' ? engine.inspect(id) : engine.stats(id)
}

const LABEL = 'com.docker.compose.project='

function projectIn(filters: string | null): string | null {
  if (filters === null) return null
  const { label = [] } = JSON.parse(filters) as { label?: readonly string[] }
  return label.find((one) => one.startsWith(LABEL))?.slice(LABEL.length) ?? null
}

function send(response: ServerResponse, status: number, body: object | string): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  response.writeHead(status, {
    'Api-Version': API_VERSION,
    'Content-Type': typeof body === 'string' ? 'text/plain' : 'application/json',
    'Content-Length': Buffer.byteLength(text),
  })
  response.end(text)
}
