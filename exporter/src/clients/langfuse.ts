import { type HttpOptions, httpClient, type Query, type StreamedAnswer } from './http.ts'
import { type Span, traceExport } from './otlp.ts'

/** Rows that began from `from` to before `to`, epoch milliseconds. */
export interface LangfuseSlice {
  readonly from: number
  readonly to: number
}

export interface LangfusePage extends LangfuseSlice {
  readonly limit: number
  /** What the page before said of the next; null for the first. */
  readonly cursor: string | null
}

export interface LangfuseClient {
  /** The server's version; null when it does not tell. Needs no key. Rejects with HttpError. */
  version(signal: AbortSignal): Promise<string | null>
  /** The project that the keys belong to; null when the answer names none. Rejects with HttpError. */
  project(signal: AbortSignal): Promise<{ readonly id: string; readonly name: string } | null>
  /**
   * A page of observations by the second version of the API, newest first, as the bytes of `{data: [row], meta: {cursor?}}`. What
   * was said to and by a model is never asked for. At most 1000. Rejects with HttpError.
   */
  observations(page: LangfusePage, signal: AbortSignal): Promise<StreamedAnswer>
  /** The same by the first version, as `{data, meta: {page, totalPages}}`; the cursor is the page's number. At most 100. */
  observationsV1(page: LangfusePage, signal: AbortSignal): Promise<StreamedAnswer>
  /** Traces by their time by the first version: there it is they that know user, session and tags. At most 100. */
  tracesV1(page: LangfusePage, signal: AbortSignal): Promise<StreamedAnswer>
  /** A page of scores by their time, as `{data, meta: {cursor?}}`. At most 100. Rejects with HttpError. */
  scores(page: LangfusePage, signal: AbortSignal): Promise<StreamedAnswer>
  /** The same of servers that have no third version of the scores, by the page's number. */
  scoresV2(page: LangfusePage, signal: AbortSignal): Promise<StreamedAnswer>
  /** Rows that answer a question to the second version of the metrics. Rejects with HttpError. */
  metrics(query: object, signal: AbortSignal): Promise<readonly Readonly<Record<string, unknown>>[]>
  /** How far the server's clock is ahead of ours by its last answer, milliseconds; 0 before the first. */
  skewMs(): number
  close(): void
}

export interface LangfuseOptions extends Omit<HttpOptions, 'key' | 'user'> {
  readonly publicKey: string
  readonly secretKey: string
}

/** All groups of fields but `io`. */
const FIELDS = 'core,basic,time,metadata,model,usage,prompt,metrics,trace_context'
/** Values of metadata are cut to 200 characters unless they are named; this one holds all that LiteLLM says of a call. */
const WHOLE = 'attributes.metadata'

/** A thin client of Langfuse's public API, with the key pair of one project. It only reads. */
export function langfuseClient({ publicKey, secretKey, ...options }: LangfuseOptions): LangfuseClient {
  const http = httpClient({ ...options, key: secretKey, user: publicKey })
  let skewMs = 0
  const stream = async (path: string, query: Query, signal: AbortSignal): Promise<StreamedAnswer> => {
    const answer = await http.stream(path, query, signal)
    const at = Date.parse(answer.headers.date ?? '')
    if (Number.isFinite(at)) skewMs = at - options.now()
    return answer
  }
  const json = async (path: string, query: Query, signal: AbortSignal) =>
    parsed(path, await stream(path, query, signal))
  return {
    async version(signal) {
      const { version } = objectOf(await json('/api/public/health', {}, signal))
      return typeof version === 'string' ? version : null
    },
    async project(signal) {
      const [project] = listOf(objectOf(await json('/api/public/projects', {}, signal)).data)
      const { id, name } = objectOf(project)
      return typeof id === 'string' && id !== '' ? { id, name: typeof name === 'string' ? name : id } : null
    },
    observations: (page, signal) =>
      stream(
        '/api/public/v2/observations',
        { ...starting(page), ...byCursor(page), fields: FIELDS, expandMetadata: WHOLE },
        signal,
      ),
    observationsV1: (page, signal) =>
      stream('/api/public/observations', { ...starting(page), ...byNumber(page) }, signal),
    tracesV1: (page, signal) =>
      stream('/api/public/traces', { ...stamped(page), ...byNumber(page), fields: 'core' }, signal),
    scores: (page, signal) =>
      stream('/api/public/v3/scores', { ...stamped(page), ...byCursor(page), fields: 'subject' }, signal),
    scoresV2: (page, signal) => stream('/api/public/v2/scores', { ...stamped(page), ...byNumber(page) }, signal),
    async metrics(query, signal) {
      const answer = await json('/api/public/v2/metrics', { query: JSON.stringify(query) }, signal)
      return listOf(objectOf(answer).data).map(objectOf)
    },
    skewMs: () => skewMs,
    close: () => http.close(),
  }
}

