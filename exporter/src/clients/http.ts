import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Readable } from 'node:stream'
import axios, { type AxiosInstance } from 'axios'
import { redact } from '../redact.ts'

export type FailureKind = 'status' | 'network' | 'deadline' | 'aborted'

export interface HttpErrorDetails {
  readonly kind: FailureKind
  /** HTTP status; null when no answer came. */
  readonly status?: number | null
  /** What the neighbour asked to wait, milliseconds. */
  readonly retryAfterMs?: number | null
  /** The first characters of the answer's body, redacted. */
  readonly excerpt?: string
  /** The same as they came. They stay inside: only `says` looks at them. */
  readonly body?: string
  readonly cause?: unknown
}

/** A call of a neighbour that failed. The message names method, address without secrets, status and the answer's beginning. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly kind: FailureKind
  readonly status: number | null
  readonly retryAfterMs: number | null
  readonly excerpt: string
  readonly #body: string
  constructor(message: string, details: HttpErrorDetails) {
    const { kind, status = null, retryAfterMs = null, excerpt = '', body = excerpt, cause } = details
    super(message, { cause })
    this.#body = body
    this.kind = kind
    this.status = status
    this.retryAfterMs = retryAfterMs
    this.excerpt = excerpt
  }

  /** Whether the beginning of the answer says this, also where no excerpt may show it. */
  says(pattern: RegExp): boolean {
    return pattern.test(this.#body)
  }
}

export interface HttpOptions {
  readonly baseUrl: string
  /** Sent as a bearer key; never part of a message. */
  readonly key: string | null
  /** With it the key is sent as the password of HTTP Basic. */
  readonly user?: string
  /** Deadline of a call from its first byte to its last, milliseconds. */
  readonly timeoutMs: number
  readonly now: () => number
  /** The server listens on this socket; the base URL then only names the host. */
  readonly socketPath?: string
  /** Sent with every call beside what the client itself says. */
  readonly headers?: Readonly<Record<string, string>>
  /** How many calls may be under way at once; 4 by default. */
  readonly connections?: number
}

export type Query = Readonly<Record<string, string>>

export interface StreamedAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: AsyncIterable<Uint8Array>
}

export interface HttpClient {
  /** GETs JSON. Rejects with HttpError. */
  json(path: string, query: Query, signal: AbortSignal): Promise<unknown>
  /** GETs a body as it arrives. Rejects with HttpError, also while the body is read. Stop reading to end the call. */
  stream(path: string, query: Query, signal: AbortSignal): Promise<StreamedAnswer>
  /** POSTs JSON and reads the JSON that answers it. Rejects with HttpError; after `network` or `deadline` it may have acted all the same. */
  post(path: string, body: object, signal: AbortSignal): Promise<unknown>
  /** POSTs JSON and passes over whatever a good status brings. Rejects like `post`. */
  send(path: string, body: object, signal: AbortSignal): Promise<void>
  close(): void
}

const EXCERPT = 256
const MOST_CONNECTIONS = 4

/** A client of one neighbour: connections are kept, each call has a deadline, redirects are not followed. */
export function httpClient(options: HttpOptions): HttpClient {
  const maxSockets = options.connections ?? MOST_CONNECTIONS
  const httpAgent = new HttpAgent({ keepAlive: true, maxSockets })
  const httpsAgent = new HttpsAgent({ keepAlive: true, maxSockets })
  const client = axios.create({
    httpAgent,
    httpsAgent,
    ...(options.socketPath === undefined ? {} : { socketPath: options.socketPath }),
    baseURL: options.baseUrl.replace(/\/+$/, ''),
    maxRedirects: 0,
    responseType: 'stream',
    validateStatus: () => true,
    proxy: false,
    headers: {
      Accept: 'application/json',
      ...options.headers,
      ...authorization(options),
    },
  })
  const to = { client, options }
  return {
    stream: (path, query, signal) => open({ ...to, method: 'GET', path, query, signal }),
    json: (path, query, signal) => parsed({ ...to, method: 'GET', path, query, signal }),
    post: (path, body, signal) => parsed({ ...to, method: 'POST', path, query: {}, body, signal }),
    async send(path, body, signal) {
      const answer = await open({ ...to, method: 'POST', path, query: {}, body, signal })
      for await (const _ of answer.body);
    },
    close() {
      httpAgent.destroy()
      httpsAgent.destroy()
    },
  }
}

function authorization({ key, user }: HttpOptions): { Authorization?: string } {
  if (key === null) return {}
  if (user === undefined) return { Authorization: `Bearer ${key}` }
  return { Authorization: `Basic ${Buffer.from(`${user}:${key}`).toString('base64')}` }
}

