import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ServerOptions {
  readonly app: RequestListener
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** How long running requests may take to finish once closing has begun, milliseconds. */
  readonly graceMs?: number
}

export interface Listening {
  readonly host: string
  readonly port: number
  /** Where a person reaches it: `http://127.0.0.1:9464`. */
  readonly url: string
  /** Takes no new request, lets the running ones finish within the grace, cuts what is left. Safe to call twice. */
  close(): Promise<void>
}

/** A server that could not listen; the message says why and what to do. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
}

// Clients that post every few seconds must not meet a connection that is being closed as they write.
const KEEP_ALIVE_MS = 75_000
const GRACE_MS = 900

/** Serves an application; resolves when it listens, rejects with a ListenError. */
export async function createServer(options: ServerOptions): Promise<Listening> {
  const server = createHttpServer({ keepAliveTimeout: KEEP_ALIVE_MS }, options.app)
  await listen(server, options)
  const { port } = server.address() as AddressInfo
  let closing: Promise<void> | undefined
  return {
    host: options.host,
    port,
    url: `http://${nameForPeople(options.host)}:${port}`,
    close: () => {
      closing ??= close(server, options.graceMs ?? GRACE_MS)
      return closing
    },
  }
}

function listen(server: Server, { host, port }: ServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new ListenError(listenSentence(error, host, port), { cause: error })),
    )
    server.listen({ host: host.replace(/^\[|\]$/g, ''), port }, resolve)
  })
}

function listenSentence(error: NodeJS.ErrnoException, host: string, port: number): string {
  const where = `port ${port} on ${host}`
  switch (error.code) {
    case 'EADDRINUSE':
      return `Cannot listen on ${where}: another program has it. Stop that one, or take another port: --port ${port + 1} (or PORT=${port + 1}).`
    case 'EACCES':
      return `Cannot listen on ${where}: this user may not. Take a port above 1023: --port 9464 (or PORT=9464).`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `Cannot listen on ${where}: this machine has no such address. Use 127.0.0.1, or 0.0.0.0 for all of its addresses.`
    default:
      return `Cannot listen on ${where}: ${error.message}`
  }
}

/** All addresses of a machine are reached on it by loopback. */
function nameForPeople(host: string): string {
  if (host === '0.0.0.0' || host === '::' || host === '[::]') return '127.0.0.1'
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs)
    // A connection whose request was running becomes idle with its answer; nothing else would close it before its timeout.
    const sweep = setInterval(() => server.closeIdleConnections(), 20)
    server.close(() => {
      clearTimeout(cut)
      clearInterval(sweep)
      resolve()
    })
    server.closeIdleConnections()
  })
}
