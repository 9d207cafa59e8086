import { isLoopback } from '../loopback.ts'
import type { Policy } from './policy.ts'

const VARIABLES = { reader: 'MARGINWATCH_READER_KEY', ingest: 'MARGINWATCH_INGEST_KEY' } as const

/** What decides whether others can reach the program without a key. */
export interface Exposure {
  readonly host: string
  /** Whether a key is set. */
  readonly reader: boolean
  readonly ingest: boolean
  /** Whether records are taken by push. */
  readonly push: boolean
}

/**
 * Why the program must not listen as this policy says, with what to do, in a sentence; null when it may. Beyond loopback the
 * page, `/metrics` and the API need a reader key, and push needs an ingest key; without an admin key nobody is admin.
 */
export function exposureProblem(policy: Policy): string | null {
  const { host, keys } = policy.server
  const { push } = policy.sources.litellm
  return exposed({ host, push, reader: keys.reader !== null, ingest: keys.ingest !== null })
}

/** The same for a file that is still being checked. */
export function exposed({ host, reader, ingest, push }: Exposure): string | null {
  if (isLoopback(host)) return null
  const missing = [...(reader ? [] : ['reader' as const]), ...(ingest || !push ? [] : ['ingest' as const])]
  if (missing.length === 0) return null
  const keys = missing.map((role) => `${role}: "\${${VARIABLES[role]}}"`).join(', ')
  const variables = missing.map((role) => VARIABLES[role]).join(' and ')
  return (
    `found ${JSON.stringify(host)}, which other machines can reach, but no key for ${missing.join(' and ')}; ` +
    `set ${variables} (e.g. by openssl rand -hex 24) and write server: { keys: { ${keys} } }, or listen on 127.0.0.1`
  )
}
