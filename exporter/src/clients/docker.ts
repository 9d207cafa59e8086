import { type HttpClient, HttpError, httpClient, type Query } from './http.ts'

export interface DockerOptions {
  /** `unix:///path` of a socket, or an address that starts with http:// or https://. */
  readonly url: string
  /** Deadline of a call from its first byte to its last, milliseconds. An engine takes up to 2 s for the numbers of a container. */
  readonly timeoutMs: number
  readonly now: () => number
}

/** A thin client of a Docker engine's API. It only ever GETs. What it gives back is as the engine sent it. */
export interface DockerClient {
  /** Asks whether the engine answers, and for the version that it speaks, which the calls after it use. Rejects with HttpError. */
  ping(signal: AbortSignal): Promise<void>
  /** Containers that run, are paused or restart, of one compose project or all. Rejects with HttpError. */
  containers(project: string | null, signal: AbortSignal): Promise<unknown>
  /** Rejects with HttpError, with status 404 when there is no such container any more. */
  inspect(id: string, signal: AbortSignal): Promise<unknown>
  /** One reading of a container's counters; of one that does not run, an empty one. Rejects with HttpError. */
  stats(id: string, signal: AbortSignal): Promise<unknown>
  close(): void
}

/** Calls under way at once. An engine makes the numbers of a container within a second, of all at the same time. */
const MOST_CALLS = 64

/** Connections are kept. Paths carry the version that the engine names as its own; no other one fits all engines. */
export function dockerClient({ url, timeoutMs, now }: DockerOptions): DockerClient {
  const path = url.startsWith('unix://') ? url.slice('unix://'.length) : null
  const http = httpClient({
    baseUrl: path === null ? url : 'http://docker',
    key: null,
    timeoutMs,
    now,
    connections: MOST_CALLS,
    ...(path === null ? {} : { socketPath: path }),
  })
  let version: string | null = null
  const get = (rest: string, query: Query, signal: AbortSignal) => {
    const full = version === null ? rest : `/v${version}${rest}`
    return again(() => http.json(full, query, signal))
  }
  return {
    async ping(signal) {
      version = await again(() => versionOf(http, signal)).catch(notAllowed)
    },
    containers(project, signal) {
      const filters = project === null ? {} : { filters: JSON.stringify({ label: [`${PROJECT}=${project}`] }) }
      return get('/containers/json', filters, signal)
    },
    inspect: (id, signal) => get(`/containers/${encodeURIComponent(id)}/json`, {}, signal),
    // `one-shot`: without it the engine waits for a second reading, to show a difference that is not looked at.
    stats: (id, signal) =>
      get(`/containers/${encodeURIComponent(id)}/stats`, { stream: 'false', 'one-shot': 'true' }, signal),
    close: () => http.close(),
  }
}

const PROJECT = 'com.docker.compose.project'

/** The engine's own version; null when it does not tell, and then paths carry none and mean the same. */
async function versionOf(http: HttpClient, signal: AbortSignal): Promise<string | null> {
  const answer = await http.stream('/_ping', {}, signal)
  for await (const _ of answer.body);
  return /^\d+\.\d+$/.exec(answer.headers['api-version'] ?? '')?.[0] ?? null
}

/** A socket proxy may refuse this and allow what is needed; the next call shows it. */
function notAllowed(error: unknown): null {
  if (error instanceof HttpError && error.status === 403) return null
  throw error
}

/** Once more when the connection broke: a kept one may have been closed just as it was used, and a GET may be repeated. */
async function again<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (!(error instanceof HttpError) || !BROKEN.test(causeOf(error))) throw error
    return call()
  }
}

const BROKEN = /^(ECONNRESET|EPIPE)$/

function causeOf(error: HttpError): string {
  return String((error.cause as { code?: unknown } | undefined)?.code ?? '')
}