interface Call {
  readonly client: AxiosInstance
  readonly options: HttpOptions
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly query: Query
  readonly body?: object
  readonly signal: AbortSignal
}

function nameOf({ options, method, path, query }: Call): string {
  const { baseUrl, socketPath } = options
  const url = shown(baseUrl, path, query)
  if (socketPath === undefined) return `${method} ${url.href}`
  return `${method} ${url.pathname}${url.search} of unix://${socketPath}`
}

async function parsed(call: Call): Promise<unknown> {
  const answer = await open(call)
  const parts: Uint8Array[] = []
  for await (const part of answer.body) parts.push(part)
  try {
    return JSON.parse(Buffer.concat(parts).toString())
  } catch (cause) {
    const message = `${nameOf(call)} answered something that is not JSON`
    throw new HttpError(message, { kind: 'network', status: answer.status, cause })
  }
}

async function open(call: Call): Promise<StreamedAnswer> {
  const { client, options, method, path, query, body: data } = call
  const name = nameOf(call)
  const limit = new Limit(call.signal, options.timeoutMs)
  const explain = (error: unknown) => {
    if (call.signal.aborted) return new HttpError(`${name} was given up`, { kind: 'aborted', cause: error })
    if (limit.late)
      return new HttpError(`${name} took longer than ${options.timeoutMs} ms`, { kind: 'deadline', cause: error })
    return new HttpError(`${name} failed: ${reasonOf(error)}`, { kind: 'network', cause: error })
  }
  const request = { method, url: path, params: query, data, signal: limit.signal }
  const answer = await client.request<Readable>(request).catch((error: unknown) => {
    limit.end()
    throw explain(error)
  })
  const body = guarded(answer.data, limit, explain)
  const headers = flat(answer.headers)
  if (answer.status >= 200 && answer.status < 300) return { status: answer.status, headers, body }
  const text = await beginning(body)
  const excerpt = redact(text, EXCERPT)
  throw new HttpError(`${name} answered ${answer.status}: ${excerpt === '' ? 'no body' : excerpt}`, {
    kind: 'status',
    status: answer.status,
    retryAfterMs: retryAfter(headers['retry-after'], options.now()),
    excerpt,
    body: text,
  })
}

/** The caller's signal and a deadline in one; leaves nothing behind on the caller's signal, which may live for ever. */
class Limit {
  late = false
  private readonly controller = new AbortController()
  private readonly timer: NodeJS.Timeout
  private readonly caller: AbortSignal
  private readonly stop = () => this.controller.abort()

  constructor(caller: AbortSignal, ms: number) {
    this.caller = caller
    caller.addEventListener('abort', this.stop, { once: true })
    if (caller.aborted) this.stop()
    this.timer = setTimeout(() => {
      this.late = true
      this.stop()
    }, ms)
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  end(): void {
    clearTimeout(this.timer)
    this.caller.removeEventListener('abort', this.stop)
  }
}

/** The body, cut off by the limit, with errors that say which call failed. */
async function* guarded(
  body: Readable,
  limit: Limit,
  explain: (error: unknown) => HttpError,
): AsyncGenerator<Uint8Array> {
  limit.signal.addEventListener('abort', () => body.destroy(new Error('stopped')), { once: true })
  try {
    if (limit.signal.aborted) throw new Error('stopped')
    for await (const chunk of body) yield chunk as Uint8Array
  } catch (error) {
    throw explain(error)
  } finally {
    limit.end()
    body.destroy()
  }
}

async function beginning(body: AsyncIterable<Uint8Array>): Promise<string> {
  let text = ''
  try {
    for await (const part of body) {
      text += Buffer.from(part).toString()
      if (text.length > 4 * EXCERPT) break
    }
  } catch {
    // The status says enough.
  }
  return text.slice(0, 4 * EXCERPT)
}

function reasonOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined
  if (typeof code === 'string') return code
  return error instanceof Error ? redact(error.message, 120) : 'unknown'
}

/** The address without user, password or keys. */
function shown(base: string, path: string, query: Query): URL {
  const url = new URL(base.replace(/\/+$/, '') + path)
  url.username = ''
  url.password = ''
  url.search = ''
  for (const [name, value] of Object.entries(query))
    if (!/key|token|secret|password/i.test(name)) url.searchParams.set(name, value)
  return url
}

/** `Retry-After` in seconds or as a date, as milliseconds from now, at most an hour. Null when there is none. */
export function retryAfter(value: string | undefined, now: number): number | null {
  const text = value?.trim() ?? ''
  if (text === '') return null
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), 3_600_000) : null
}

function flat(headers: unknown): Record<string, string> {
  const plain: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers as Record<string, unknown>))
    if (typeof value === 'string') plain[name.toLowerCase()] = value
  return plain
}