export interface LangfuseWriter {
  /** Writes spans into the project; a span that was written before stands in the place of itself. Rejects with HttpError. */
  write(spans: readonly Span[], signal: AbortSignal): Promise<void>
  close(): void
}

/** Under this name the spans come. */
const SERVICE = 'marginwatch'
/** What is written with it can be read within seconds on every server; without it the cloud takes ten minutes. */
const DIRECT = { 'x-langfuse-ingestion-version': '4' }

/**
 * Writes into a project, with its key pair, by OTLP: the one way that every server takes, also one that keeps events only
 * and answers 400 to the older `/ingestion`.
 */
export function langfuseWriter({ publicKey, secretKey, ...options }: LangfuseOptions): LangfuseWriter {
  const http = httpClient({ ...options, key: secretKey, user: publicKey, headers: DIRECT, connections: 1 })
  return {
    write: (spans, signal) => http.send('/api/public/otel/v1/traces', traceExport(SERVICE, spans), signal),
    close: () => http.close(),
  }
}

/** Jobs that wait in a queue of Langfuse's or are done there, by their state. */
export interface QueueJobs {
  readonly queue: string
  /** Null when the server could not count them. */
  readonly jobs: Readonly<Record<string, number>> | null
}

/** Jobs in the queues of a Langfuse of one's own; needs the server's ADMIN_API_KEY. Rejects with HttpError. */
export async function langfuseQueues(options: HttpOptions, signal: AbortSignal): Promise<readonly QueueJobs[]> {
  const http = httpClient(options)
  try {
    return listOf(await http.json('/api/admin/bullmq', {}, signal)).flatMap((one) => {
      const { queueName: queue, jobCount } = objectOf(one)
      return typeof queue === 'string' && queue !== '' ? [{ queue, jobs: countsOf(jobCount) }] : []
    })
  } finally {
    http.close()
  }
}

function countsOf(value: unknown): Record<string, number> | null {
  if (typeof value !== 'object' || value === null) return null
  const counts = Object.entries(value).map(([state, n]): [string, number] => [state, Number(n)])
  return Object.fromEntries(counts.filter(([, n]) => Number.isSafeInteger(n) && n >= 0))
}

function starting({ from, to }: LangfuseSlice): Query {
  return { fromStartTime: iso(from), toStartTime: iso(to) }
}

function stamped({ from, to }: LangfuseSlice): Query {
  return { fromTimestamp: iso(from), toTimestamp: iso(to) }
}

function byCursor({ limit, cursor }: LangfusePage): Query {
  return { limit: String(limit), ...(cursor === null ? {} : { cursor }) }
}

function byNumber({ limit, cursor }: LangfusePage): Query {
  return { limit: String(limit), page: cursor ?? '1' }
}

function iso(at: number): string {
  return new Date(at).toISOString()
}

async function parsed(path: string, { body }: StreamedAnswer): Promise<unknown> {
  const parts: Uint8Array[] = []
  for await (const part of body) parts.push(part)
  try {
    return JSON.parse(Buffer.concat(parts).toString())
  } catch {
    throw new BadAnswer(`${path} answered something that is not JSON`)
  }
}

/** Langfuse answered, but not what is understood here. */
export class BadAnswer extends Error {
  override readonly name = 'BadAnswer'
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
