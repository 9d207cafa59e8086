import { HttpError } from '../../clients/http.ts'
import { type LangfuseClient, langfuseClient } from '../../clients/langfuse.ts'
import type { LangfusePolicy } from '../../policy/policy.ts'
import { questionOf } from './completeness.ts'
import { type Store, storeV1, storeV2 } from './pages.ts'
import { Unsupported } from './retry.ts'

/** A Langfuse that has answered, and how it is to be asked. */
export interface Connection {
  readonly client: LangfuseClient
  readonly project: string
  readonly store: Store
  /** Whether it has the metrics by which completeness is checked. */
  readonly counts: boolean
  readonly version: string | null
}

const HOUR = 3_600_000

/** A client for the settings of a project. */
export function clientFor(settings: LangfusePolicy, now: () => number): LangfuseClient {
  const { url, publicKey, secretKey, timeoutMs } = settings
  return langfuseClient({ baseUrl: url, publicKey, secretKey, timeoutMs, now })
}

/**
 * Finds out whose keys these are and what the server can do: the health names the version, the projects try the keys, and one row of
 * the metrics tells servers with the second version of the API from those without. A server of one's own without it is read by
 * the first version; the cloud always has it. Rejects with HttpError or Unsupported.
 */
export async function probe(
  client: LangfuseClient,
  url: string,
  now: number,
  signal: AbortSignal,
): Promise<Connection> {
  const version = await client.version(signal)
  const project = await client.project(signal)
  if (project === null) throw new Unsupported('the keys belong to no project; it needs the key pair of one')
  const found = { client, project: project.id, version }
  if (await hasMetrics(client, now, signal)) return { ...found, store: storeV2(client), counts: true }
  const named = version === null ? '' : ` (its version is ${version})`
  if (isCloud(url)) throw new Unsupported(`${url} has no /api/public/v2/metrics${named}, which it always had`)
  const store = storeV1(client)
  if (await isMissing(() => first(store.rows({ from: now - HOUR, to: now }, 1, signal))))
    throw new Unsupported(
      `it has neither version of its API to read observations by${named}; update it to 4, or remove it`,
    )
  return { ...found, store, counts: false }
}

async function hasMetrics(client: LangfuseClient, now: number, signal: AbortSignal): Promise<boolean> {
  return !(await isMissing(() => client.metrics(questionOf({ from: now - HOUR, to: now }), signal)))
}

async function first(pages: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of pages) return
}

/** Any other answer of a server that is well, also one that asks for patience, comes from one that has it. */
async function isMissing(ask: () => Promise<unknown>): Promise<boolean> {
  try {
    await ask()
    return false
  } catch (error) {
    if (!(error instanceof HttpError) || error.status === null) throw error
    if (error.status === 401 || error.status >= 500) throw error
    return error.status === 404
  }
}

/** Langfuse's own servers. */
function isCloud(url: string): boolean {
  return /(?:^|\.)langfuse\.com$/i.test(new URL(url).hostname)
}
